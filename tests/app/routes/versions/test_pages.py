"""The pages and the API of versions: lineage, side by side, try, promote, note, download, delete."""

from __future__ import annotations

import io
import re
import tarfile

import pytest
from flask import Flask
from safetensors.numpy import load
from sqlalchemy.orm import Session

from app.db import AuditEvent, Generation, Version
from app.services.versions import versions
from models.store.store import SERVING_FOLDER, CheckpointStore
from tests import factories
from tests.reports import report
from tests.studio import Person, add_version, make_person, parts, rows


@pytest.fixture
def two(app: Flask, session: Session, published: CheckpointStore, version_1: int) -> Flask:
    """A studio with versions 1, which serves, and 2."""
    add_version(app, session, published, 2)
    return app


def test_the_page_shows_the_lineage_and_what_served_when(session: Session, admin: Person) -> None:
    for number in (1, 2, 3):
        factories.version(session, number)
    for number in (1, 2):
        versions.promote(session, number, admin.id)
    page = admin.browser().get("/admin/versions").text
    assert re.findall(r'<li class="lineage-row[^"]*" data-version="(\d)"', page) == ["3", "2", "1"]
    assert re.findall(r'class="graph-dot ([a-z-]+)" href="/admin/versions/(\d)"', page) == [
        ("never-live", "3"),
        ("live", "2"),
        ("was-live", "1"),
    ]
    assert 'aria-label="Version 2, from version 1, live now"' in page
    assert page.count(">live</span>") == 2
    assert page.count("Roll back to this") == 1
    assert page.count("Make live") == 1
    assert "When each version was live" in page
    assert admin.email in page


def test_many_versions_are_listed_in_pages_and_those_compared_stay_ticked(session: Session, admin: Person) -> None:
    for number in range(1, 101):
        factories.version(session, number)
    browser = admin.browser()

    def listed(address: str) -> tuple[str, list[str], list[str]]:
        page = browser.get(address).text
        rows = re.findall(r'<li class="lineage-row[^"]*" data-version="(\d+)"', page)
        return page, rows, re.findall(r'name="compare" value="(\d+)"[^>]* checked', page)

    page, rows, _ = listed("/admin/versions")
    assert rows == [str(number) for number in range(100, 75, -1)]
    assert len(page) < 120_000
    assert page.count('class="graph-dot never-live" href=') == 100
    page, rows, ticked = listed("/admin/versions?page=4&compare=3&compare=99")
    assert (rows[0], rows[-1], ticked) == ("25", "1", ["3", "99"])
    assert 'href="/admin/versions?compare=3&amp;compare=99&amp;page=3"' in page


def test_an_empty_studio_says_how_the_first_version_comes(admin: Person) -> None:
    assert "No version is published yet." in admin.browser().get("/admin/versions").text


def test_chosen_versions_stand_side_by_side_and_strangers_apart(session: Session, admin: Person) -> None:
    strange = report()
    strange["scorers"] = strange["scorers"] | {"toxicity": {"name": "another", "version": "1"}}
    for number, found in ((1, {}), (2, {"evaluation": report()}), (3, {"evaluation": strange})):
        factories.version(session, number, parent_number=None, metrics=found)
    page = admin.browser().get("/admin/versions?compare=1&compare=2&compare=3&compare=99&compare=x").text
    assert re.findall(r'<h3 id="group-\d">([^<]+)</h3>', page) == ["Version 2", "Version 3"]
    assert "each group has a table of its own" in page
    assert "Version 1 is not measured yet." in re.sub(r"\s+", " ", page)
    assert page.count('type="checkbox" name="compare"') == 3
    assert page.count("checked") == 3


def test_a_deleted_version_cannot_serve_and_the_page_says_so(session: Session, admin: Person) -> None:
    for number in (1, 2):
        factories.version(session, number)
    factories.serving(session, 1)
    versions.get(session, 2).deleted_at = factories.version(session, 3).created_at
    session.commit()
    browser = admin.browser()
    answer = browser.submit("/admin/versions/2/promote", {}, follow_redirects=True)
    assert "Version 2 was deleted: its files are gone." in answer.text
    page = browser.get("/admin/versions/2").text
    assert "Its files were removed" in page
    assert "Download checkpoint" not in page
    assert admin.call("PUT", "/aliases/serving", json={"version": 2}).status_code == 409
    session.rollback()
    assert versions.serving_number(session) == 1


def test_a_note_is_saved_and_shown(session: Session, admin: Person) -> None:
    factories.version(session, 1)
    browser = admin.browser()
    answer = browser.submit("/admin/versions/1/note", {"note": "Too <b>polite</b>."}, follow_redirects=True)
    assert "The note is saved." in answer.text
    assert "Too &lt;b&gt;polite&lt;/b&gt;." in browser.get("/admin/versions").text
    one = admin.call("PATCH", "/versions/1", json={"note": "Good."}).json
    assert one is not None
    assert (one["note"], one["deleted_at"]) == ("Good.", None)
    assert admin.call("PATCH", "/versions/1", json={"method": "x"}).status_code == 422


def test_line_ends_count_once_in_a_note_and_one_that_is_refused_stays_on_the_page(
    session: Session, admin: Person
) -> None:
    factories.version(session, 1)
    browser, lines = admin.browser(), "\r\n".join(["x" * 199] * 10)
    assert browser.submit("/admin/versions/1/note", {"note": lines}).status_code == 302
    shown = admin.call("GET", "/versions/1").json
    assert shown is not None
    assert shown["note"] == lines.replace("\r\n", "\n")
    answer = browser.submit("/admin/versions/1/note", {"note": f"{lines} and more"})
    assert answer.status_code == 422
    assert "The note must be a text of at most 2000 characters." in answer.text
    assert "x and more</textarea>" in answer.text


def test_deleting_needs_the_number_typed(two: Flask, session: Session, admin: Person) -> None:
    browser = admin.browser()
    answer = browser.submit("/admin/versions/2/delete", {"confirm": "1"}, follow_redirects=True)
    assert "Type 2 to confirm that version 2 is to be deleted." in answer.text
    assert parts(two).store.numbers() == [1, 2]
    answer = browser.submit("/admin/versions/2/delete", {"confirm": "2"}, follow_redirects=True)
    assert "Version 2 is deleted." in answer.text
    assert parts(two).store.numbers() == [1]
    answer = browser.submit("/admin/versions/1/delete", {"confirm": "1"}, follow_redirects=True)
    assert "Version 1 is live" in answer.text


def test_the_api_deletes_with_the_same_safeguards(two: Flask, session: Session, admin: Person) -> None:
    assert admin.call("DELETE", "/versions/2").status_code == 422
    assert admin.call("DELETE", "/versions/1?confirm=1").status_code == 409
    assert admin.call("DELETE", "/versions/9?confirm=9").status_code == 404
    assert admin.call("DELETE", "/versions/2?confirm=2").status_code == 204
    assert parts(two).store.numbers() == [1]
    assert rows(session, Version)[1].deleted_at is not None


def test_any_version_can_be_tried_and_nothing_is_stored(two: Flask, session: Session, admin: Person) -> None:
    for number in (1, 2):
        answer = admin.post(f"/versions/{number}/generations", {"text": "you are stupid"})
        assert answer.status_code == 200, answer.text
        assert answer.json is not None
        assert answer.json["version"] == number
        assert answer.json["candidates"]
        assert all(candidate["log_probability"] < 0 for candidate in answer.json["candidates"])
    assert rows(session, Generation) == []
    parts(two).trial.forget()


def test_what_cannot_be_tried_is_refused_in_a_sentence(two: Flask, session: Session, admin: Person) -> None:
    factories.version(session, 3)
    for path, body, status in (
        ("/versions/9/generations", {"text": "x"}, 404),
        ("/versions/2/generations", {"text": ""}, 422),
        ("/versions/2/generations", {}, 422),
        ("/versions/3/generations", {"text": "x"}, 503),
        ("/versions/2/generations", {"text": "😀" * 300}, 422),
    ):
        answer = admin.post(path, body)
        assert answer.status_code == status, answer.text
        assert answer.json is not None
        assert answer.json["detail"].endswith(".")
    parts(two).trial.forget()


def test_a_checkpoint_is_downloaded_whole(two: Flask, admin: Person) -> None:
    answer = admin.browser().get("/api/v1/versions/2/checkpoint")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == 'attachment; filename="mellow-version-2.tar"'
    assert answer.content_type == "application/x-tar"
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    with tarfile.open(fileobj=io.BytesIO(answer.data)) as tar:
        names = [name.split("/", 1)[1] for name in tar.getnames()]
        assert {"manifest.json", "model/model.safetensors", "model/tokenizer.json", "model/config.json"} <= set(names)
        assert not any(name.startswith(SERVING_FOLDER) for name in names)
        weights = tar.extractfile("mellow-version-2/model/model.safetensors")
        assert weights is not None
        assert load(weights.read())
    answer.close()


def test_only_admins_may(two: Flask, session: Session) -> None:
    person = make_person(two, session)
    assert person.browser().get("/admin/versions").status_code == 403
    for method, path in (
        ("POST", "/versions/1/generations"),
        ("GET", "/versions/1/checkpoint"),
        ("PATCH", "/versions/1"),
        ("DELETE", "/versions/2?confirm=2"),
    ):
        assert person.call(method, path, json={"text": "x"}).status_code == 403
    assert parts(two).store.numbers() == [1, 2]


def test_a_form_without_its_token_changes_nothing(two: Flask, session: Session, admin: Person) -> None:
    browser = admin.browser()
    for deed in ("promote", "note", "delete"):
        answer = browser.client.post(f"/admin/versions/2/{deed}", data={"confirm": "2", "note": "x"})
        assert answer.status_code == 400
    assert parts(two).store.numbers() == [1, 2]
    assert {event.action for event in rows(session, AuditEvent)} <= {"version.published", "user.signed_in"}
