"""The claims about speed that need no GPU, one after the other: `make bench`, or `python -m benchmarks [NAME …]`.

Each program prints a line of JSON a claim. The lines are kept in benchmarks/results.jsonl, where a new line takes the
place of the old one of the same claim, and the table in benchmarks/README.md is written anew from them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

from benchmarks.support.harness import ROOT

PROGRAMS = (
    "three_candidates",
    "chat.three_answers",
    "load.many_annotators",
    "next_screen",
    "dpo_steps",
    "retrain",
    "clicks_stored",
    "clicks_stored --postgresql",
    "load.slow_clients",
    "load.several_projects",
    "million_preferences",
    "million_preferences --postgresql",
    "hot_swap",
    "web_process",
    "pages.page_weight",
    "pages.beside_label_studio",
    "live_comparison",
)
RESULTS = ROOT / "benchmarks" / "results.jsonl"
README = ROOT / "benchmarks" / "README.md"
BEGIN, END = "<!-- results -->", "<!-- end of results -->"


def main() -> None:
    """Run the programs, keep their lines, write the table; exit 1 if one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PROGRAMS))
    names = parser.parse_args().names or PROGRAMS
    if unknown := set(names) - set(PROGRAMS):
        raise SystemExit(
            f"There is no benchmark named {', '.join(sorted(unknown))}: choose from {', '.join(PROGRAMS)}."
        )
    failed = [name for name in names if not run(name)]
    write_table()
    if failed:
        raise SystemExit(f"Failed: {', '.join(failed)}.")


def run(name: str) -> bool:
    """Run one program, show and keep its lines; whether it ended well."""
    print(f"# {name}", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", *f"benchmarks.{name}".split()]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    if process.returncode == 0:
        keep(json.loads(line) | {"program": name} for line in lines if line.startswith("{"))
    return process.returncode == 0


def keep(found: Iterable[dict[str, Any]]) -> None:
    """Put the lines in place of the earlier ones of the same programs and claims."""
    lines = {(line["program"], line["claim"]): line for line in [*results(), *found]}
    order = {name: place for place, name in enumerate(PROGRAMS)}
    ranked = sorted(lines.values(), key=lambda line: order.get(line["program"], len(order)))
    RESULTS.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in ranked), encoding="utf-8")


def results() -> list[dict[str, Any]]:
    """The lines that are kept."""
    return [json.loads(line) for line in RESULTS.read_text("utf-8").splitlines()] if RESULTS.exists() else []


def write_table() -> None:
    """Write the table of the README anew from the lines that are kept."""
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    README.write_text(f"{before}{BEGIN}\n\n{table(results())}\n{END}{after}", encoding="utf-8")


def table(lines: list[dict[str, Any]]) -> str:
    """The lines as a table of Markdown, under a heading for each day and machine."""
    text = []
    for day, where in sorted({(line["date"], line["machine"]) for line in lines}, reverse=True):
        text += [f"{day}, {where}:", "", "| claim | measured | baseline | ratio | goal | met |", "|" + " --- |" * 6]
        for line in (one for one in lines if (one["date"], one["machine"]) == (day, where)):
            ratio = "" if line["ratio"] is None else f"{line['ratio']:g}"
            baseline = ": ".join(filter(None, (line["baseline"], _said(line["baseline_measured"]))))
            cells = (
                line["claim"],
                _said(line["measured"]),
                baseline,
                ratio,
                line["goal"],
                "yes" if line["met"] else "no",
            )
            text.append("| " + " | ".join(cells) + " |")
        text.append("")
    return "\n".join(text)


def _said(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:,.10g}" for name, value in figures.items())


if __name__ == "__main__":
    main()
