"""kill -9 of every part of a set-up of several machines while a run trains: `make chaos PARTS=large`.

PostgreSQL, an object store, Valkey, two web processes and a worker that trains in two processes are kept running as
systemd does. In each round a run is asked for from the same version, clicks and settings, one part is killed at a
random moment of it, and once the run has ended it must have published one version, with the weights of an undisturbed
run, while somebody used the studio all the time. A line of JSON a round goes to build/parts/rounds.jsonl; interrupted
with Ctrl-C, it goes on from there when it is started again, and `--table` only writes the table of
docs/reliability.md. What the parts said is in build/parts/parts.log. To begin anew, remove build/parts.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from app.config import PROJECT_ROOT
from tests.chaos.large.crash import Crash, read_crashes
from tests.chaos.large.crash_table import write_crash_table
from tests.chaos.large.crashes import ROUNDS, crashes_in

FOLDER = PROJECT_ROOT / "build" / "parts"


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the rounds that are not played yet and write the table; returns 0 if no round so far had a fault.

    After a round with a fault everything is started from the beginning, so that the next one does not suffer from it.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args(arguments)
    try:
        while not options.table and len(read_crashes(FOLDER / ROUNDS)) < options.rounds:
            play_until_a_fault(options.rounds, options.seed)
    except KeyboardInterrupt:
        print("Interrupted: the same command goes on from here.", file=sys.stderr)
    if crashes := read_crashes(FOLDER / ROUNDS):
        write_crash_table(crashes)
    return int(any(one.faults for one in crashes))


def play_until_a_fault(rounds: int, seed: int) -> None:
    """Start the large set-up, and play on it until all rounds are played or one had a fault."""
    with crashes_in(FOLDER, seed) as crashes:
        usual = crashes.measure()
        print(f"An undisturbed run takes {usual.seconds:.1f} s, {usual.training_seconds:.1f} s of it in processes.")
        for number in range(len(crashes.rounds) + 1, rounds + 1):
            played = crashes.play(number)
            tell(played)
            if played.faults:
                return


def tell(played: Crash) -> None:
    """Print one line."""
    print(
        f"round {played.number}: {played.killed} killed after {played.at:.1f} s ({played.stage}), ended after"
        f" {played.ended:.1f} s at attempt {played.attempts}, {played.requests} requests, {played.cut} cut,"
        f" {played.told_to_wait} told to wait{''.join(f'; {fault}' for fault in played.faults)}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
