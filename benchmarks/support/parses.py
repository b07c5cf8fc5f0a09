"""Whether texts are grammatical: whether Link Grammar (Sleator & Temperley 1991) finds a complete parse of them.

The program is Debian's and Ubuntu's package link-grammar (LGPL 2.1 and BSD); it took no part in training or choosing.
Spelling is not what is asked: texts are spelt neatly first, and words that it does not know are guessed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from itertools import islice

from worker.base.texts.tidy import tidy

PROGRAM = "link-parser"
_OPTIONS = ("-echo=1", "-null=0", "-graphics=0", "-verbosity=1", "-limit=1000", "-timeout=5", "-panic=0")
_PARSED = re.compile(r"Found \d+ linkages? \([1-9]")
_BETWEEN_SENTENCES = re.compile(r"(?<=[.!?])\s+")
_COMMAND_SIGNS = "!%*-# "


def parsed(texts: Sequence[str]) -> list[bool]:
    """Whether every sentence of each text has a complete parse; raises SystemExit if the program is not there."""
    if shutil.which(PROGRAM) is None:
        raise SystemExit(f"{PROGRAM} is not installed: apt-get install link-grammar.")
    sentences = [sentences_of(text) for text in texts]
    lines = [sentence for some in sentences for sentence in some]
    told = subprocess.run(
        [PROGRAM, "en", *_OPTIONS], input="\n".join(lines), capture_output=True, text=True, check=True
    )
    waiting = iter(_answers(lines, told.stdout.splitlines()))
    return [min(islice(waiting, len(some)), default=True) for some in sentences]


def _answers(lines: Sequence[str], told: Sequence[str]) -> list[bool]:
    """Of each line that was asked, whether a parse is told of between its echo and that of the next one."""
    answers: list[bool] = []
    for line in told:
        if len(answers) < len(lines) and line == lines[len(answers)]:
            answers.append(False)
        elif answers and _PARSED.match(line):
            answers[-1] = True
    if len(answers) != len(lines):
        raise SystemExit(f"{PROGRAM} answered {len(answers)} of {len(lines)} sentences.")
    return answers


def sentences_of(text: str) -> list[str]:
    """The sentences of a text in neat spelling, without signs at their beginning, which are commands to the program."""
    found = (sentence.lstrip(_COMMAND_SIGNS) for sentence in _BETWEEN_SENTENCES.split(tidy(text)))
    return [sentence for sentence in found if any(map(str.isalpha, sentence))]
