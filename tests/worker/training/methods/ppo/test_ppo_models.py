"""What the policy, the reference and the value model compute, against the models' own forward pass."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import get_peft_model
from torch import Tensor
from transformers import PreTrainedModel

from tests.worker.training.methods.ppo.toy import Kind, toy_lora, toy_model
from worker.training.methods.ppo.models import Completions, Reference, build_value_model, read, unwrapped_model
from worker.training.shared.checkpoint import load_model
from worker.training.t5.seq2seq_dpo import disable_dropout, pad_rows

PROMPTS = [[4, 6, 1], [3, 1], [7, 8, 9, 5, 1]]
WRITTEN = [[5, 1], [3, 0, 7, 4], [1]]  # the second writes the padding token, and does not end
KINDS: tuple[Kind, ...] = ("t5", "llama")


def completions() -> Completions:
    """Three texts of unequal lengths."""
    return Completions(*pad_rows(PROMPTS, 0), *pad_rows(WRITTEN, 0))


def naive(model: PreTrainedModel, prompt: list[int], written: list[int], temperature: float = 1.0) -> Tensor:
    """The log-probabilities of one text, without padding or masks, by the model's own forward pass."""
    with torch.no_grad():
        if model.config.is_encoder_decoder:
            logits: Tensor = model(
                input_ids=torch.tensor([prompt]), decoder_input_ids=torch.tensor([[0, *written[:-1]]])
            ).logits
        else:
            logits = model(input_ids=torch.tensor([[*prompt, *written]])).logits[:, len(prompt) - 1 : -1]
    return torch.log_softmax(logits[0] / temperature, -1)


@pytest.fixture(params=["t5", "t5-v1.1", "llama"])
def model(request: pytest.FixtureRequest, tiny_t5: Path, tiny_t5_v1_1: Path) -> PreTrainedModel:
    """One of each kind, in training mode without dropout."""
    folders = {"t5": tiny_t5, "t5-v1.1": tiny_t5_v1_1}
    found = load_model(folders[request.param]) if request.param in folders else toy_model("llama")
    disable_dropout(found)
    found.train()
    return found


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_log_probabilities_and_entropies_are_those_of_each_text_alone(
    model: PreTrainedModel, temperature: float
) -> None:
    found = read(model, completions(), temperature)

    for row, (prompt, written) in enumerate(zip(PROMPTS, WRITTEN, strict=True)):
        log_p = naive(model, prompt, written, temperature)
        expected = log_p[range(len(written)), written]
        torch.testing.assert_close(found.logps[row, : len(written)], expected, atol=1e-5, rtol=1e-5)
        entropy = -(log_p.exp() * log_p).sum(-1)
        torch.testing.assert_close(found.entropies[row, : len(written)], entropy, atol=1e-5, rtol=1e-5)


def test_wider_padding_with_other_tokens_changes_nothing(model: PreTrainedModel) -> None:
    batch, wide = completions(), completions()
    spoilt = {
        name: torch.cat([getattr(wide, name), torch.full((3, 4), 9 if name.endswith("ids") else 0)], dim=1)
        for name in ("prompt_ids", "prompt_mask", "ids", "mask")
    }
    spoilt["ids"] = torch.where(spoilt["mask"].bool(), spoilt["ids"], 6)

    one, other = read(model, batch), read(model, Completions(**spoilt))

    kept = batch.mask.bool()
    torch.testing.assert_close(one.logps[kept], other.logps[:, :4][kept], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(one.states[kept], other.states[:, :4][kept], atol=1e-5, rtol=1e-5)


def test_a_values_state_is_the_one_the_token_is_written_from(model: PreTrainedModel) -> None:
    """Through the model's own head the states give the log-probabilities."""
    batch = completions()
    found = read(model, batch)

    head: Any = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    scaled = found.states * (
        model.config.d_model**-0.5 if getattr(model.config, "scale_decoder_outputs", False) else 1.0
    )
    log_p = head(scaled).log_softmax(-1).gather(-1, batch.ids[..., None])[..., 0]

    kept = batch.mask.bool()
    torch.testing.assert_close(log_p[kept], found.logps[kept], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("lora", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_reference_stays_where_the_policy_began(kind: Kind, lora: bool) -> None:
    model = toy_model(kind)
    disable_dropout(model)
    before = read(model, completions()).logps.detach()
    policy: Any = get_peft_model(model, toy_lora(model, kind)) if lora else model
    disable_dropout(policy)
    reference = Reference(policy)
    with torch.no_grad():
        for weight in policy.parameters():
            if weight.requires_grad:
                weight.add_(torch.randn_like(weight) * 0.3)

    torch.testing.assert_close(reference.read(policy, completions(), 1.0).logps, before, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(read(policy, completions()).logps, before, atol=1e-2)
    assert (reference.copy is None) == lora


@pytest.mark.parametrize("width", [0, 5])
@pytest.mark.parametrize("value_model", ["shared", "separate"])
@pytest.mark.parametrize("kind", KINDS)
def test_values_are_zero_at_first_and_every_weight_gets_a_gradient_once_the_head_has_moved(
    kind: Kind, value_model: str, width: int
) -> None:
    policy = toy_model(kind)
    disable_dropout(policy)
    found = build_value_model(value_model, policy, None, width)
    batch = completions()

    assert not found(read(policy, batch).states, batch).any()

    last: Any = found.head.layers[-1]
    torch.nn.init.normal_(last.weight)
    error: Any = found(read(policy, batch).states, batch)[batch.mask.bool()].square().sum()
    error.backward()
    assert all(weight.grad is not None for weight in found.parameters() if weight.requires_grad)
    in_policy = [weight.grad is not None for name, weight in policy.named_parameters() if "lm_head" not in name]
    assert all(in_policy) if value_model == "shared" else not any(in_policy)


def test_a_separate_value_model_trains_an_adapter_where_the_policy_does() -> None:
    model = toy_model("llama")
    found = build_value_model("separate", model, toy_lora(model, "llama"))

    trained = [name for name, weight in found.named_parameters() if weight.requires_grad]

    assert all("lora" in name or name.startswith("head.") for name in trained)
    assert any("lora" in name for name in trained)
    assert unwrapped_model(model) is model
    assert not any("lora" in name for name, _ in model.named_parameters())


def test_choosing_rows_trims_what_none_of_them_fills() -> None:
    chosen = completions().rows(torch.tensor([2, 0]))

    assert chosen.prompt_ids.tolist() == [[7, 8, 9, 5, 1], [4, 6, 1, 0, 0]]
    assert chosen.ids.tolist() == [[1, 0], [5, 1]]
    assert chosen.mask.tolist() == [[1, 0], [1, 1]]
    assert completions().lists() == WRITTEN
