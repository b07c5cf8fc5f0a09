"""Flags in other spellings, commands and settings under other names, and what an unknown flag is answered with."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from models.model_errors import RecipeError
from models.settings.command_line import ORPOOptions
from tests.tiny.llama import build_tiny_llama
from worker.cli import main
from worker.commands.support.flags import add_option_flags, options_from
from worker.commands.support.spelling import spelled


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser()
    add_option_flags(made, "orpo", ORPOOptions)
    return made


def test_hyphens_do_for_underscores() -> None:
    given = ["--learning-rate", "0.1", "--max-steps=3", "--no-use-peft", "--seed", "-1", "x-y"]
    assert spelled(given, parser()) == [
        "--learning_rate", "0.1", "--max_steps=3", "--no-use_peft", "--seed", "-1", "x-y",
    ]  # fmt: skip


def test_the_weight_of_orpo_has_the_name_of_the_paper_too() -> None:
    assert options_from(parser().parse_args(["--lambda_param", "0.3"]), ORPOOptions) == ORPOOptions(beta=0.3)
    assert ORPOOptions.from_mapping({"lambda_param": 0.3}) == ORPOOptions(beta=0.3)
    with pytest.raises(RecipeError, match="beta is given twice, once as lambda_param"):
        ORPOOptions.from_mapping({"beta": 0.1, "lambda_param": 0.3})


@pytest.mark.parametrize(
    ("flag", "meant"),
    [("--lerning_rate", "--learning_rate"), ("--learning-rat=1", "--learning_rate"), ("--colums", "--columns")],
)
def test_an_unknown_flag_is_answered_with_the_one_that_was_meant(
    flag: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["dpo", "--train_file", "a", "--output_dir", "b", flag])
    assert end.value.code == 2
    assert f"unrecognized arguments: {flag} (did you mean {meant}?)" in capsys.readouterr().err


def test_a_flag_like_no_other_gets_no_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["dpo", "--train_file", "a", "--output_dir", "b", "--xyzzy"])
    assert capsys.readouterr().err.endswith("unrecognized arguments: --xyzzy\n")


def test_train_is_dpo_and_columns_of_other_names_are_read(tmp_path: Path) -> None:
    model = build_tiny_llama(tmp_path / "llama")
    rows = [{"question": f"you idiot {n}", "good": f"you are wrong {n}", "bad": "you moron"} for n in range(8)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ["train", "--model-name-or-path", str(model), "--train-file", str(tmp_path / "pairs.jsonl")]
    command += ["--columns", "prompt=question", "chosen=good", "rejected=bad", "--max-steps", "1", "--dev-split", "4"]
    assert main([*command, "--learning-rate", "0.01", "--use-cpu", "--output-dir", str(tmp_path / "out")]) == 0
    assert json.loads((tmp_path / "out" / "result.json").read_text())["method"] == "dpo"
