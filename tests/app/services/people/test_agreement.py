"""Agreement: alpha against published examples worked by hand, and what counts as the same."""

from __future__ import annotations

import random

import pytest
from sqlalchemy.orm import Session

from app.db import Generation, Judgment, User, now
from app.services.people import agreement, ratings
from app.services.people.agreement import alpha, pairs
from tests import factories

NO: int | None = None  # this observer did not rate that unit
# Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", example C: four observers, twelve units.
OBSERVERS = (
    (1, 2, 3, 3, 2, 1, 4, 1, 2, NO, NO, NO),
    (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NO, 3),
    (NO, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NO),
    (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NO),
)
THREE = ("b text", "a text", "c text")


def test_alpha_of_the_published_example() -> None:
    """Units 2, 6 and 8 disagree; unit 12 has one rating and does not count, which leaves 40 ratings of 11 units.

    Coincidences on the diagonal, sum over units of n_uc (n_uc - 1) / (m_u - 1): 3 (unit 1) + 3·2/3 (unit 2) + 4 + 4
    + 4 + 0 (unit 6) + 4 + 2 (unit 8) + 4 + 3 + 2 = 32; observed agreement 32/40. The categories occur 9, 13, 10, 5
    and 3 times, so by chance (9·8 + 13·12 + 10·9 + 5·4 + 3·2) / (40·39) = 344/1560.
    alpha = (32/40 - 344/1560) / (1 - 344/1560) = 0.743, as published.
    """
    found = alpha([[value for value in unit if value is not None] for unit in zip(*OBSERVERS, strict=True)])
    assert found.value == pytest.approx((32 / 40 - 344 / 1560) / (1 - 344 / 1560))
    assert round(found.value or 0, 3) == 0.743
    assert (found.units, found.ratings) == (11, 40)
    assert (found.low, found.high) == pytest.approx((0.4054, 1.0), abs=1e-4)


def test_every_two_people_with_a_unit_in_common_are_compared_those_with_the_most_first() -> None:
    rated: list[ratings.Unit] = [
        {2: "a", 1: "a", "Cy": "b"},
        {1: "a", "Cy": "a", "Bo": "a"},
        {1: "x"},
        {"Bo": "a", 1: "b"},
    ]
    assert [(pair.one, pair.other, pair.same.part, pair.same.whole) for pair in pairs(rated)] == [
        (1, "Bo", 1, 2),
        (1, "Cy", 1, 2),
        (1, 2, 1, 1),
        (2, "Cy", 0, 1),
        ("Bo", "Cy", 1, 1),
    ]


def test_alpha_of_two_people_and_two_categories() -> None:
    """Example A of the same paper: 10 units, 6 of them alike, so 12 of 20 ratings; 14 zeros and 6 ones in all.

    alpha = 1 - (1 - 12/20) / (1 - (14·13 + 6·5) / (20·19)) = 0.095, as published.
    """
    ones = (0, 1, 0, 0, 0, 0, 0, 0, 1, 0), (1, 1, 1, 0, 0, 1, 0, 0, 0, 0)
    found = alpha(list(zip(*ones, strict=True)))
    assert found.value == pytest.approx(1 - (1 - 12 / 20) / (1 - (14 * 13 + 6 * 5) / (20 * 19)))
    assert round(found.value or 0, 3) == 0.095


def test_full_agreement_is_one_and_chance_is_about_nothing() -> None:
    assert alpha([("a", "a"), ("b", "b"), ("c", "c")]).value == 1
    dice = random.Random(1)
    found = alpha([(dice.randrange(3), dice.randrange(3)) for _ in range(3_000)])
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0 < found.high
    assert found.high - found.low < 0.12


def test_the_interval_of_alpha_holds_ninety_five_of_a_hundred() -> None:
    """Two people who say one of three things by chance: alpha is (p - 1/3) / (2/3), where p is how often they agree.

    p has the standard error sqrt(1/3 · 2/3 / n), so alpha has sqrt(1/2 / n), and 95 % lie within 1.96 of these.
    """
    dice = random.Random(7)
    found = alpha([(dice.randrange(3), dice.randrange(3)) for _ in range(3_000)])
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low == pytest.approx(2 * 1.96 * (0.5 / 3_000) ** 0.5, rel=0.08)


def test_without_any_disagreement_to_compare_with_alpha_is_not_defined() -> None:
    for same in ([("a", "a")], [("a", "a"), ("a", "a", "a")]):
        assert alpha(same).value is None
    assert alpha([]).units == 0
    assert alpha([("a",), ("b",)]).units == 0


def test_the_interval_narrows_with_more_prompts_and_is_the_same_each_time() -> None:
    few = [("a", "a"), ("b", "b"), ("a", "b"), ("c", "c")]
    small, large = alpha(few), alpha(few * 25)
    for found in (small, large):
        assert found.low is not None
        assert found.high is not None
    assert (large.high or 0) - (large.low or 0) < (small.high or 0) - (small.low or 0)
    assert alpha(few) == small


@pytest.fixture
def people(session: Session) -> list[User]:
    return [factories.user(session) for _ in range(3)]


def test_alpha_of_orders_counts_the_pairs_that_two_people_turn_round() -> None:
    """Two units: abc and acb differ in one pair of three, abc and abc in none.

    Of the four ratings three are abc and one is acb. Observed: 2 · 1/3 / 1 / 4 = 1/6. Expected: 2 · 3 · 1 · 1/3 / (4 ·
    3) = 1/6. So alpha is 0, though three in four of the first choices that a nominal alpha sees agree.
    """
    found = alpha([["order 0 1 2", "order 0 2 1"], ["order 0 1 2", "order 0 1 2"]], agreement.apart)
    assert found.value == pytest.approx(0.0)
    assert agreement.apart("order 0 1 2", "order 2 1 0") == 1.0
    opposed = alpha([["order 0 1 2", "order 2 1 0"]] * 2, agreement.apart)
    near = alpha([["order 0 1 2", "order 0 2 1"], ["order 2 1 0", "order 2 0 1"]], agreement.apart)
    assert (opposed.value or 0) < 0 < (near.value or 0)


def test_an_order_counts_as_a_choice_of_its_first_and_orders_are_compared_by_themselves(
    session: Session, people: list[User]
) -> None:
    """All three agree on the best; two ranked, and turned one pair of three round."""
    screen = factories.generation(session, people[0].id, THREE)
    for user, order in zip(people, (("b text", "a text", "c text"), ("b text", "c text", "a text"), None), strict=True):
        own = factories.generation(session, user.id, THREE, prompt=screen.prompt)
        ids = {card.text: card.id for card in own.candidates}
        ranking = [ids[text] for text in order] if order else None
        factories.judgment(session, own, pairs=False, candidate_id=ids["b text"], ranking=ranking)
    found = agreement.measured(session)
    assert (found.alpha.units, found.alpha.ratings) == (1, 3)
    assert [pair.same.part for pair in found.pairs] == [1, 1, 1]
    assert (found.rankings.units, found.rankings.ratings) == (1, 2)


def judge(
    session: Session, user: User, prompt: Generation, order: tuple[str, ...], said: str, **values: object
) -> Judgment:
    """`user` sees the texts of a prompt in an order of their own and says a verdict, or the text that is best."""
    screen = factories.generation(session, user.id, order, prompt=prompt.prompt, gold=prompt.gold)
    best = next((candidate.id for candidate in screen.candidates if candidate.text == said), None)
    verdict = "chosen" if best else said
    edited = "better" if said == "edited" else None
    return factories.judgment(
        session, screen, pairs=False, verdict=verdict, candidate_id=best, edited_text=edited, **values
    )


def test_texts_are_compared_wherever_they_stood(session: Session, people: list[User]) -> None:
    """The first two choose the same text from different places, the third another text from the same place."""
    screen = factories.generation(session, people[0].id, THREE)
    judge(session, people[0], screen, THREE, "b text")
    judge(session, people[1], screen, ("a text", "c text", "b text"), "b text")
    judge(session, people[2], screen, ("c text", "a text", "b text"), "c text")
    (unit,) = ratings.units(session)
    assert unit[people[0].id] == unit[people[1].id] != unit[people[2].id]
    same = {(pair.one, pair.other): (pair.same.part, pair.same.whole) for pair in agreement.pairs([unit])}
    one, other, third = (user.id for user in people)
    assert same == {(one, other): (1, 1), (one, third): (0, 1), (other, third): (0, 1)}


def test_verdicts_without_a_best_text_are_categories_of_their_own(session: Session, people: list[User]) -> None:
    screen = factories.generation(session, people[0].id, THREE)
    for user, said in zip(people, ("none", "tie", "edited"), strict=True):
        judge(session, user, screen, THREE, said)
    assert ratings.units(session) == [dict(zip([user.id for user in people], ("none", "tie", "edited"), strict=True))]


def test_what_is_skipped_undone_or_a_check_and_other_texts_of_the_prompt_do_not_count(
    session: Session, people: list[User]
) -> None:
    one, other, _third = people
    first = factories.generation(session, one.id, THREE)
    judge(session, one, first, THREE, "a text")
    judge(session, other, first, THREE, "skipped")
    judge(session, other, first, THREE, "b text", undone_at=now())
    second = factories.generation(session, one.id, THREE)
    judge(session, one, second, THREE, "a text")
    judge(session, other, second, ("other", "texts", "here"), "other")
    check = factories.generation(session, one.id, THREE, gold=True)
    judge(session, one, check, THREE, "a text")
    judge(session, other, check, THREE, "a text")
    assert ratings.units(session) == []


def test_of_one_persons_judgments_of_a_screen_the_latest_counts(session: Session, people: list[User]) -> None:
    one, other, _third = people
    screen = factories.generation(session, one.id, THREE)
    judge(session, one, screen, THREE, "a text")
    judge(session, one, screen, THREE, "none")
    judge(session, other, screen, THREE, "none")
    assert ratings.units(session) == [{one.id: "none", other.id: "none"}]


def test_only_the_latest_judgments_are_looked_at(
    session: Session, people: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ratings, "WINDOW", 2)
    screen = factories.generation(session, people[0].id, THREE)
    for user in people:
        judge(session, user, screen, THREE, "none")
    assert [len(unit) for unit in ratings.units(session)] == [2]
