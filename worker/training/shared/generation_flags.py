"""Generation settings of a checkpoint that contradict each other, such as a temperature without sampling.

transformers loads them, but refuses to save them once anything in them was changed, and its trainers change the special
tokens there: without this a training would fail at its first checkpoint.
"""

from collections.abc import Callable
from typing import Any

from transformers import PreTrainedModel

from worker.training.shared.training_errors import CheckpointError

_SAMPLING = ("temperature", "top_p", "top_k", "min_p", "top_h", "typical_p", "epsilon_cutoff", "eta_cutoff")
_BEAMS = ("early_stopping", "length_penalty")
_CACHE = ("cache_implementation", "cache_config")
_OUTPUTS = ("output_attentions", "output_hidden_states", "output_scores", "output_logits")


def drop_ignored_flags(model: PreTrainedModel, log: Callable[[str], None]) -> None:
    """Reset the generation settings of `model` that generation ignores, if it could not be saved with them.

    `log` is told which. Raises `CheckpointError` for settings that cannot be saved in any case.
    """
    config: Any = getattr(model, "generation_config", None)
    if config is None or not _problem(config):
        return
    dropped = [name for name in _ignored(config) if getattr(config, name, None) not in (None, False)]
    for name in dropped:
        setattr(config, name, None)
    problem = _problem(config)
    if problem:
        raise CheckpointError(f"The model's generation_config.json cannot be used: {problem}")
    log(f"Left out of generation_config.json, since generation ignores it there: {', '.join(dropped)}.")


def _ignored(config: Any) -> list[str]:
    """Return the settings that have no effect beside the others."""
    names: list[str] = []
    if config.do_sample is not True:
        names += _SAMPLING
    if config.num_beams in (None, 1):
        names += _BEAMS
    if config.use_cache is False:
        names += _CACHE
    if config.return_dict_in_generate is not True:
        names += _OUTPUTS
    if config.pad_token_id is not None and config.pad_token_id < 0:
        names.append("pad_token_id")
    return names


def _problem(config: Any) -> str:
    """Return what is wrong with the settings, in one line, or "" if they can be saved."""
    try:
        config.validate(strict=True)
    except ValueError as error:
        return " ".join(str(error).split())
    return ""
