"""kill -9 at random moments while people judge and a run trains: `make chaos CHAOS="--rounds 100 --seed 7"`.

Eight annotators judge over HTTP and an admin retrains, all the time, on the product as a user starts it, kept running
as docs/systemd/mellow.service says. In each round one part is killed, or all at once; of seven rounds one of each.
Then, without a hand, all parts must be there again, a screen be drawn and a judgment stored within 30 s, and what
docs/reliability.md promises must hold. A line of JSON a round goes to build/chaos/rounds.jsonl; interrupted with
Ctrl-C, it goes on from there when it is started again. At its end the tables of docs/reliability.md are written anew.
What the product said in each round is in build/chaos/product.log. To begin anew, remove build/chaos.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from app.config import PROJECT_ROOT
from tests.chaos.rounds import ROUNDS, Round, chaos_in, read_rounds
from tests.chaos.table import write_tables

FOLDER = PROJECT_ROOT / "build" / "chaos"


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the rounds that are not played yet; returns 0 if no round so far had a fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args(arguments)
    with chaos_in(FOLDER, options.seed) as chaos:
        try:
            for number in range(len(chaos.rounds) + 1, options.rounds + 1):
                tell(chaos.play(number))
            chaos.wait_for_the_last_run()
        except KeyboardInterrupt:
            print("Interrupted: the same command goes on from here.", file=sys.stderr)
    if rounds := read_rounds(FOLDER / ROUNDS):
        write_tables(rounds)
    return int(any(one.faults for one in rounds))


def tell(played: Round) -> None:
    """Print one line."""
    back = "not back" if played.back is None else f"back after {played.back:.1f} s"
    print(
        f"round {played.number}: {played.killed} killed after {played.at:.1f} s ({played.training}), {back},"
        f" {played.acknowledged} acknowledged, {played.missing} missing, {played.doubled} doubled,"
        f" {played.half} half of {played.published} published versions"
        f"{''.join(f'; {fault}' for fault in played.faults)}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
