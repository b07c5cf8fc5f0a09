"""What a person's latest judgments say of them."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.db import Judgment, User, Verdict, now
from app.services.people import statistics
from app.services.people.statistics import Positions, unevenness
from tests import factories


@pytest.fixture
def person(session: Session) -> User:
    return factories.user(session)


def judge(session: Session, person: User, place: int = 0, texts: int = 3, **values: object) -> Judgment:
    """The rewrite at `place` chosen, on a screen with that many."""
    screen = factories.generation(session, person.id, [f"text {number}" for number in range(texts)])
    return factories.judgment(session, screen, pairs=False, **{"candidate_id": screen.candidates[place].id} | values)


def test_habits_of_nobodys_judgments(session: Session, person: User) -> None:
    habits = statistics.habits(session, person.id)
    assert (habits.judged, habits.median_seconds, habits.per_hour, habits.gold.whole) == (0, None, None, 0)
    assert habits.positions.habit is None


def test_verdicts_are_shares_of_what_stands(session: Session, person: User) -> None:
    for verdict in ("none", "none", "tie"):
        judge(session, person, verdict=verdict, candidate_id=None)
    judge(session, person)
    judge(session, person, undone_at=now())
    judge(session, factories.user(session))
    habits = statistics.habits(session, person.id)
    assert habits.judged == 4
    assert {verdict: share.part for verdict, share in habits.verdicts.items()} == {
        Verdict.CHOSEN: 1,
        Verdict.EDITED: 0,
        Verdict.FINE: 0,
        Verdict.TIE: 1,
        Verdict.NONE: 2,
        Verdict.SKIPPED: 0,
    }


def test_the_reasons_of_skips_are_counted_the_most_frequent_first(session: Session, person: User) -> None:
    for reason in ("Not English", "I cannot judge this", "Not English", None):
        judge(session, person, verdict="skipped", candidate_id=None, reason=reason)
    judge(session, person, verdict="skipped", candidate_id=None, flagged=True, reason="A threat")
    assert statistics.habits(session, person.id).skip_reasons == [("Not English", 2), ("I cannot judge this", 1)]


def test_ratings_have_a_mean_and_tags_are_counted(session: Session, person: User) -> None:
    for rating, tags in ((5, ["stiff", "unfair"]), (2, ["stiff"]), (None, [])):
        screen = factories.generation(session, person.id)
        rated = {} if rating is None else {"rating": rating}
        remark = {"candidate_id": screen.candidates[1].id, **rated, "tags": tags}
        factories.judgment(session, screen, remarks=[remark] if tags else None)
    found = statistics.habits(session, person.id)
    assert (found.rated, found.rating) == (2, 3.5)
    assert found.tags == [("stiff", 2), ("unfair", 1)]


def test_pace_is_the_median_and_leaves_out_breaks(session: Session, person: User) -> None:
    """Screens after 0, 10, 20 s, then lunch, then one 40 s after another: 3 screens in 60 s of work, 180 an hour."""
    begun = now() - timedelta(hours=2)
    for after, seconds in ((0, 4.0), (10, None), (20, 6.0), (3_000, 9.0), (3_040, 5.0)):
        judge(session, person, created_at=begun + timedelta(seconds=after), seconds=seconds)
    habits = statistics.habits(session, person.id)
    assert habits.median_seconds == 5.5
    assert habits.per_hour == pytest.approx(180)


def test_right_on_a_check_is_who_chose_the_right_answer(session: Session, person: User) -> None:
    """Right, wrong, none is good, and skipped, which does not count."""
    for said in ("right", "wrong", "none", "skipped"):
        prompt = factories.prompt(session, gold_answer="right", gold_wrong=["wrong", "also wrong"])
        texts = ["wrong", "right", "also wrong"]
        screen = factories.generation(session, person.id, texts, prompt=prompt, gold=True)
        best = next((one.id for one in screen.candidates if one.text == said), None)
        factories.judgment(session, screen, pairs=False, verdict="chosen" if best else said, candidate_id=best)
    gold = statistics.habits(session, person.id).gold
    assert (gold.part, gold.whole) == (1, 3)


def test_a_text_that_only_looks_like_an_answer_is_no_check(session: Session, person: User) -> None:
    prompt = factories.prompt(session, gold_answer="text 0")
    factories.judgment(session, factories.generation(session, person.id, ["text 0", "b"], prompt=prompt))
    assert statistics.habits(session, person.id).gold.whole == 0


def test_places_are_counted_on_screens_of_three(session: Session, person: User) -> None:
    for place in (0, 0, 2):
        judge(session, person, place)
    judge(session, person, 1, texts=2)
    assert statistics.habits(session, person.id).positions.counts == (2, 0, 1)


@pytest.mark.parametrize(
    ("counts", "habit", "words"),
    [
        ((9, 0, 0), None, "Too few choices to tell: it takes 30, and there are 9."),
        ((12, 10, 11), None, "No position bias found: chance alone makes counts this uneven about 91 times in 100."),
        ((20, 8, 12), None, "No position bias found: chance alone makes counts this uneven about 61 times in 1,000."),
        ((40, 10, 10), 1, "position 1 was chosen most often and position 2 least often"),
        ((10, 12, 40), 3, "less than once in 1,000 times"),
    ],
)
def test_a_habit_is_called_one_only_where_chance_is_a_poor_explanation(
    counts: tuple[int, ...], habit: int | None, words: str
) -> None:
    positions = Positions(counts)
    assert positions.habit == habit
    assert words in positions.sentence


def test_only_the_latest_judgments_count(session: Session, person: User) -> None:
    for place, ago in ((0, 3), (1, 2), (2, 1)):
        judge(session, person, place, created_at=now() - timedelta(minutes=ago))
    assert statistics.habits(session, person.id, window=2).positions.counts == (0, 1, 1)


def test_everybody_is_listed_with_what_they_did_page_by_page(
    session: Session, person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = factories.user(session)
    judge(session, other)
    judge(session, other, undone_at=now())
    monkeypatch.setattr(statistics, "MOST", 1)
    found = statistics.window(session)
    (first,) = statistics.members(session, [number for number, _ in found.rows])
    assert found.further == {"after": str(first.user.id)}
    (second,) = statistics.members(session, [statistics.window(session, first.user.id).rows[0][0]])
    assert (first.user, first.said.judgments) == (person, 0)
    assert (second.user.id, second.said.judgments, second.habits.judged) == (other.id, 1, 1)
    assert statistics.window(session, other.id) == ([], {})


def test_people_have_a_value_for_each_column_that_sorts(session: Session, person: User) -> None:
    other = factories.user(session, name="Ada", last_seen_at=now())
    judge(session, other)

    def values(sort: str) -> list[object]:
        return [value for _, value in statistics.window(session, 0, sort).rows]

    assert values("person") == [person.name or person.email, "Ada"]
    assert values("judgments") == [0, 1]
    assert values("role") == ["annotator", "annotator"]
    assert values("seen") == [person.last_seen_at, other.last_seen_at]


def test_the_totals_are_of_the_last_week(session: Session, person: User) -> None:
    judge(session, person)
    judge(session, person)
    judge(session, person, created_at=now() - timedelta(days=7, hours=1))
    factories.user(session, active=False)
    assert statistics.totals(session) == (1, 1, 2)
    judge(session, factories.user(session), created_at=now() - timedelta(days=6, hours=23))
    assert statistics.totals(session) == (2, 2, 3), "whoever judged once is counted, too"


def test_judgments_are_found_by_verdict_flag_check_and_page(session: Session, person: User) -> None:
    chosen = judge(session, person)
    flagged = judge(session, person, verdict="skipped", candidate_id=None, flagged=True, reason="Who is meant?")
    undone = judge(session, person, undone_at=now())
    check = factories.judgment(session, factories.generation(session, person.id, gold=True))
    judge(session, factories.user(session))

    def found(**wanted: object) -> list[int]:
        return [one.id for one in statistics.judgments(session, person.id, **wanted)]  # type: ignore[arg-type]

    assert found() == [check.id, undone.id, flagged.id, chosen.id]
    assert found(before=undone.id) == [flagged.id, chosen.id]
    assert found(verdict=Verdict.SKIPPED) == found(only="flagged") == [flagged.id]
    assert found(only="undone") == [undone.id]
    assert found(only="gold") == [check.id]


def test_even_counts_are_what_chance_gives_and_uneven_ones_are_rare() -> None:
    assert unevenness((10, 10, 10)) == 1.0
    assert unevenness((0, 0, 0)) == 1.0
    # Expected 20 each: (400 + 0 + 400) / 20 = 40, and exp(-20).
    assert unevenness((40, 20, 0)) == pytest.approx(math.exp(-20))
    # The 95 % quantile of chi-square with two degrees of freedom is 5.991: 24 + 25 + 11 over 20 gives 6.1.
    assert unevenness((24, 25, 11)) == pytest.approx(math.exp(-(16 + 25 + 81) / 20 / 2))
    assert unevenness((24, 25, 11)) < 0.05


def test_only_three_counts_can_be_compared() -> None:
    with pytest.raises(ValueError, match="three counts"):
        unevenness((1, 2))
