"""Flags made from settings, and settings files and presets."""

import argparse
from pathlib import Path

import pytest
import yaml
from trl.trainer.dpo_config import DPOConfig

from models.model_errors import RecipeError
from models.settings.command_line import METHOD_OPTIONS, DPOOptions, KTOOptions, SFTOptions
from worker.commands.support.flags import (
    PRESETS,
    add_config_flag,
    add_option_flags,
    expand_config,
    options_from,
    preset_names,
)
from worker.training.run.arguments import make_arguments
from worker.training.run.data import sample


def parser_of(method: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    add_config_flag(parser)
    add_option_flags(parser, method, METHOD_OPTIONS[method])
    return parser


def read(method: str, *arguments: str) -> tuple[object, list[str]]:
    said: list[str] = []
    parser = parser_of(method)
    expanded = expand_config(arguments, parser, said.append, method)
    return options_from(parser.parse_args(expanded), METHOD_OPTIONS[method]), said


@pytest.mark.parametrize("method", METHOD_OPTIONS)
def test_without_flags_every_setting_has_its_default(method: str) -> None:
    assert read(method) == (METHOD_OPTIONS[method](), [])


def test_flags_of_every_kind_are_read() -> None:
    options, _ = read(
        "dpo", "--beta", "0.3", "--use_peft", "--loss_type", "sigmoid", "sft", "--lora_target_modules", "q", "v"
    )

    assert options == DPOOptions(beta=0.3, use_peft=True, loss_type=("sigmoid", "sft"), lora_target_modules=("q", "v"))


def test_the_command_line_counts_more_than_the_file_wherever_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("beta: 0.7\nuse_peft: true\nseed: 5\nloss_type: [ipo]\n", encoding="utf-8")

    options, said = read("dpo", "--seed", "6", "--config", str(file), "--no-use_peft")

    assert options == DPOOptions(beta=0.7, seed=6, loss_type=("ipo",), use_peft=False)
    assert said == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("betta: 1", "betta in FILE is not a setting of this command."),
        ("- 1", "FILE must hold settings, one `name: value` a line."),
        ("beta: [1, 2]", "beta in FILE must be one value."),
        ("beta: {a: 1}", "beta in FILE must be a value or a list."),
        ("use_peft: 3", "use_peft in FILE must be true or false."),
        ("beta: true", "beta in FILE must not be true or false."),
        ("config: quick", "config in FILE is not a setting of this command."),
        ("a: b: c", "FILE is not YAML"),
        ("beta: 1\nseed: 2\nbeta: 2", "FILE is not YAML: beta is there twice."),
    ],
)
def test_a_wrong_file_is_told_in_one_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(content, encoding="utf-8")

    with pytest.raises(RecipeError) as raised:
        read("dpo", "--config", str(file))

    assert str(raised.value).startswith(sentence.replace("FILE", str(file)))


def test_a_name_that_is_no_file_and_no_preset_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"the presets are colab, dpo-trainer, low-memory, production, quick, seed"):
        read("dpo", "--config", "fast")


@pytest.mark.parametrize("preset", preset_names())
@pytest.mark.parametrize("method", METHOD_OPTIONS)
def test_every_preset_suits_every_method(method: str, preset: str) -> None:
    options, said = read(method, "--config", preset)

    assert isinstance(options, METHOD_OPTIONS[method])
    held = yaml.safe_load((PRESETS / f"{preset}.yaml").read_text(encoding="utf-8"))
    sections = {name: held.pop(name) for name in METHOD_OPTIONS if name in held}
    held |= sections.get(method, {})
    assert all(getattr(options, name) == value for name, value in held.items() if hasattr(options, name))
    assert bool(said) == any(not hasattr(options, name) for name in held)


@pytest.mark.parametrize("preset", ["dpo-trainer", "low-memory"])
def test_a_preset_of_one_row_at_a_time_has_two_for_kto_and_the_same_step(preset: str) -> None:
    kto, dpo = (read(method, "--config", preset)[0] for method in ("kto", "dpo"))
    assert isinstance(kto, KTOOptions)
    assert isinstance(dpo, DPOOptions)
    assert (kto.per_device_train_batch_size, dpo.per_device_train_batch_size) == (2, 1)
    steps = [one.per_device_train_batch_size * one.gradient_accumulation_steps for one in (kto, dpo)]
    assert steps == [8, 8]


def test_a_section_of_a_file_is_for_its_method_alone(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("seed: 5\ndpo:\n  seed: 6\n  beta: 0.7\nkto:\n  desirable_weight: 2.0\n", encoding="utf-8")
    assert read("dpo", "--config", str(file))[0] == DPOOptions(seed=6, beta=0.7)
    assert read("kto", "--config", str(file))[0] == KTOOptions(seed=5, desirable_weight=2.0)


def test_the_preset_for_a_first_try_takes_all_of_a_small_file(tmp_path: Path) -> None:
    """A share of it would be one prompt, of which none can be held out."""
    options, _ = read("dpo", "--config", "quick")
    assert isinstance(options, DPOOptions)
    assert len(sample([{"prompt": str(number)} for number in range(40)], options)) == 40


def test_the_preset_that_stops_early_scores_a_short_run_too(tmp_path: Path) -> None:
    options, _ = read("dpo", "--config", "production")
    assert isinstance(options, DPOOptions)
    arguments = make_arguments(DPOConfig, options, 1e-3, tmp_path, held_out=True, best_metric="eval_rewards/margins")
    assert arguments.load_best_model_at_end
    assert arguments.eval_steps == arguments.save_steps == 0.2  # a share of the run, however short


def test_the_presets_are_those_that_were_asked_for() -> None:
    assert read("dpo", "--config", "seed-detoxifier")[0] == DPOOptions(
        learning_rate=1e-6, beta=0.1, num_train_epochs=2, per_device_train_batch_size=4
    )
    assert read("sft", "--config", "quick")[0] == SFTOptions(max_samples=64, num_train_epochs=1, logging_steps=1)


def test_settings_of_other_methods_in_a_preset_are_named() -> None:
    _, said = read("reward", "--config", "seed-detoxifier")

    assert said == ["The preset seed-detoxifier also sets beta, which this command does not have."]
