"""The graph of versions in pixels, for an SVG that needs no script."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from app.db import Version
from app.services.versions.lineage import Graph, Node
from app.words import N_

STEP, LANE, RADIUS = 46, 54, 16
"""Distances between neighbouring places and lanes, and the radius of a version, in pixels."""
_MARGIN = 26


@dataclass(frozen=True)
class Dot:
    """A version of the drawing: its middle, the line to its parent, and its state in words and as a class."""

    version: Version
    x: int
    y: int
    line: str
    state: str
    kind: str


@dataclass(frozen=True)
class Drawing:
    """The dots, the newest version first, and the size of the drawing."""

    dots: tuple[Dot, ...]
    width: int
    height: int


def draw(graph: Graph, live: int | None, was_live: Collection[int]) -> Drawing:
    """Draw the graph from left to right; `live` is the live version, `was_live` those that were at any time."""
    return Drawing(
        tuple(_dot(node, live, was_live) for node in graph.nodes),
        2 * _MARGIN + max(0, len(graph.nodes) - 1) * STEP,
        2 * _MARGIN + max(0, graph.lanes - 1) * LANE + RADIUS,
    )


def _dot(node: Node, live: int | None, was_live: Collection[int]) -> Dot:
    number = node.version.number
    if number == live:
        state, kind = N_("live now"), "live"
    elif node.version.deleted_at is not None:
        state, kind = N_("deleted"), "deleted"
    elif number in was_live:
        state, kind = N_("was live"), "was-live"
    else:
        state, kind = N_("never live"), "never-live"
    return Dot(node.version, *_middle(node), _line(node), state, kind)


def _middle(node: Node) -> tuple[int, int]:
    return _MARGIN + node.place * STEP, _MARGIN + node.lane * LANE


def _line(node: Node) -> str:
    """Return the path to the parent: along the lane to the place after the parent's, then over to the parent."""
    if node.parent is None:
        return ""
    (x, y), (end, over) = _middle(node), _middle(node.parent)
    turn = end + STEP // 2
    return f"M{x} {y}H{end + STEP}C{turn} {y} {turn} {over} {end} {over}"
