"""The states without padding are those of the model's own forward."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from worker.training.shared.checkpoint import load_model
from worker.training.t5.packed_t5 import can_be_packed, scored_states
from worker.training.t5.seq2seq_dpo import disable_dropout
from worker.training.t5.seq2seq_head import add_seq2seq_head, head_of

PROMPTS = torch.tensor([[5, 6, 7, 8, 1], [9, 10, 1, 0, 0]])
INPUTS = torch.tensor([[0, 11, 12, 13], [0, 14, 0, 0], [0, 15, 16, 0]])
SCORED = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]]).bool()
PROMPT_OF_ROW = torch.tensor([0, 1, 0])


def quiet_model(folder: Path) -> Any:
    model = load_model(folder)
    disable_dropout(model)
    return model.train()


def gradients(model: Any, loss: Tensor) -> dict[str, Tensor]:
    model.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}


@pytest.fixture(params=["tiny_t5", "tiny_t5_v1_1", "tiny_mt5"])
def each_kind(request: pytest.FixtureRequest) -> Path:
    """Every kind of model that can be packed, in turn."""
    folder: Path = request.getfixturevalue(request.param)
    return folder


@pytest.mark.parametrize("padded", [True, False], ids=["padded", "full rows"])
def test_logits_and_gradients_are_those_of_the_models_own_forward(each_kind: Path, padded: bool) -> None:
    model = quiet_model(each_kind)
    assert can_be_packed(model)
    prompts, inputs, scored = (PROMPTS, INPUTS, SCORED) if padded else (PROMPTS[:, :3], INPUTS[:, :2], SCORED[:, :2])
    mask = prompts != 0

    states, matrix = scored_states(model, prompts, mask, PROMPT_OF_ROW, inputs, scored)
    packed = states @ matrix.T
    own = model(input_ids=prompts[PROMPT_OF_ROW], attention_mask=mask[PROMPT_OF_ROW], decoder_input_ids=inputs).logits[
        scored
    ]

    assert torch.allclose(packed, own, atol=1e-5)
    weighing = torch.randn(own.shape, generator=torch.Generator().manual_seed(0))
    ours, theirs = gradients(model, (packed * weighing).sum()), gradients(model, (own * weighing).sum())
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert torch.allclose(ours[name], theirs[name], rtol=1e-3, atol=1e-3), name


def test_a_model_that_drops_out_or_is_recomputed_or_is_of_another_kind_takes_its_own_forward(tiny_t5: Path) -> None:
    assert not can_be_packed(load_model(tiny_t5))  # it has dropout
    model = quiet_model(tiny_t5)
    assert can_be_packed(model)
    assert not can_be_packed(model.encoder)
    model.activation_checkpointing_enable()
    assert not can_be_packed(model)
    assert not can_be_packed(quiet_model(tiny_t5).half())


def test_a_head_that_was_asked_before_sees_what_is_switched_on_later(tiny_t5: Path) -> None:
    model = quiet_model(tiny_t5)
    add_seq2seq_head(model)
    head = head_of(model)
    assert head.can_be_packed()

    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.1
    assert not head.can_be_packed()


def test_the_gradient_of_a_table_that_is_the_head_too_is_a_plain_tensor(tiny_t5: Path) -> None:
    model = quiet_model(tiny_t5)
    assert model.lm_head.weight is model.shared.weight

    states, matrix = scored_states(model, PROMPTS, PROMPTS != 0, PROMPT_OF_ROW, INPUTS, SCORED)
    assert matrix.data_ptr() == model.shared.weight.data_ptr()
    (states @ matrix.T).sum().backward()  # type: ignore[no-untyped-call]

    assert model.shared.weight.grad.layout == torch.strided
