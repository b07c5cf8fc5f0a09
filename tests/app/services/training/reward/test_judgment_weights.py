"""A judgment weighs as much as its person is reliable, whoever entered it."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.services.people import reliability
from app.services.training.reward import judgment_weights
from app.services.training.reward.judgment_weights import digest, weights_of
from tests import factories


@pytest.fixture
def judged(either: Session, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One judgment each of two people, and one that the first imported of somebody else."""
    ada, bob = factories.user(either).id, factories.user(either).id
    weights = {str(bob): 0.25678, "imported:Cy": 0.5}
    monkeypatch.setattr(reliability, "weights", lambda *_, **__: weights)
    monkeypatch.setattr(judgment_weights, "_IDS_AT_ONCE", 2)
    return [
        factories.judgment(either, factories.generation(either, person), annotator=name).id
        for person, name in ((ada, None), (bob, None), (ada, "Cy"))
    ]


def test_each_judgment_weighs_as_its_person_in_two_decimals(either: Session, judged: list[int]) -> None:
    assert weights_of(either, judged) == {judged[0]: 1.0, judged[1]: 0.26, judged[2]: 0.5}
    assert weights_of(either, judged[1:2]) == {judged[1]: 0.26}
    assert weights_of(either, []) == {}


def test_without_a_weight_of_anybody_each_weighs_one(
    either: Session, judged: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reliability, "weights", lambda *_, **__: {})
    assert weights_of(either, judged) == dict.fromkeys(judged, 1.0)


def test_the_digest_tells_other_judgments_and_other_weights() -> None:
    assert digest({2: 0.5, 1: 1.0}) == digest({1: 1.0, 2: 0.5})
    assert len({digest({}), digest({1: 1.0}), digest({1: 1.0, 2: 1.0}), digest({1: 0.5, 2: 1.0})}) == 4
