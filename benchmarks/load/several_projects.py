"""The memory of a web process with several projects: bounded, however many projects are asked for.

    python -m benchmarks.load.several_projects

Makes a studio of six projects, each with a copy of the embedded checkpoint as a version of its own, and starts one web
process that holds the models of three at most, as by default. Screens are drawn in the first project alone, then in
two, three and all six, one after the other and twice over; after each the resident set is read. The baseline is the
same process with room for all six. Prints one line of JSON.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import psutil

from app.runtime.embedded_queue import EmbeddedQueue
from benchmarks.support.harness import Finding
from benchmarks.support.screens_over_http import texts
from benchmarks.web_process import booted
from tests.processes import ADMIN, Api, Product

PROJECTS = 6
HELD = 3
SCREENS = 20
ROUNDS = 2
MOST_GROWTH = 1.15


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        slugs = prepare_home(home)
        with EmbeddedQueue(home):
            bounded = sizes(home, slugs, HELD)
            unbounded = sizes(home, slugs, PROJECTS)
    Finding(
        claim="resident set of a web process that three of six projects may stay in",
        goal=f"with six ≤ {MOST_GROWTH} × that of three",
        met=bounded[PROJECTS] <= MOST_GROWTH * bounded[HELD],
        measured=as_figures(bounded),
        baseline="the same process with room for all six",
        baseline_measured=as_figures(unbounded),
        ratio=unbounded[PROJECTS] / bounded[PROJECTS],
    ).tell()


def prepare_home(home: Path) -> list[str]:
    """Make a studio of several projects; returns their slugs, that of the first one empty."""
    slugs = [""]
    with Product(home, **ADMIN) as product:
        for number in range(2, PROJECTS + 1):
            slugs.append(product.api.ok("POST", "/projects", {"name": f"Project {number}"})["slug"])
    return slugs


def sizes(home: Path, slugs: Sequence[str], held: int) -> dict[int, float]:
    """Return the megabytes of the web process after screens in one, two, three and all projects."""
    found = {}
    with booted(home, processes=1, PROJECTS_IN_MEMORY=str(held)) as (port, _, gunicorn):
        for asked in (1, 2, HELD, PROJECTS):
            for _ in range(ROUNDS):
                for slug in slugs[:asked]:
                    draw(Api(port, project=slug))
            (web,) = psutil.Process(gunicorn.pid).children()
            found[asked] = web.memory_info().rss / 1e6
    return found


def draw(project: Api) -> None:
    """Draw screens in a project."""
    for text in texts()[:SCREENS]:
        project.ok("POST", "/generations", {"text": text})


def as_figures(found: dict[int, float]) -> dict[str, float]:
    """Return the megabytes with their names."""
    return {f"megabytes with {asked}": size for asked, size in found.items()}


if __name__ == "__main__":
    main()
