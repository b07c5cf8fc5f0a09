"""Progress on a terminal: a bar that is drawn over itself, and lines that stay."""

from __future__ import annotations

import io
import re

from worker.commands.support.console import ConsoleProgress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_shows_steps_and_loss_and_lines_stay_above_it() -> None:
    terminal = Terminal()
    progress = ConsoleProgress(terminal)
    progress.stage("training")
    progress.metrics(1, {"loss": 1.5, "grad_norm": 3.0})
    progress.step(1, 4)
    progress.log("Step 1: dev loss 2.")
    progress.step(4, 4)
    progress.end()
    said = terminal.getvalue()
    assert said.startswith("Training …\n\r\x1b[K██████░")
    assert "step 1 of 4, loss 1.5000\nStep 1: dev loss 2.\n" in said
    assert re.search(r"█{24} step 4 of 4, loss 1\.5000\n$", said)
    assert progress.cancelled() is False


def test_where_there_is_no_terminal_only_the_lines_are_written() -> None:
    out = io.StringIO()
    progress = ConsoleProgress(out)
    progress.stage("training")
    progress.step(1, 2)
    progress.metrics(1, {"loss": 0.69314, "grad_norm": 3.0})
    progress.metrics(2, {"eval_loss": 0.5})
    progress.log("Done.")
    assert out.getvalue() == "Training …\nStep 1: loss 0.6931.\nDone.\n"
