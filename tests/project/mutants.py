"""How many small changes of the code its tests notice: `make mutants`, or `make mutants MUTANTS="--draw 300"` for some.

mutmut changes one operator, number, text or call at a time, in the folders that [tool.mutmut] of pyproject.toml names,
and runs the tests that reach it. All of them take days, so that a share, drawn by `--seed`, is the usual way: the share
that was noticed then comes with its 95 % interval. What was not noticed is written to build/mutants/survivors.diff.
Everything happens in a copy of what git knows, in build/mutants; a second run goes on where the first one stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from models.shares import Share

ROOT = Path(__file__).parents[2]
COPY = ROOT / "build" / "mutants"
VERDICTS: Mapping[int, str] = {
    0: "survived",
    1: "killed",
    3: "killed",  # pytest itself broke
    5: "no test",
    33: "no test",
    36: "killed by the clock",
    24: "killed by the clock",
    -24: "killed by the clock",
    152: "killed by the clock",
    255: "killed by the clock",
}
"""What mutmut's exit codes say; any other code is a crash of the test process, which is noticed, too."""
NOTICED = ("killed", "killed by the clock", "crashed")


def main(arguments: Sequence[str] | None = None) -> int:
    """Change, test, tell; returns 0 when at least nine in ten changes were noticed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("patterns", nargs="*", help="which, as in 'models.store.*' (all)")
    parser.add_argument("--draw", type=int, metavar="N", help="so many of them, at random")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    copy_tree()
    mutmut(
        "run", "--max-children", str(options.processes), "none.at.all", quiet=True
    )  # changes, and which test reaches what
    names = matching(outcomes(), options.patterns)
    if not names:
        raise SystemExit("No change has such a name; names begin with a module, as in 'models.store.*'.")
    if options.draw is not None:
        names = sorted(random.Random(options.seed).sample(names, min(options.draw, len(names))))
    open_ones = [name for name in names if outcomes()[name] is None]
    for start in range(0, len(open_ones), 500):
        mutmut("run", "--max-children", str(options.processes), *open_ones[start : start + 500])
    return tell({name: verdict(outcomes()[name]) for name in names})


def copy_tree() -> None:
    """The files that git knows, as they are now, beside what earlier runs left."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    for name in listed.decode().split("\0"):
        source, copy = ROOT / name, COPY / name
        if name and source.is_file() and (not copy.exists() or copy.read_bytes() != source.read_bytes()):
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)


def mutmut(*arguments: str, quiet: bool = False) -> str:
    """mutmut in the copy; one thread a process, since processes are forked after torch was loaded."""
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", *arguments],
        cwd=COPY,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.stdout or ""


def outcomes() -> dict[str, int | None]:
    """Each change by name, with mutmut's exit code if it was tested."""
    found: dict[str, int | None] = {}
    for file in sorted((COPY / "mutants").rglob("*.meta")):
        found |= json.loads(file.read_text(encoding="utf-8"))["exit_code_by_key"]
    return found


def matching(names: Iterable[str], patterns: Sequence[str]) -> list[str]:
    """In order; all of them without a pattern."""
    return sorted(name for name in names if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns))


def verdict(code: int | None) -> str:
    """In words."""
    return "not tested" if code is None else VERDICTS.get(code, "crashed")


def tell(verdicts: Mapping[str, str]) -> int:
    """Print the score, by folder too, and write what survived; 0 when nine in ten were noticed."""
    tested = {name: said for name, said in verdicts.items() if said != "not tested"}
    for folder, said in sorted(by_folder(tested).items()):
        print(f"{folder:32} {sum(said[one] for one in NOTICED):6} of {said.total():6}")
    noticed = Share(sum(said in NOTICED for said in tested.values()), len(tested))
    print(f"Noticed: {noticed.part} of {noticed.whole} changes, {noticed.value or 0:.1%}", end=" ")
    print(f"({noticed.low:.1%} to {noticed.high:.1%})", end="; ")
    print(", ".join(f"{said}: {count}" for said, count in Counter(verdicts.values()).most_common()))
    survivors = sorted(name for name, said in tested.items() if said not in NOTICED)
    (COPY / "survivors.diff").write_text(
        "\n".join(mutmut("show", name, quiet=True) for name in survivors), encoding="utf-8"
    )
    print(f"Those that were not noticed are in {(COPY / 'survivors.diff').relative_to(ROOT)}.")
    return 0 if noticed.part >= 0.9 * noticed.whole else 1


def by_folder(verdicts: Mapping[str, str]) -> dict[str, Counter[str]]:
    """Verdicts counted by the two first parts of a name."""
    counted: dict[str, Counter[str]] = {}
    for name, said in verdicts.items():
        counted.setdefault(".".join(name.split(".")[:2]), Counter())[said] += 1
    return counted


if __name__ == "__main__":
    raise SystemExit(main())
