"""What is sampled, and what is known of it before the first step."""

from collections import Counter
from typing import Any

import pytest
import torch

from tests.worker.training.methods.ppo.toy import Kind, toy_model, toy_tokenizer
from worker.training.loading.loading import Loaded
from worker.training.methods.ppo.models import Reference, build_value_model, read
from worker.training.methods.ppo.rollout import Prompt, Sampling, roll_out, write
from worker.training.t5.seq2seq_dpo import disable_dropout

KINDS: tuple[Kind, ...] = ("t5", "llama")
PROMPTS = [Prompt([4, 6], "well red"), Prompt([3], "bad"), Prompt([7, 8, 9, 5], "blue one two ill")]


def toy(kind: Kind) -> Loaded:
    """A policy without dropout."""
    model = toy_model(kind)
    disable_dropout(model)
    return Loaded(model, toy_tokenizer(), "seq2seq" if kind == "t5" else "causal", "toy")


def sampling(length: int = 6, seed: int = 0, **settings: Any) -> Sampling:
    """The policy itself, unless told otherwise."""
    return Sampling(
        length, **{"temperature": 1.0, "top_k": 0, "top_p": 1.0, **settings}, per_device_eval_batch_size=512, seed=seed
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_goes_up_to_its_first_eos_or_the_limit(kind: Kind) -> None:
    loaded = toy(kind)

    completions, ended = write(loaded, loaded.model, PROMPTS * 20, sampling())

    texts = completions.lists()
    assert 0 < int(ended.sum()) < len(texts)
    for ids, whole in zip(texts, ended.tolist(), strict=True):
        assert ids.count(1) == int(whole)
        assert ids[-1] == 1 if whole else len(ids) == 6
    assert completions.prompt_ids[2].tolist() == [7, 8, 9, 5]
    assert completions.prompt_mask[1].tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_alone_decides_and_the_global_random_numbers_are_left_alone(kind: Kind) -> None:
    loaded = toy(kind)
    torch.manual_seed(5)
    state = torch.get_rng_state()

    first = write(loaded, loaded.model, PROMPTS * 4, sampling(seed=1))[0].lists()
    assert torch.equal(torch.get_rng_state(), state)

    torch.rand(3)
    assert write(loaded, loaded.model, PROMPTS * 4, sampling(seed=1))[0].lists() == first
    assert write(loaded, loaded.model, PROMPTS * 4, sampling(seed=2))[0].lists() != first


@pytest.mark.parametrize("temperature", [1.0, 0.5])
@pytest.mark.parametrize("kind", KINDS)
def test_the_samples_are_the_policys_whatever_the_model_says_of_its_generation(kind: Kind, temperature: float) -> None:
    """The share of each first token against softmax(logits / temperature), within four standard errors."""
    loaded, count = toy(kind), 3000
    own: Any = loaded.model.generation_config
    own.update(suppress_tokens=[2, 3], min_p=0.3, top_k=2, top_p=0.5, repetition_penalty=3.0, no_repeat_ngram_size=1)

    written = write(loaded, loaded.model, [PROMPTS[0]] * count, sampling(2, temperature=temperature))[0]

    shares = Counter(ids[0] for ids in written.lists())
    one = written.rows(torch.tensor([0]))
    for token in range(12):
        one.ids[0, 0] = token
        p = float(read(loaded.model, one, temperature).logps[0, 0].exp().detach())
        assert shares[token] / count == pytest.approx(p, abs=4 * (p * (1 - p) / count) ** 0.5 + 1e-3)
    assert loaded.model.generation_config is own


@pytest.mark.parametrize("kind", KINDS)
def test_a_rollout_knows_each_text_as_if_it_were_read_alone(kind: Kind) -> None:
    loaded = toy(kind)
    completions, ended = write(loaded, loaded.model, PROMPTS * 2, sampling())
    value_model = build_value_model("separate", loaded.model, None)

    rollout = roll_out(
        loaded.model, Reference(loaded.model), value_model, completions, torch.arange(6.0), ended, 1.0, batch_size=4
    )

    assert not rollout.logps.requires_grad
    assert not rollout.values.any()
    for row in range(6):
        alone = read(loaded.model, completions.rows(torch.tensor([row]))).logps[0].detach()
        length = int(rollout.mask[row].sum())
        torch.testing.assert_close(rollout.logps[row, :length], alone, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(rollout.ref_logps[row, :length], alone, atol=1e-5, rtol=1e-5)
