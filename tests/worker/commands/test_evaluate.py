"""`python -m worker evaluate`, from the command line to the table."""

import json
from pathlib import Path

import pytest

from tests.scorer_cache import share_cache
from worker.cli import main


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    share_cache(folder)
    for name in ("DATABASE_URL", "REDIS_URL", "MELLOW_STORE", "ADMIN_EMAIL", "ADMIN_PASSWORD", "MELLOW_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MELLOW_HOME", str(folder))
    return folder


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.tsv"
    path.write_text("toxic\tneutral1\tneutral2\nyou idiot\tyou\tyou person\nthis is dumb\tthis is not good\t\n\tx\t\n")
    return path


def test_a_checkpoint_is_measured_beside_the_baselines(
    tiny_t5: Path, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.json"

    code = main(
        ["evaluate", "--model_name_or_path", str(tiny_t5), "--test_file", str(pairs), "--baselines", "--json", str(out)]
    )

    said = capsys.readouterr()
    assert code == 0
    assert "line 4 (the source is empty)" in said.err
    first, *rows = said.out.splitlines()
    assert first.split("  ")[-1].strip() == "people"
    assert [row.split("  ")[0] for row in rows[:3]] == ["J", "J with fluency", "Neutral (STA)"]
    assert "Toxicity: alt-profanity-check, 1.9.1." in said.out
    report = json.loads(out.read_text())
    assert report["systems"]["copy of the text"]["copies"]["value"] == 1
    assert report["test_set"]["texts"] == 2


def test_texts_without_references_are_measured_without_figures_that_need_them(
    tiny_serving: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = tmp_path / "posts.txt"
    texts.write_text("you dumb person\nwhat an idiot\n")

    code = main(["evaluate", "--baselines", "--model_name_or_path", str(tiny_serving), "--test_file", str(texts)])

    told = capsys.readouterr()
    assert (code, "Traceback" in told.err) == (0, False)
    assert "J of the best shown" in told.out
    assert "BLEU" not in told.out
    assert "people" not in told.out.splitlines()[0]


def test_two_models_are_compared_text_by_text(
    tiny_t5: Path, tiny_serving: Path, pairs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["evaluate", "--compare", str(tiny_t5), str(tiny_serving), "--test_file", str(pairs)])

    said = capsys.readouterr().out
    assert code == 0
    assert f"{tiny_t5} minus {tiny_serving}" in said
    assert said.count("too few texts to tell") >= 10, "there are two"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--compare", "1", "1"], "1 cannot be compared with itself: name two.\n"),
        (["--compare", "3", "03", "--baselines"], "3 cannot be compared with itself: name two.\n"),
        (["--dev_split"], "--dev_split takes a share of a test file: name one with --test_file.\n"),
        (["--toxicity_label", "3"], "--toxicity_label is a label of --toxicity_model: name that, too.\n"),
        (["--version", "7"], "Version 7 is not in the checkpoint store {home}/versions.\n"),
        ([], "No version serves yet: name one with --version, or a model with --model_name_or_path.\n"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(
    arguments: list[str], sentence: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *arguments]) == 1
    assert capsys.readouterr().err == sentence.format(home=home)


def test_a_report_that_cannot_be_written_is_told_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path, sentence in [
        (tmp_path / "none" / "report.json", f"There is no folder {tmp_path / 'none'} to write report.json to.\n"),
        (tmp_path, f"{tmp_path} is there already: name another file.\n"),
    ]:
        assert main(["evaluate", "--json", str(path)]) == 1
        assert capsys.readouterr().err == sentence


def test_a_test_file_that_is_no_table_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.doc").write_text("hello")

    assert main(["evaluate", "--test_file", str(tmp_path / "notes.doc")]) == 1
    assert capsys.readouterr().err == (
        "Line 1 has one column: a file of pairs has two or more, or one object a line in .jsonl.\n"
    )


def test_a_model_that_is_no_model_is_one_sentence(
    tmp_path: Path, pairs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--model_name_or_path", str(tmp_path), "--test_file", str(pairs)]) == 1
    assert "No encoder-decoder model could be loaded from" in capsys.readouterr().err.splitlines()[-1]


def test_help_says_what_the_figures_are_of(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["evaluate", "--help"])
    said = capsys.readouterr().out
    assert "--compare A B" in said
    assert "docs/evaluation.md" in said
