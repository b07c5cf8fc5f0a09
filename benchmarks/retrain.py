"""From pressing Retrain to every web process serving the new version, and how that grows with the clicks.

    python -m benchmarks.retrain [--rounds 3] [--sizes 250 1000]

Each round starts the product anew on its embedded defaults, once as `make run` does and once with RQ's own worker
class, which loads the training libraries in each job and prepares nothing (the baseline `plain rq worker`). Twenty
choices are stored as clicks through the API, always the same ones, so that every round trains the same version; Retrain
is pressed through the API, and the run is looked at every few milliseconds until each web process reports the new
version. Only ours waits before the press until the worker has prepared itself, as it has long done when a person has
made twenty clicks; how long that takes after the start is told. The unpacking of the language model, once a machine, is
measured for neither.

The other sizes are trained on by ours alone, on one studio. Memory is the largest resident set of the process that RQ
forks for the run, pages that it shares with its parent included. Prints one line of JSON a claim; each run is told on
stderr.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from app.config import PROJECT_ROOT, embedded_socket
from app.runtime.queue import JobQueue
from benchmarks.support.harness import Finding, interleaved
from tests.processes import ADMIN, ADMIN_TOKEN, Product, wait_for
from tests.scorer_cache import CACHE

GOAL_SECONDS = 30.0
GOAL_START_SECONDS = 1.0
GOAL_LINEAR = 0.1
"""The largest share of its time by which a run may be off the straight line."""
GOAL_MEMORY = 1.15
"""How many times the memory of the fewest clicks the most may take."""
FEW = 20
WEB_PROCESSES = 2
OURS, PLAIN = "ours", "plain rq worker"

_MIB = 1024**2
_LOOK_SECONDS = 0.01
_LAUNCH = "import pathlib, sys; from app.launch.launcher import main; sys.exit(main(pathlib.Path(sys.argv[1])))"
_PLAIN_COMMAND = 'rq worker --url "$REDIS_URL" --serializer rq.serializers.JSONSerializer'
_WORKER = "rq.serializers"


@dataclass
class Seen:
    """One run: seconds from the press to the beginning of each stage and to the end, and bytes of memory."""

    clicks: int
    pairs: int = 0
    stages: dict[str, float] = field(default_factory=dict)
    succeeded: float = 0.0
    served: float = 0.0
    peak: int = 0

    @property
    def start(self) -> float:
        """Seconds until the recipe began to load its model, with all libraries there."""
        return self.stages["loading"]

    def tell(self, who: str) -> None:
        """One line on stderr."""
        told = {name: round(seconds, 2) for name, seconds in self.stages.items()}
        line = {"clicks": self.clicks, "pairs": self.pairs, **told, "succeeded": round(self.succeeded, 2)}
        line |= {"served": round(self.served, 2), "peak MiB": self.peak // _MIB}
        print(f"{who}: {json.dumps(line)}", file=sys.stderr, flush=True)


class Studio(Product):
    """The product in a new home that no evaluation was ever made in, with its own worker or RQ's plain one."""

    def __init__(self, folder: Path, who: str) -> None:
        self._who = who
        self._began = time.monotonic()
        home = folder / "home"
        (CACHE / "scorers").mkdir(mode=0o700, parents=True, exist_ok=True)
        (home / "cache").mkdir(mode=0o700, parents=True)
        (home / "cache" / "scorers").symlink_to(CACHE / "scorers", target_is_directory=True)
        super().__init__(home, **ADMIN)

    def launch_command(self) -> list[str]:
        """With the Procfile of the project, or one whose worker is RQ's own."""
        if self._who == OURS:
            return super().launch_command()
        lines = (PROJECT_ROOT / "Procfile").read_text(encoding="utf-8").splitlines()
        commands = {name: command for name, _, command in (line.partition(": ") for line in lines)}
        commands["worker"] = _PLAIN_COMMAND
        there = f"cd '{PROJECT_ROOT}' && "
        procfile = self.home.parent / "Procfile"
        procfile.write_text("".join(f"{name}: {there}{command}\n" for name, command in commands.items()))
        return [sys.executable, "-c", _LAUNCH, str(procfile)]

    def wait_until_prepared(self) -> None:
        """Return once the worker has nothing more to prepare; RQ's own never prepares anything."""
        if self._who == OURS:
            kept = self.home / "cache" / "evaluation"
            wait_for(lambda: list(kept.glob("version-*.json")), timeout=600, what="a prepared evaluation")
            wait_for(lambda: len(self.workers()) == 1, what="the end of the preparation")
            seconds = time.monotonic() - self._began
            memory = self.workers()[0].memory_full_info()
            print(
                f"Prepared {seconds:.0f} s after the start; the waiting worker holds {memory.rss // _MIB} MiB.",
                file=sys.stderr,
                flush=True,
            )

    def workers(self) -> list[psutil.Process]:
        """RQ's worker and what it has forked, the oldest first; not the shell that started it."""
        return [process for process in self.find(_WORKER) if process.name() not in ("sh", "bash", "dash")]

    def peak(self) -> int:
        """The largest resident set, in bytes, that the process of the present job has had; 0 if there is none."""
        with suppress(OSError, psutil.Error, IndexError):
            status = Path(f"/proc/{self.workers()[1].pid}/status").read_text()
            return int(status.partition("VmHWM:")[2].split()[0]) * 1024
        return 0

    def retrain(self, clicks: int) -> Seen:
        """Press, and watch until every web process serves the new version."""
        seen, queue = Seen(clicks), JobQueue(f"unix://{embedded_socket(self.home)}")
        began = time.monotonic()
        asked = self.api.ok("POST", "/training-runs", {"method": "dpo", "config": {}})
        query = "SELECT status, stage, error, note, produced_version FROM training_runs WHERE id = ?"
        for look in itertools.count():
            ((status, stage, error, note, produced),) = self.rows(query, asked["id"])
            now = time.monotonic() - began
            problem = error or note
            assert problem is None, problem
            if status != "succeeded":
                seen.stages.setdefault(stage, now)
                if look % 20 == 0:
                    seen.peak = max(seen.peak, self.peak())
            else:
                seen.succeeded = seen.succeeded or now
                reports = queue.reports().values()
                if len(reports) == WEB_PROCESSES and all(one.version == produced for one in reports):
                    seen.served = now
                    break
            time.sleep(_LOOK_SECONDS)
        # From 50 prompts on, a tenth is held out of training.
        ((metrics,),) = self.rows("SELECT metrics FROM versions WHERE number = ?", produced)
        seen.pairs = json.loads(metrics)["examples"]
        seen.tell(self._who)
        return seen

    def choose(self, first: int, count: int) -> None:
        """Store `count` choices as clicks through the API, from number `first` on."""
        rows = [json.dumps(choice(number)) for number in range(first, first + count)]
        upload = self._send("POST", "/imports?name=choices.jsonl", "\n".join(rows).encode())
        found = self.api.ok("GET", f"/imports/{upload['id']}")
        asked = {**found["mapping"], "queue": False, "judgments": True}
        stored = self._send("POST", f"/imports/{upload['id']}", json.dumps(asked).encode())
        assert stored["judgments"] == count, stored

    def _send(self, method: str, path: str, body: bytes) -> dict[str, int]:
        """The last line of the answer to a body of any kind."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)) as connection:
            headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Content-Type": "application/json"}
            connection.request(method, f"/api/v1{path}", body, headers)
            response = connection.getresponse()
            said = response.read().decode()
            assert response.status < 300, said
            answer: dict[str, int] = json.loads(said.strip().splitlines()[-1])
            return answer


def choice(number: int) -> dict[str, object]:
    """A rude text of a dozen words, the rewrite that was chosen for it and two that were not; all numbers differ."""
    who = ("neighbour", "manager", "brother", "teacher", "driver", "doctor", "waiter", "cousin")[number % 8]
    what = ("parked his car", "wrote the report", "told the story", "fixed the door", "cut the tree")[number // 8 % 5]
    where = f"in street number {number}"
    return {
        "prompt": f"My {who} is a complete idiot because of how he {what} {where}",
        "chosen": f"I am not happy with how my {who} {what} {where}",
        "rejected": [f"My {who} is not very clever, he {what} {where}", f"My {who} {what} {where}, what a shame"],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="*", default=[250, 1000], metavar="CLICKS")
    wanted = parser.parse_args()
    twenty: dict[str, list[Seen]] = {OURS: [], PLAIN: []}

    def measure(who: str) -> float:
        twenty[who].append(twenty_clicks(who))
        return twenty[who][-1].served

    interleaved({OURS: lambda: measure(OURS), PLAIN: lambda: measure(PLAIN)}, wanted.rounds)
    tell_twenty(twenty[OURS], twenty[PLAIN])
    if len(sizes := sorted({FEW, *wanted.sizes})) > 2:  # any two lie on a line
        tell_growth(growing(sizes))


def twenty_clicks(who: str) -> Seen:
    """A new studio, twenty clicks, and Retrain."""
    with tempfile.TemporaryDirectory() as folder, Studio(Path(folder), who) as studio:
        studio.wait_until_prepared()
        studio.choose(0, FEW)
        return studio.retrain(FEW)


def growing(sizes: Sequence[int]) -> list[Seen]:
    """One studio, and a run on the choices so far at each of the sizes."""
    with tempfile.TemporaryDirectory() as folder, Studio(Path(folder), OURS) as studio:
        studio.wait_until_prepared()
        runs = []
        for before, size in itertools.pairwise((0, *sizes)):
            studio.choose(before, size - before)
            runs.append(studio.retrain(size))
        return runs


def tell_twenty(ours: Sequence[Seen], plain: Sequence[Seen]) -> None:
    """The claims about twenty clicks."""
    for claim, goal, pick in (
        ("Retrain on 20 clicks, press to served", GOAL_SECONDS, lambda seen: seen.served),
        ("Retrain on 20 clicks, press to the job at work", GOAL_START_SECONDS, lambda seen: seen.start),
    ):
        median, theirs = (statistics.median(map(pick, runs)) for runs in (ours, plain))
        Finding(
            claim=claim,
            goal=f"≤ {goal:g} s",
            met=median <= goal,
            measured={"median s": median, "worst s": max(map(pick, ours))},
            baseline=PLAIN,
            baseline_measured={"median s": theirs},
            ratio=theirs / median,
        ).tell()


def tell_growth(runs: Sequence[Seen]) -> None:
    """The claims about many clicks: a straight line of time over the pairs trained on, and level memory."""
    pairs, seconds = [float(one.pairs) for one in runs], [one.served for one in runs]
    slope, fixed = statistics.linear_regression(pairs, seconds)
    off = max(abs(fixed + slope * x - y) / y for x, y in zip(pairs, seconds, strict=True))
    Finding(
        claim=f"Retrain on {runs[-1].clicks} clicks: time grows linearly in pairs",
        goal=f"each run within {GOAL_LINEAR:.0%} of the line",
        met=off <= GOAL_LINEAR,
        measured={
            **{f"{one.clicks} clicks s": one.served for one in runs},
            "s a pair": slope,
            "fixed s": fixed,
            "farthest off %": 100 * off,
        },
    ).tell()
    Finding(
        claim=f"Retrain on {runs[-1].clicks} clicks: memory stays level",
        goal=f"≤ {GOAL_MEMORY:g} × that of {runs[0].clicks} clicks",
        met=runs[-1].peak <= GOAL_MEMORY * runs[0].peak,
        measured={f"{one.clicks} clicks MiB": one.peak / _MIB for one in runs},
    ).tell()


if __name__ == "__main__":
    main()
