"""What an evaluation says of one version, and of several: beside each other where they can be compared."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.services.versions import evaluations
from app.services.versions.evaluations import Number
from models.store.evaluation_figures import FIGURES
from tests import factories
from tests.reports import estimate, figures, report


def test_versions_measured_alike_share_a_table_and_the_others_do_not(session: Session) -> None:
    other_scorers = report()
    other_scorers["scorers"] = other_scorers["scorers"] | {"toxicity": {"name": "another", "version": "1"}}
    other_texts = report(test_set={"name": "Other texts", "sha256": "1" * 64, "texts": 9})
    better = report()
    better["systems"]["version"] = better["systems"]["version"] | {"j": estimate(0.8), "fl": estimate(0.5)}
    measured = {1: None, 2: report(), 3: other_scorers, 4: better, 5: other_texts, 6: {"problem": "No scorer."}}
    rows = [
        factories.version(session, number, parent_number=None, metrics={"evaluation": found} if found else {})
        for number, found in measured.items()
    ]
    tables = evaluations.side_by_side(session, rows)
    assert [group.versions for group in tables.groups] == [(2, 4), (3,), (5,)]
    assert tables.unmeasured == (1, 6)
    shared = tables.groups[0]
    figures = dict(shared.rows)
    j = figures[FIGURES["j"]]
    assert [number and (number.value, number.interval) for number in j] == [
        ("0.750", "0.700 to 0.800"),
        ("0.800", "0.750 to 0.850"),
    ]
    fluency = figures[FIGURES["fl"]]
    assert fluency[0] is None
    assert fluency[1] is not None
    assert (shared.texts, tables.groups[2].test_set) == (60, "Other texts")
    assert "alt-profanity-check 1.9.1" in shared.scorers


def test_candidates_drawn_in_another_way_are_not_compared(session: Session) -> None:
    rows = [
        factories.version(session, 1, metrics={"evaluation": report()}),
        factories.version(session, 2, metrics={"evaluation": report(sampling={"temperature": 0.5})}),
    ]
    assert [group.versions for group in evaluations.side_by_side(session, rows).groups] == [(1,), (2,)]


def test_the_figures_of_a_version_stand_beside_those_of_the_baselines(session: Session) -> None:
    found = evaluations.of(session, factories.version(session, 1, metrics={"evaluation": report()}))
    assert (found.problem, found.measured_with) == ("", None)
    assert found.baselines == ["copy of the text", "profane words deleted", "people"]
    rows = {figure.label: (ours, theirs) for figure, ours, theirs in found.figures}
    ours, theirs = rows["J"]
    assert ours == Number("0.750", "0.700 to 0.800")
    assert [number and number.value for number in theirs] == ["0.100", "0.700", "0.780"]
    assert rows["Three different"][1] == [None, None, None], "no baseline draws three"
    assert "ROUGE-L" not in rows, "nobody measured it"


def test_a_version_is_compared_with_its_parent_in_words(session: Session) -> None:
    found = evaluations.of(session, factories.version(session, 1, metrics={"evaluation": report()}))
    shows = {one.figure.label: (one.difference.value, one.shows) for one in found.comparisons}
    assert shows["J"] == ("+0.050", "better")
    assert shows["Neutral (STA)"] == ("−0.040", "worse")
    assert shows["Copies"] == ("−0.100", "fewer")
    assert shows["Meaning kept (SIM)"] == ("0.000", "no difference shown")
    (clicks,) = found.clicks
    assert (clicks.ours.value, clicks.theirs.value, clicks.shows) == ("0.800", "0.600", "better")
    assert found.margin == Number("0.400", "0.350 to 0.450")


def test_without_a_comparison_or_held_out_clicks_there_is_nothing_to_show_of_them(session: Session) -> None:
    bare = report(comparisons=[], clicks={"note": "None are held out."})
    found = evaluations.of(session, factories.version(session, 1, metrics={"evaluation": bare}))
    assert (found.comparisons, found.clicks, found.margin) == ([], [], None)


def test_a_version_that_was_not_measured_is_told_by_the_newest_that_was_measured_against_it(session: Session) -> None:
    first = factories.version(session, 1)
    systems = {"version": figures(0.9), "people": figures(0.78)}
    for number, measured in ((2, report()), (3, report(systems=report()["systems"] | {"parent": figures(0.6)}))):
        factories.version(session, number, parent_number=1, metrics={"evaluation": measured})
    factories.version(session, 4, parent_number=1, metrics={"evaluation": report(systems=systems)})
    found = evaluations.of(session, first)
    assert found.measured_with == 3
    assert {figure.label: ours for figure, ours, _ in found.figures}["J"] == Number("0.600", "0.550 to 0.650")
    assert found.baselines == ["copy of the text", "profane words deleted", "people"]
    assert {"comparisons", "clicks"}.isdisjoint(found.report), "they are the child's"
    assert evaluations.as_json(session, first) == found.report


def test_a_version_that_nothing_measured_says_so(session: Session) -> None:
    unmeasured = factories.version(session, 1)
    found = evaluations.of(session, unmeasured)
    assert found.problem.startswith("This version is not measured yet.")
    assert (found.figures, found.baselines, found.comparisons) == ([], [], [])
    assert evaluations.as_json(session, unmeasured) is None


def test_an_evaluation_that_failed_says_why_and_is_told_as_it_is(session: Session) -> None:
    failed = factories.version(session, 1, metrics={"evaluation": {"problem": "No scorer."}})
    factories.version(session, 2, metrics={"evaluation": report()})
    assert (evaluations.of(session, failed).problem, evaluations.of(session, failed).figures) == ("No scorer.", [])
    assert evaluations.as_json(session, failed) == {"problem": "No scorer."}
