"""The graph of versions, laid out to be drawn: which version was trained from which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.db import Version


@dataclass(frozen=True)
class Node:
    """A version of the graph: `place` counts from the oldest, 0, and `lane` from the top, 0.

    `parent` is the node that it was trained from, None for a first version.
    """

    version: Version
    place: int
    lane: int
    parent: Node | None


@dataclass(frozen=True)
class Graph:
    """All versions, the newest first, and the number of lanes that they take."""

    nodes: tuple[Node, ...]
    lanes: int


def graph(versions: Sequence[Version]) -> Graph:
    """Lay out the graph: each version after its parent, a branch in a lane of its own.

    The line from a version to its parent runs in the version's lane up to the place before the parent's, and no other
    version stands there: from the newest on, each takes the leftmost lane in which a child of it waits, or else the
    first that is free, and its parent then waits in that lane.
    """
    order = sorted(versions, key=lambda version: version.number)
    lanes: dict[int, int] = {}
    waiting: list[int | None] = []
    most = 0
    for version in reversed(order):
        mine = [lane for lane, number in enumerate(waiting) if number == version.number]
        lanes[version.number] = lane = mine[0] if mine else _free(waiting)
        for joining in mine:
            waiting[joining] = None
        if lane == len(waiting):
            waiting.append(None)
        waiting[lane] = version.parent_number
        most = max(most, len(waiting))
        while waiting and waiting[-1] is None:
            waiting.pop()
    nodes: dict[int, Node] = {}
    for place, version in enumerate(order):
        parent = nodes.get(version.parent_number) if version.parent_number else None
        nodes[version.number] = Node(version, place, lanes[version.number], parent)
    return Graph(tuple(reversed(nodes.values())), most)


def _free(waiting: Sequence[int | None]) -> int:
    return next((lane for lane, number in enumerate(waiting) if number is None), len(waiting))
