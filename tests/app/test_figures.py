"""Whatever has happened in a studio, all pages, the API, the metrics and the exports agree on every figure."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from app import create_app
from app.db import Role
from tests.app.random_studio import EVENTS, QUEUE, Event, RandomStudio
from tests.studio import Browser, Person, close, make_person, new_settings, parts

_FIGURE = re.compile(r'<div class="figure">\s*<strong[^>]*>([^<]*)</strong><span>([^<]*)</span>')
_STATES = ("queue", "gold", "judged", "skipped", "out", "all")


class Reader:
    """Read the figures that the studio shows, as a person or a program would."""

    def __init__(self, admin: Person, browser: Browser) -> None:
        self.admin, self.browser = admin, browser

    def page(self, path: str) -> str:
        """A page, its white space as a browser shows it."""
        answer = self.browser.get(path)
        assert answer.status_code == 200, path
        return " ".join(answer.text.split())

    def figures(self, path: str) -> dict[str, str]:
        """The figures at the top of a page, by what stands below them."""
        return {label.strip(): value for value, label in _FIGURE.findall(self.page(path))}

    def number(self, path: str, *labels: str) -> int:
        """One figure of a page, whose label may be in the singular or the plural."""
        found = self.figures(path)
        (label,) = (label for label in labels if label in found)
        return int(found[label].replace(",", ""))

    def api(self, path: str) -> Any:
        """An answer of the API."""
        answer = self.admin.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json

    def metric(self, name: str) -> float:
        """A figure of the metrics."""
        found = re.search(rf"^{name} (\S+)$", self.browser.get("/metrics").text, re.MULTILINE)
        assert found is not None
        return float(found[1])


@pytest.mark.long
def test_pages_and_api_agree_on_every_figure(migrated_database: Path, queue_url: str) -> None:
    in_random_studios(4, migrated_database, queue_url)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_pages_and_api_agree_on_every_figure_in_many_studios(migrated_database: Path, queue_url: str) -> None:
    in_random_studios(100, migrated_database, queue_url)


def in_random_studios(number: int, database: Path, queue_url: str) -> None:
    """Look at every figure of that many studios."""

    @settings(
        max_examples=number,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],  # a studio takes too long to be made smaller, and is small as it is
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(queue=QUEUE, events=EVENTS)
    def look(queue: list[tuple[bool, bool, int | None]], events: list[Event]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            shutil.copyfile(database, home / "mellow.db")
            app = create_app(new_settings(home, redis_url=queue_url, serving_threads=1))
            try:
                with parts(app).sessions() as session:
                    admin = make_person(app, session, Role.ADMIN)
                    studio = RandomStudio(app, session, admin, queue)
                    for event in events:
                        studio.happen(event)
                reader = Reader(admin, admin.browser())
                check_prompts(reader)
                said = check_judgments(reader)
                check_clicks(reader)
                check_people(reader, studio.people, said)
                check_imports(studio)
            finally:
                close(app)

    look()


def check_prompts(reader: Reader) -> None:
    """Prompts in every state: the filter, its sentence, the rows and what each row says."""
    rows = {state: reader.api(f"/prompts?state={state}")["prompts"] for state in _STATES}
    states = Counter(row["state"] for row in rows["all"])
    assert states["waiting"] + states["begun"] == len(rows["queue"])
    assert states["attention check"] == len(rows["gold"])
    assert states["skipped"] == len(rows["skipped"])
    assert {row["state"] for row in rows["out"]} <= {"out"}
    assert [row["id"] for row in rows["judged"]] == [row["id"] for row in rows["all"] if row["judged_by"]]
    for state in _STATES:
        sentence = re.search(r'<p id="count">(.*?)</p>', reader.page(f"/admin/data/queue?state={state}"))
        assert sentence is not None
        assert re.match(rf"\s*{len(rows[state])} prompts?\b", sentence[1]), state
    wanted = {row["wanted"] for row in rows["queue"]}
    if wanted:
        span = f"{min(wanted)} to {max(wanted)}" if len(wanted) > 1 else f"{min(wanted)}"
        sentence = re.search(r'<p id="count">(.*?)</p>', reader.page("/admin/data/queue"))
        assert sentence is not None
        assert re.search(rf"served\. {span} (person judges|people judge) (it|each)\.", sentence[1]), sentence[1]
    waiting = reader.number("/admin", "prompts in the queue", "prompt in the queue")
    assert waiting == reader.number("/admin/data", "in the queue") == len(rows["queue"])


def check_judgments(reader: Reader) -> list[dict[str, Any]]:
    """Judgments and pairs: the first page, the Data page, the metrics, the search and the export."""
    found: list[dict[str, Any]] = reader.api("/judgments?limit=200")["judgments"]
    assert reader.page("/admin/data/judgments?undone=").count("data-judgment=") == min(len(found), 50)
    said = [one for one in found if not one["gold"]]
    judged = reader.number("/admin", "judgment", "judgments")
    assert judged == reader.number("/admin/data", "judgment", "judgments") == len(said)
    assert judged == reader.metric("mellow_judgments")
    best = sum(one["verdict"] in ("chosen", "edited") for one in said)
    assert reader.number("/admin", "with a best one") == best
    pairs = reader.number("/admin", "preference pair", "preference pairs")
    assert pairs == reader.number("/admin/data", "preference pair", "preference pairs")
    assert pairs == reader.metric("mellow_preferences")
    assert pairs == len(reader.admin.call("GET", "/preferences").text.splitlines())
    return found


def check_clicks(reader: Reader) -> None:
    """What is new, verdict by verdict, and what a run on everything would learn from."""
    page = reader.page("/admin")
    sentence = re.search(r'<p class="news">(.*?)</p>', page)
    assert sentence is not None
    with_pairs, _, without = sentence[1].partition(" more without a pair")
    new = int(re.search(r"data-new-judgments>([\d,]+)<", with_pairs)[1].replace(",", ""))  # type: ignore[index]
    assert new == reader.metric("mellow_new_judgments")
    silent = re.search(r"([\d,]+)$", with_pairs) if without else None
    pills = re.compile(r'<span class="verdict">([\d,]+) ')
    assert sum(map(int, pills.findall(with_pairs))) == new
    assert sum(map(int, pills.findall(without))) == (int(silent[1]) if silent else 0)
    assert bool(new) == (", by " in with_pairs), "nobody is named where nothing is new"
    asked = reader.admin.post("/training-runs/preview", {"method": "dpo", "config": {}}).json
    assert asked
    assert asked["pairs"] == reader.number("/admin", "preference pair", "preference pairs")
    assert asked["judgments"] >= new
    if "the beginning" in with_pairs:
        assert asked["judgments"] == new


def check_people(reader: Reader, people: list[Person], found: list[dict[str, Any]]) -> None:
    """Each person: judgments, attention checks, and the work that they and the admin see."""
    page = reader.page("/admin/people")
    figures = reader.figures("/admin")
    active = figures.get("people", figures.get("person"))
    assert active == reader.figures("/admin/people")["active"]
    judged = worked = busy = 0
    for person in people:
        row = next(row for row in page.split("<tr")[1:] if person.email in row)
        cells = re.findall(r"<td[^>]*>(.*?)</td>", row)
        own = [one for one in found if one["person"]["id"] == person.id]
        said, checks = [one for one in own if not one["gold"]], [one for one in own if one["gold"]]
        imported = re.search(r"(\d+) imported", cells[2])
        met = re.search(r"(\d+) met", cells[4])
        assert int(re.match(r"\d+", cells[2].strip())[0]) == len(said)  # type: ignore[index]
        assert int(met[1] if met else 0) == len(checks)
        work = len(own) - int(imported[1] if imported else 0)
        judged, worked, busy = judged + len(said), worked + work, busy + bool(work)
        theirs = reader.figures(f"/admin/people/{person.id}")
        if work:
            assert int(theirs.get("screens judged", theirs.get("screen judged", ""))) == work
            assert int(theirs.get("judgments", theirs.get("judgment", ""))) == len(said)
            answered = [one["right"] for one in own if one["right"] is not None]
            assert f"{sum(answered)} of {len(answered)} attention checks right" in theirs
        else:
            assert theirs == {}, "nobody has a pace for what they imported"
        check_work(person, work)
    totals = reader.figures("/admin/people")
    assert judged == reader.number("/admin", "judgment", "judgments")
    label = "screen judged in the last 7 days" if worked == 1 else "screens judged in the last 7 days"
    assert (int(totals[label]), int(totals["took part"])) == (worked, busy)


def check_work(person: Person, work: int) -> None:
    """My work, the desk and the API of oneself; whoever may not sign in does not see them."""
    answer = person.call("GET", "/me")
    if answer.status_code == 401:
        return
    assert answer.json
    own = Reader(person, person.browser())
    shown = own.figures("/work")
    assert int(shown["in all"]) == int(shown["today"]) == int(shown["in this sitting"]) == work
    assert (answer.json["today"]["judged"], answer.json["sitting"]["judged"]) == (work, work)
    assert own.page("/work").count('id="judgment-') == min(work, 20)
    desk = own.page("/annotate")
    assert (f'data-today="{work}"' in desk, f'data-sitting="{work}"' in desk) == (True, True)
    assert (answer.json["streak_days"] > 0) == (work > 0)


def check_imports(studio: RandomStudio) -> None:
    """What the page says before an import is what becomes of it, and the queue grows by what it says."""
    for looked, stored, grown in studio.imports:
        assert stored["added"] == looked["usable"] - looked["repeated"] - looked["known"]
        assert stored["duplicates"] == looked["repeated"] + looked["known"]
        assert grown <= stored["added"] - stored["checks"] - stored["judged"]
        if not stored["judgments"]:  # an imported judgment may be the last one that a waiting prompt lacked
            assert grown == stored["added"] - stored["checks"] - stored["judged"]
