"""Whose turn it is at a machine that several studios share."""

from __future__ import annotations

from collections import Counter

from worker.job.shared.turns import Turns


def served(turns: Turns, queues: dict[str, str], count: int) -> list[str]:
    """The order in which studios are served that always have a run waiting, in these queues."""
    order = []
    for studio, queue in queues.items():
        turns.ask(studio, queue)
    for _ in range(count):
        next_one = turns.next()
        assert next_one is not None
        order.append(next_one)
        turns.ask(next_one, queues[next_one])
    return order


def test_studios_that_always_have_a_run_take_turns() -> None:
    order = served(Turns({"a": 1, "b": 1, "c": 1}), dict.fromkeys("abc", "cpu"), 6)
    assert order == ["a", "b", "c", "a", "b", "c"]


def test_a_studio_with_a_larger_share_has_more_turns_and_the_others_still_have_theirs() -> None:
    order = served(Turns({"a": 3, "b": 1}), dict.fromkeys("ab", "cpu"), 40)
    assert Counter(order) == {"a": 30, "b": 10}
    assert "aaaa" not in "".join(order[:20])


def test_short_runs_go_before_an_initial_training_but_not_for_ever() -> None:
    order = served(Turns({"long": 1, "short": 1}), {"long": "gpu", "short": "cpu"}, 10)
    assert order[:3] == ["short"] * 3
    assert order.count("long") == 2


def test_a_studio_that_was_quiet_has_saved_no_turns() -> None:
    turns = Turns({"busy": 1, "quiet": 1})
    served(turns, {"busy": "cpu"}, 50)
    order = served(turns, dict.fromkeys(("busy", "quiet"), "cpu"), 6)
    assert Counter(order) == {"busy": 3, "quiet": 3}


def test_who_waits_no_more_has_no_turn() -> None:
    turns = Turns({"a": 1, "b": 1})
    turns.ask("a", "cpu")
    turns.ask("b", "cpu")
    turns.withdraw("a")
    assert (turns.next(), turns.next()) == ("b", None)
    turns.withdraw("a")
