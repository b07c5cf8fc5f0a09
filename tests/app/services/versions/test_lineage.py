"""How versions descend from each other, laid out as a graph."""

from __future__ import annotations

from app.db import Version
from app.services.versions import lineage
from app.services.versions.lineage import Node


def laid_out(parents: dict[int, int | None]) -> dict[int, Node]:
    graph = lineage.graph([Version(number=number, parent_number=parent) for number, parent in parents.items()])
    assert [node.version.number for node in graph.nodes] == sorted(parents, reverse=True), "the newest comes first"
    assert graph.lanes == max(node.lane for node in graph.nodes) + 1
    return {node.version.number: node for node in graph.nodes}


def crossed(nodes: dict[int, Node]) -> list[tuple[int, int]]:
    """Return versions that stand on the line from another version to its parent."""
    return [
        (number, other)
        for number, node in nodes.items()
        for other, between in nodes.items()
        if node.parent and between.lane == node.lane and node.parent.place < between.place < node.place
    ]


def test_a_chain_is_one_line() -> None:
    nodes = laid_out({1: None, 2: 1, 3: 2})
    assert [(node.place, node.lane) for node in nodes.values()] == [(2, 0), (1, 0), (0, 0)]
    assert (nodes[3].parent, nodes[2].parent, nodes[1].parent) == (nodes[2], nodes[1], None)


def test_a_branch_has_a_lane_of_its_own_and_joins_its_parent() -> None:
    nodes = laid_out({1: None, 2: 1, 3: 2, 4: 1})
    assert [nodes[number].lane for number in (4, 3, 2, 1)] == [0, 1, 1, 0]
    assert nodes[4].parent == nodes[2].parent == nodes[1]


def test_a_lane_that_is_free_again_is_used_again() -> None:
    nodes = laid_out({1: None, 2: None, 3: 2, 4: 1, 5: 2})
    assert [nodes[number].lane for number in (5, 4, 3, 2, 1)] == [0, 1, 2, 0, 1]


def test_no_line_passes_through_a_version_that_it_does_not_belong_to() -> None:
    assert crossed(laid_out({1: None, 2: 1, 3: 2, 4: 2, 5: 3, 6: 4, 7: 1, 8: 6, 9: None, 10: 9})) == []
    assert crossed(laid_out({1: None} | {number: number // 3 or 1 for number in range(2, 101)})) == []


def test_a_parent_that_is_not_among_them_is_left_out() -> None:
    assert laid_out({4: 3, 5: 4})[4].parent is None


def test_of_nothing_nothing_is_laid_out() -> None:
    assert lineage.graph([]) == lineage.Graph((), 0)
