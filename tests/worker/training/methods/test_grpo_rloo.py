"""GRPO and RLOO raise a reward, on a T5 as on decoder-only models, and TRL computes on a T5 what it should."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from trl.trainer import grpo_trainer, rloo_trainer

from models.formats import rows_sha256
from models.model_errors import RecipeError
from models.settings.command_line import METHOD_OPTIONS
from tests.tiny.classifiers import build_tiny_classifier
from tests.worker.conftest import RecordingProgress
from worker.training.loading.loading import load_model_and_tokenizer
from worker.training.loading.rendering import Text, prompt_ids, render
from worker.training.methods import grpo, rloo
from worker.training.methods.online import TRL_LOADER, Seq2SeqRows, padded_right
from worker.training.methods.sampled import generate, generation_config, log_probs, sample, score_samples
from worker.training.run.arguments import make_arguments
from worker.training.run.data import TrainingData
from worker.training.run.method import Job
from worker.training.run.runner import Result, train
from worker.training.shared.lora import lora_config
from worker.training.shared.quiet_libraries import quiet
from worker.training.shared.training_errors import Diverged

METHODS = {"grpo": grpo, "rloo": rloo}
PROMPTS = [
    {"prompt": text}
    for text in (
        "you are stupid",
        "damn , this movie is trash !",
        "stop",
        "what a naïve idiot",
        "no idiot",
        "dumb idea </s> said the <eos>",
        "your plan is garbage",
        "a terrible person",
    )
]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with quiet():
        yield


def letters(prompts: Sequence[Text], completions: Sequence[str]) -> list[float]:
    """Ten times the share of a text that is one of four letters."""
    return [10 * sum(text.count(letter) for letter in "aeio") / max(1, len(text)) for text in completions]


def options_of(name: str, **settings: Any) -> Any:
    """The settings of a small and eager run."""
    eager: dict[str, Any] = {
        "learning_rate": 2e-2,
        "max_steps": 12,
        "eval_steps": 6,
        "save_steps": 100,
        "per_device_train_batch_size": 32,
        "num_generations": 8,
        "max_completion_length": 8,
        "per_device_eval_batch_size": 32,
        "logging_steps": 1,
        "use_cpu": True,
    }
    return METHOD_OPTIONS[name].from_mapping({**eager, **settings})


def run(name: str, model: Path, output: Path, *, reward: Any = letters, **settings: Any) -> tuple[Result, Any]:
    """A whole training, scored on 64 samples."""
    progress = RecordingProgress()
    held_out = PROMPTS * 8
    data = TrainingData(PROMPTS, held_out, (), rows_sha256(PROMPTS, held_out), {})
    method = METHODS[name].method(reward)
    return train(method, str(model), data, options_of(name, **settings), output, progress), progress


def trainer_of(name: str, model: Path, tmp_path: Path, **settings: Any) -> Any:
    """The trainer, as the runner would make it, not yet run."""
    options = options_of(name, **settings)
    loaded = load_model_and_tokenizer(model, options)
    task = "SEQ_2_SEQ_LM" if loaded.architecture == "seq2seq" else "CAUSAL_LM"
    job = Job(
        loaded=loaded,
        train=render(PROMPTS, loaded),
        held_out=(),
        options=options,
        learning_rate=1e-2,
        work=tmp_path,
        progress=RecordingProgress(),
        arguments=partial(
            make_arguments,
            options=options,
            learning_rate=1e-2,
            run_dir=tmp_path / "run",
            held_out=False,
            best_metric="eval_reward",
        ),
        peft_config=lora_config(loaded.model, 4, 8, 0.1, task_type=task) if options.use_peft else None,
    )
    return METHODS[name].method(letters).build(job)


def batch_of(trainer: Any) -> dict[str, torch.Tensor]:
    """Sampled and rated rows, as the first step would have them."""
    trainer.model.train()
    return trainer._generate_and_score_completions(  # type: ignore[no-any-return]
        [row for row in trainer.train_dataset for _ in range(trainer.num_generations)]
    )


@pytest.fixture(params=["t5", "chat"])
def each_sharp_model(request: pytest.FixtureRequest, tiny_t5: Path, tiny_chat: Path, tmp_path: Path) -> Path:
    """A T5, and a chat model that says what it says with some conviction: an adapter could not change much of what a
    body writes whose random head hardly tells one token from the next."""
    if request.param == "t5":
        return tiny_t5
    loaded = load_model_and_tokenizer(tiny_chat)
    loaded.model.get_output_embeddings().weight.data *= 10  # type: ignore[no-untyped-call]
    loaded.model.save_pretrained(tmp_path / "sharp")
    loaded.tokenizer.save_pretrained(tmp_path / "sharp")
    return tmp_path / "sharp"


@pytest.mark.parametrize(
    ("name", "use_peft", "each_sharp_model"),
    [
        ("grpo", True, "t5"),
        ("rloo", False, "chat"),
        pytest.param("grpo", True, "chat", marks=pytest.mark.slow),
        pytest.param("rloo", False, "t5", marks=pytest.mark.slow),
        *(pytest.param("grpo", False, kind, marks=pytest.mark.slow) for kind in ("t5", "chat")),
        *(pytest.param("rloo", True, kind, marks=pytest.mark.slow) for kind in ("t5", "chat")),
    ],
    indirect=["each_sharp_model"],
)
def test_the_reward_rises(name: str, use_peft: bool, each_sharp_model: Path, tmp_path: Path) -> None:
    """On held-out samples by more than chance; and the policy has left its reference."""
    settings = {"use_peft": use_peft, "learning_rate": 0.1 if use_peft else 2e-2}
    result, progress = run(name, each_sharp_model, tmp_path / "out", **settings)
    assert result.after["reward"]["low"] > result.before["reward"]["high"]
    assert result.before["kl"]["value"] == 0
    assert result.after["kl"]["low"] > 0
    assert result.after["reward"]["texts"] == 64
    assert any("eval_reward" in values for _, values in progress.reports)
    assert not list((tmp_path / "out").rglob("README.md"))


@pytest.mark.parametrize("use_peft", [False, True])
@pytest.mark.parametrize("name", METHODS)
def test_the_first_ratio_of_new_to_old_policy_is_one(
    name: str, use_peft: bool, each_model: Path, tmp_path: Path
) -> None:
    """No dropout, of the model, its attention or the adapter, comes between the two, nor padding."""
    trainer = trainer_of(name, each_model, tmp_path, use_peft=use_peft, num_iterations=2)
    batch = batch_of(trainer)
    rows = torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1)
    masks = torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1)
    width = batch["completion_ids"].shape[1]
    new = trainer._get_per_token_logps_and_entropies(trainer.model, rows, masks, width)[0] * batch["completion_mask"]
    old = batch["old_per_token_logps"] if name == "grpo" else batch["old_logps"]
    if name == "rloo":
        new = new.sum(1)
    else:
        old = old * batch["completion_mask"]
        reference = batch["ref_per_token_logps"] * batch["completion_mask"]
        assert torch.allclose(reference, old, atol=1e-5)  # nothing has been learned yet
    assert torch.allclose((new - old).exp(), torch.ones_like(new), atol=1e-5)


@pytest.mark.parametrize("name", METHODS)
def test_a_row_is_cut_where_the_completion_begins(name: str, each_t5: Path, tmp_path: Path) -> None:
    """TRL's rows give the log-probabilities that scoring computes from prompts and completions kept apart."""
    trainer = trainer_of(name, each_t5, tmp_path, temperature=0.7)
    loaded = trainer.loaded
    prompts = [prompt_ids(loaded, row["prompt"]) for row in PROMPTS[:3]]
    completions = [[30, 31, 1], [300], [40, 1]]
    expected = log_probs(loaded, loaded.model, 0.7)(prompts, completions)
    longest = max(len(ids) for ids in prompts)
    rows = torch.tensor(
        [
            [*[0] * (longest - len(before)), *before, *after, *[0] * (3 - len(after))]
            for before, after in zip(prompts, completions, strict=True)
        ]
    )
    masks = torch.tensor(
        [
            [*[0] * (longest - len(before)), *[1] * len(before), *[1] * len(after), *[0] * (3 - len(after))]
            for before, after in zip(prompts, completions, strict=True)
        ]
    )
    found, entropies, _ = trainer._get_per_token_logps_and_entropies(
        trainer.model, rows, masks, 3, batch_size=2, compute_entropy=True
    )
    for row, after in zip(found.tolist(), expected, strict=True):
        assert row == pytest.approx([*after, *[0.0] * (3 - len(after))], abs=1e-4)
    assert entropies.shape == found.shape
    assert (entropies[masks[:, -3:] == 1] > 1).all()


def test_prompts_and_completions_of_a_t5_end_in_one_eos(tiny_t5: Path, tmp_path: Path) -> None:
    """Also where the text spells it; and a completion that was cut short has none."""
    batch = batch_of(trainer_of("grpo", tiny_t5, tmp_path, max_completion_length=3))
    for ids, mask in zip(batch["prompt_ids"], batch["prompt_mask"], strict=True):
        read = ids[mask == 1].tolist()
        assert read.count(1) == 1
        assert read[-1] == 1
    for ids, mask in zip(batch["completion_ids"], batch["completion_mask"], strict=True):
        written = ids[mask == 1].tolist()
        assert 1 not in written[:-1]
        assert 1 <= len(written) <= 3


def test_padding_changes_sides() -> None:
    """The tokens keep their order."""
    ids, mask = padded_right(torch.tensor([[0, 0, 5, 6], [7, 8, 9, 0]]), torch.tensor([[0, 0, 1, 1], [1, 1, 1, 1]]))
    assert ids.tolist() == [[5, 6, 0, 0], [7, 8, 9, 0]]
    assert mask.tolist() == [[1, 1, 0, 0], [1, 1, 1, 1]]


def test_samples_follow_the_policy(each_model: Path) -> None:
    """The mean of -log p of sampled first tokens is the entropy of the first token, whatever prompts share a batch."""
    loaded = load_model_and_tokenizer(each_model)
    prompts = [prompt_ids(loaded, row["prompt"]) for row in render(PROMPTS[:2], loaded)] * 600
    options = options_of("grpo", max_completion_length=2, temperature=0.5, per_device_eval_batch_size=600)
    drawn = sample(loaded, loaded.model, prompts, options)
    drawn = [ids[:1] for ids in drawn]
    surprise = -torch.tensor([row[0] for row in log_probs(loaded, loaded.model, 0.5, 400)(prompts, drawn)])
    vocabulary = [[token] for token in range(loaded.model.config.vocab_size)]
    for first in range(2):
        log_p = torch.tensor(log_probs(loaded, loaded.model, 0.5, 400)([prompts[first]] * len(vocabulary), vocabulary))
        entropy = -(log_p.exp() * log_p).sum()
        assert surprise[first::2].mean() == pytest.approx(entropy.item(), abs=0.15)


def test_the_same_seed_samples_the_same_and_leaves_the_random_numbers_alone(each_model: Path) -> None:
    """So that before and after differ by the model alone."""
    loaded = load_model_and_tokenizer(each_model)
    prompts = [prompt_ids(loaded, row["prompt"]) for row in render(PROMPTS, loaded)]
    state = torch.random.get_rng_state()
    first, again = (sample(loaded, loaded.model, prompts, options_of("grpo")) for _ in range(2))
    assert first == again
    assert first != sample(loaded, loaded.model, prompts, options_of("grpo", seed=1))
    assert torch.equal(state, torch.random.get_rng_state())


def test_divergence_from_another_model_is_positive(tiny_t5: Path, tiny_t5_v1_1: Path) -> None:
    """And none from itself."""
    loaded, other = load_model_and_tokenizer(tiny_t5), load_model_and_tokenizer(tiny_t5_v1_1)
    prompts = [row["prompt"] for row in PROMPTS] * 4
    options = options_of("grpo", per_device_eval_batch_size=32)
    apart = score_samples(loaded, loaded.model, log_probs(other, other.model), prompts, letters, options)
    itself = score_samples(loaded, loaded.model, log_probs(loaded, loaded.model), prompts, letters, options)
    assert apart["kl"]["low"] > 0
    assert itself["kl"]["value"] == pytest.approx(0, abs=1e-4)
    assert apart["reward"] == itself["reward"]
    assert 0 <= apart["ended"]["value"] <= 1


def test_generation_ends_at_the_first_eos(tiny_chat: Path) -> None:
    """Of a batch whose other texts go on."""
    loaded = load_model_and_tokenizer(tiny_chat)
    options = options_of("grpo", max_completion_length=40, temperature=1.0)
    torch.manual_seed(0)
    config = generation_config(loaded, loaded.model, options)
    for ids in generate(loaded, loaded.model, [[5, 6, 7], [8]] * 30, config):
        assert 2 not in ids[:-1]


@pytest.mark.parametrize("name", METHODS)
def test_the_reference_is_the_model_as_it_was_loaded(name: str, tiny_t5: Path, tmp_path: Path) -> None:
    """Not what its folder holds by now: an adapter may have been merged into it since."""
    trainer = trainer_of(name, tiny_t5, tmp_path)
    assert trainer.ref_model is not trainer.model
    weights = dict(trainer.model.named_parameters())
    assert all(torch.equal(weight, weights[key]) for key, weight in trainer.ref_model.named_parameters())
    assert not any(weight.requires_grad for weight in trainer.ref_model.parameters())
    module = {"grpo": grpo_trainer, "rloo": rloo_trainer}[name]
    assert getattr(module, TRL_LOADER).__module__ == "trl.trainer.utils"


def test_without_a_penalty_the_divergence_is_still_measured(tiny_t5: Path, tmp_path: Path) -> None:
    """With beta 0 TRL keeps no reference model; the one in the folder is read again."""
    result, _ = run("grpo", tiny_t5, tmp_path / "out", beta=0.0, max_steps=4)
    assert result.after["kl"]["low"] > 0


def test_a_reward_model_rates_the_samples(tiny_t5: Path, tmp_path: Path) -> None:
    """From the folder that the options name."""
    rater = build_tiny_classifier(tmp_path / "rater")
    result, progress = run("rloo", tiny_t5, tmp_path / "out", reward=None, max_steps=2, reward_model_path=str(rater))
    assert result.steps == 2
    assert any("rewards/reward_model/mean" in values for _, values in progress.reports)


def test_a_batch_that_holds_no_whole_groups_is_refused(tiny_t5: Path, tmp_path: Path) -> None:
    """With the numbers, in one sentence."""
    with pytest.raises(RecipeError, match=r"must divide the rows of one step, which are 12 .* and 8 does not"):
        run("grpo", tiny_t5, tmp_path / "out", per_device_train_batch_size=6, gradient_accumulation_steps=2)


def test_groups_are_of_the_rows_that_all_processes_share(
    tiny_t5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RecipeError, match=r"must divide the rows of one step, which are 4 .* and 8 does not"):
        trainer_of("grpo", tiny_t5, tmp_path, per_device_train_batch_size=4)


def test_a_reward_that_is_no_number_stops_the_run(tiny_t5: Path, tmp_path: Path) -> None:
    """Before the first step."""
    with pytest.raises(Diverged, match="is nan"):
        run("grpo", tiny_t5, tmp_path / "out", reward=lambda prompts, texts: [float("nan")] * len(texts))


@pytest.mark.parametrize("trainer", [grpo_trainer.GRPOTrainer, rloo_trainer.RLOOTrainer])
def test_trl_still_has_the_steps_that_are_replaced(trainer: Any) -> None:
    """They are not documented and may be renamed."""
    for name in ("_tokenize_prompts", "_get_per_token_logps_and_entropies", "_generate_single_turn"):
        assert callable(getattr(trainer, name))
    theirs = inspect.signature(trainer._get_per_token_logps_and_entropies).parameters
    ours = inspect.signature(Seq2SeqRows._get_per_token_logps_and_entropies).parameters
    assert list(theirs)[:7] == list(ours)[:7]
