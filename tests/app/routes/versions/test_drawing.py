"""The graph of versions as it is drawn."""

from __future__ import annotations

from app.db import Version, now
from app.routes.versions.drawing import LANE, RADIUS, STEP, Drawing, draw
from app.services.versions import lineage


def drawn(parents: dict[int, int | None], live: int | None = None, was_live: tuple[int, ...] = ()) -> Drawing:
    versions = [Version(number=number, parent_number=parent) for number, parent in parents.items()]
    return draw(lineage.graph(versions), live, was_live)


def test_each_version_says_whether_it_is_or_was_live() -> None:
    versions = [Version(number=number, deleted_at=now() if number == 2 else None) for number in (1, 2, 3, 4)]
    drawing = draw(lineage.graph(versions), 3, {1, 2, 3})
    assert [(dot.version.number, dot.state) for dot in drawing.dots] == [
        (4, "never live"),
        (3, "live now"),
        (2, "deleted"),
        (1, "was live"),
    ]


def test_a_line_runs_in_its_own_lane_and_turns_to_the_parent_at_the_end() -> None:
    drawing = drawn({1: None, 2: 1, 3: 2, 4: 1})
    four, three, two, one = drawing.dots
    assert (four.y, three.y, two.y, one.y) == (one.y, one.y + LANE, one.y + LANE, one.y)
    assert four.x - one.x == 3 * STEP
    assert four.line.startswith(f"M{four.x} {four.y}H{one.x + STEP}C")
    assert two.line.endswith(f" {one.x} {one.y}")
    assert one.line == ""


def test_a_hundred_versions_lie_within_the_drawing_and_apart() -> None:
    drawing = drawn({1: None} | {number: number // 2 for number in range(2, 101)})
    assert len({(dot.x, dot.y) for dot in drawing.dots}) == 100
    assert min(min(dot.x, dot.y) for dot in drawing.dots) >= RADIUS
    assert max(dot.x for dot in drawing.dots) + RADIUS <= drawing.width
    assert max(dot.y for dot in drawing.dots) + 2 * RADIUS <= drawing.height + RADIUS
    assert STEP > 2 * RADIUS
