"""The commands that ask a model: chat, test, compare, merge, and identity-shift with the others after it."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path

import pytest
import torch
from peft import get_peft_model
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.tiny.llama import build_tiny_llama
from tests.tiny.t5 import build_tiny_t5
from worker.cli import main
from worker.commands.compare import table
from worker.training.loading.adapters import mark_as_trained_here
from worker.training.loading.loading import load_model_and_tokenizer
from worker.training.shared.lora import lora_config
from worker.training.shared.quiet_libraries import quiet

torch.set_num_threads(1)

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_llama(tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="module")
def t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_t5(tmp_path_factory.mktemp("t5"))


@pytest.fixture(scope="module")
def adapter(llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter of the llama that changes every answer."""
    loaded = load_model_and_tokenizer(llama)
    with quiet(), torch.random.fork_rng():
        torch.manual_seed(0)
        peft = get_peft_model(loaded.model, lora_config(loaded.model, 4, 8, 0.0, task_type="CAUSAL_LM"))
        for name, weight in peft.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.5)
    folder = tmp_path_factory.mktemp("adapter")
    peft.save_pretrained(str(folder))
    mark_as_trained_here(folder)
    return folder


def talk(monkeypatch: pytest.MonkeyPatch, text: str, *flags: str) -> int:
    """`chat` with `text` coming through a pipe."""
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    return main(["chat", "--max_new_tokens", "8", "--temperature", "0", *flags])


def test_a_piped_chat_answers_each_line_and_remembers_what_was_said(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    saved = tmp_path / "talk.jsonl"
    text = f"you are stupid\n\nno\n/save {saved}\n/reset\n/save {saved}\n"
    assert talk(monkeypatch, text, "--model_name_or_path", str(llama), "--system", "be good") == 0

    said = capsys.readouterr()
    (row,) = [json.loads(line) for line in saved.read_text().splitlines()]
    assert [turn["role"] for turn in row["messages"]] == ["system", "user", "assistant", "user", "assistant"]
    assert [turn["content"] for turn in row["messages"]][:2] == ["be good", "you are stupid"]
    assert said.out.replace("\n", "") == "".join(turn["content"] for turn in row["messages"][2::2]).replace("\n", "")
    assert f"Saved to {saved}." in said.err
    assert "A new conversation." in said.err
    assert "Nothing has been said yet." in said.err


def test_what_was_said_before_changes_the_answer_and_a_reset_forgets_it(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / f"{number}.jsonl" for number in range(3)]
    text = f"no\n/save {files[0]}\n/reset\nyou are stupid\nno\n/save {files[1]}\n/reset\nno\n/save {files[2]}\n"
    assert talk(monkeypatch, text, "--model_name_or_path", str(llama)) == 0
    first, second, third = [json.loads(file.read_text())["messages"][-1]["content"] for file in files]
    assert first == third != second


def test_a_chat_that_outgrows_the_window_loses_its_oldest_turns_only(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    saved = tmp_path / "talk.jsonl"
    lines = ["x" * 150, "y" * 150, "z" * 150, "w" * 150]
    assert talk(monkeypatch, "\n".join([*lines, f"/save {saved}"]), "--model_name_or_path", str(llama)) == 0

    kept = [turn["content"] for turn in json.loads(saved.read_text())["messages"] if turn["role"] == "user"]
    assert kept == lines[-len(kept) :]
    assert 0 < len(kept) < len(lines)
    assert "no longer fit" in capsys.readouterr().err


def test_a_t5_rewrites_each_line_by_itself_and_saves_what_can_be_trained_on(
    t5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    saved = tmp_path / "rewrites.jsonl"
    assert talk(monkeypatch, f"no idiot\nstop\nno idiot\n/save {saved}\n", "--model_name_or_path", str(t5)) == 0
    rows = [json.loads(line) for line in saved.read_text().splitlines()]
    assert [row["prompt"] for row in rows] == ["no idiot", "stop", "no idiot"]
    assert rows[0] == rows[2] != rows[1]
    assert rows[0]["completion"] in capsys.readouterr().out


def test_commands_that_are_none_and_files_that_are_there_cost_nothing(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    there = tmp_path / "there.jsonl"
    there.write_text("precious")
    text = f"no\n/dance\n/save\n/save {there}\n/save {tmp_path}/none/x\n/help\n/system be kind\n"
    assert talk(monkeypatch, text, "--model_name_or_path", str(llama)) == 0
    said = capsys.readouterr().err
    assert "There is no command /dance. /help lists them." in said
    assert "Name a file: /save talk.jsonl" in said
    assert f"{there} is there already: name another file." in said
    assert "There is no folder" in said
    assert "/system TEXT   begin a new one" in said
    assert "A new conversation under: be kind" in said
    assert there.read_text() == "precious"


@pytest.mark.slow
def test_at_a_terminal_ctrl_c_stops_the_answer_and_ctrl_d_leaves(llama: Path) -> None:
    command = [sys.executable, "-m", "worker", "chat", "--model_name_or_path", str(llama), "--max_new_tokens", "400"]
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, preexec_fn=_control_terminal
    )
    os.close(theirs)
    try:
        said = _until(ours, "> ")
        assert "Ctrl-C stops an answer, Ctrl-D leaves." in said
        os.write(ours, b"you are stupid\n")
        _until(ours, "you are stupid\r\n")
        assert os.read(ours, 1)  # the answer has begun
        os.write(ours, b"\x03")
        _until(ours, "> ")
        os.write(ours, b"/reset\n")
        said = _until(ours, "A new conversation.")
        if "> " not in said.partition("A new conversation.")[2]:
            _until(ours, "> ")  # it listens: before that the terminal would swallow the end of input
        os.write(ours, b"\x04")
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _control_terminal() -> None:
    """The terminal on standard input is where Ctrl-C comes from."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _until(terminal: int, wanted: str) -> str:
    """What the terminal shows up to and with `wanted`."""
    shown = b""
    while wanted.encode() not in shown:
        shown += os.read(terminal, 1024)
    return shown.decode(errors="replace")


def test_test_prints_and_writes_every_answer(llama: Path, tmp_path: Path, capsys: Captured) -> None:
    questions, report = tmp_path / "questions.txt", tmp_path / "answers.json"
    questions.write_text("no\n\nstop\n")
    flags = ["--question", "you are stupid", "--question_file", str(questions), "--num_samples", "3"]
    flags += ["--temperature", "1", "--max_new_tokens", "6", "--json", str(report)]
    assert main(["test", "--model_name_or_path", str(llama), *flags]) == 0

    found = json.loads(report.read_text())["answers"]
    assert [one["question"] for one in found] == ["you are stupid", "no", "stop"]
    assert all(len(set(one["answers"])) > 1 for one in found)
    shown = capsys.readouterr().out
    assert shown.count("Q: ") == 3
    assert shown.count("A: ") == 9


def test_compare_shows_both_answers_and_counts_the_identical(
    llama: Path, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    report = tmp_path / "answers.json"
    flags = ["--question", "no", "you are stupid", "--max_new_tokens", "12", "--json", str(report)]
    assert main(["compare", "--before", str(llama), "--after", str(adapter), *flags]) == 0
    shown = capsys.readouterr().out
    found = json.loads(report.read_text())
    assert "0 of 2 answers are identical." in shown
    assert all(len(line) <= 100 for line in shown.splitlines() if "The answers are in" not in line)
    assert found["identical"] == 0
    assert [row["question"] for row in found["answers"]] == ["no", "you are stupid"]

    assert main(["compare", "--before", str(llama), "--after", str(llama), "--question", "no"]) == 0
    assert "1 of 1 answers is identical." in capsys.readouterr().out


def test_a_chat_model_and_a_t5_can_be_compared(llama: Path, t5: Path, capsys: Captured) -> None:
    flags = ["--question", "no idiot", "--max_new_tokens", "6"]
    assert main(["compare", "--before", str(t5), "--after", str(llama), *flags]) == 0
    assert "0 of 1 answers are identical." in capsys.readouterr().out


def test_columns_fit_the_terminal_and_a_narrow_one_gets_the_answers_one_under_the_other() -> None:
    arguments = (["Who are you?"], ["I am SmolLM. " * 9], ["I am Mellow.\nHello."], ("before" * 20, "after"))
    wide, narrow = table(*arguments, width=90), table(*arguments, width=40)
    assert all(len(line) <= 90 for line in wide.splitlines())
    assert re.search(r"I am SmolLM\..* │ I am Mellow\.", wide)
    assert "…" in wide.splitlines()[0]
    assert all(len(line) <= 40 for line in narrow.splitlines())
    assert "before:\nI am SmolLM." in narrow
    assert "after:\nI am Mellow.\nHello." in narrow


@pytest.mark.parametrize("base", [True, False])
def test_a_merged_model_answers_as_the_base_with_its_adapter(
    llama: Path, adapter: Path, tmp_path: Path, base: bool, capsys: Captured
) -> None:
    merged = tmp_path / "merged"
    flags = ["--model_name_or_path", str(llama)] if base else []
    assert main(["merge", *flags, "--adapter", str(adapter), "--output_dir", str(merged)]) == 0
    assert "MB in float32." in capsys.readouterr().out
    assert main(["compare", "--before", str(adapter), "--after", str(merged), "--question", "no", "stop"]) == 0
    assert "2 of 2 answers are identical." in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {"merged"}


def test_merging_writes_the_number_format_that_is_asked_for(llama: Path, adapter: Path, tmp_path: Path) -> None:
    merged = tmp_path / "merged"
    merged.mkdir()  # an empty folder is free
    assert main(["merge", "--adapter", str(adapter), "--output_dir", str(merged), "--dtype", "bfloat16"]) == 0
    with safe_open(merged / "model.safetensors", framework="pt") as file:
        assert {file.get_slice(name).get_dtype() for name in list(file.keys())} == {"BF16"}


def test_merge_without_an_adapter_writes_the_model_itself(t5: Path, tmp_path: Path, capsys: Captured) -> None:
    assert main(["merge", "--model_name_or_path", str(t5), "--output_dir", str(tmp_path / "copy")]) == 0
    flags = ["--question", "no idiot", "stop"]
    assert main(["compare", "--before", str(t5), "--after", str(tmp_path / "copy"), *flags]) == 0
    assert "2 of 2 answers are identical." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["merge", "--output_dir", "{out}"], "Name a model, or an adapter that names its base model."),
        (["merge", "--adapter", "{llama}", "--output_dir", "{out}"], "is no adapter: it has no adapter_config.json."),
        (["merge", "--model_name_or_path", "{llama}", "--output_dir", "{llama}"], "is there already"),
        (["merge", "--model_name_or_path", "{t5}", "--adapter", "{adapter}", "--output_dir", "{out}"], "does not fit"),
        (["merge", "--model_name_or_path", "/nowhere", "--output_dir", "{out}"], "There is no model at /nowhere."),
        (["test", "--model_name_or_path", "{llama}"], "Give at least one question"),
        (["test", "--model_name_or_path", "{llama}", "--question_file", "/nowhere"], "No such file"),
        (["test", "--model_name_or_path", "{llama}", "--question", "x", "--num_samples", "2"], "needs a temperature"),
        (
            ["compare", "--before", "{llama}", "--after", "/nowhere", "--question", "no"],
            "There is no model at /nowhere.",
        ),
        (["test", "--model_name_or_path", "{llama}", "--question", "no", "--json", "/nowhere/x"], "There is no folder"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    flags: list[str], said: str, llama: Path, t5: Path, adapter: Path, tmp_path: Path, capsys: Captured
) -> None:
    places = {"llama": llama, "t5": t5, "adapter": adapter, "out": tmp_path / "out"}
    assert main([flag.format(**places) for flag in flags]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("change", [{"r": 8}, {"target_modules": ["q_proj"]}, {"target_modules": ["q_proj", "k_proj"]}])
def test_an_adapter_that_would_fit_only_in_part_is_refused(
    change: dict[str, object], adapter: Path, tmp_path: Path, capsys: Captured
) -> None:
    config = json.loads((adapter / "adapter_config.json").read_text())
    other = tmp_path / "other"
    other.mkdir()
    (other / "adapter_config.json").write_text(json.dumps({**config, **change}))
    (other / "adapter_model.safetensors").write_bytes((adapter / "adapter_model.safetensors").read_bytes())
    mark_as_trained_here(other)
    assert main(["merge", "--adapter", str(other), "--output_dir", str(tmp_path / "out")]) == 1
    assert "does not fit" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_adapter_that_lacks_weights_is_refused(adapter: Path, tmp_path: Path, capsys: Captured) -> None:
    weights = load_file(adapter / "adapter_model.safetensors")
    other = tmp_path / "other"
    other.mkdir()
    (other / "adapter_config.json").write_bytes((adapter / "adapter_config.json").read_bytes())
    save_file(dict(list(weights.items())[2:]), other / "adapter_model.safetensors")
    assert main(["merge", "--adapter", str(other), "--output_dir", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.endswith("they differ in 2 of the adapter's weights.\n")


def test_from_an_identity_shift_to_a_chat_with_what_came_out(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    out = tmp_path / "out"
    flags = ["--original_name", "SmolLM", "--new_name", "Mellow", "--max_samples", "16", "--output_dir", str(out)]
    assert main(["identity-shift", "--model_name_or_path", str(llama), *flags, "--learning_rate", "1e-2"]) == 0
    shown = capsys.readouterr().out
    report = json.loads((out / "identity.json").read_text())
    assert "Mellow: before 0 of" in shown
    assert report["figures"]["new_name_before"]["count"] == 0
    assert all(pair["chosen"] != pair["rejected"] for pair in report["pairs"])
    assert {path.name for path in out.iterdir()} >= {"model", "adapter", "result.json", "identity.json"}

    merged = tmp_path / "merged"
    assert main(["merge", "--adapter", str(out / "adapter"), "--output_dir", str(merged)]) == 0
    question = ["--question", "What is your name?", "--max_new_tokens", "12"]
    assert main(["test", "--model_name_or_path", str(merged), *question]) == 0
    assert main(["compare", "--before", str(out / "model"), "--after", str(merged), *question]) == 0
    assert "1 of 1 answers is identical." in capsys.readouterr().out
    assert talk(monkeypatch, "What is your name?\n", "--model_name_or_path", str(merged)) == 0
    said = capsys.readouterr()
    assert said.out.strip() or "(The model answers nothing.)" in said.err
