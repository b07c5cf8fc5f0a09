"""The admin's API for files in and out over HTTP."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pyarrow.parquet as pq
import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.db import Judgment, Prompt
from app.services.exchange import exports
from tests import factories
from tests.app.routes.desk.test_api import body, problem
from tests.studio import Person, rows


def test_a_file_is_sent_in_pieces_looked_at_stored_and_forgotten(session: Session, admin: Person) -> None:
    sent = body(admin.call("POST", "/imports?name=a.csv", data=b"comment,chosen,rej"))
    place = f"/imports/{sent['id']}"
    assert problem(admin.call("PATCH", f"{place}?offset=3", data=b"x"))[0] == 409
    rest = b"ected\nyou fool,you,idiot\n,,\n"
    assert body(admin.call("PATCH", f"{place}?offset=18", data=rest), 200)["bytes"] == 18 + len(rest)
    found = body(admin.call("GET", f"{place}?text=comment&layout=csv"), 200)
    assert (found["name"], found["usable"], found["found"]["format"]) == ("a.csv", 1, "preference")
    assert rows(session, Prompt) == []
    answer = admin.post(place, found["mapping"] | {"judgments": True})
    assert (answer.status_code, answer.content_type) == (200, "application/x-ndjson; charset=utf-8")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [(line["done"], line["added"]) for line in lines] == [(False, 1), (True, 1)]
    assert admin.call("DELETE", place).status_code == 204
    assert problem(admin.call("GET", place)) == (404, "There is no such upload any more: choose the file again.")


def test_several_peoples_judgments_are_counted_taken_over_by_name_and_known_again(admin: Person) -> None:
    table = b"annotator,prompt,chosen,rejected\nAda,you fool,a,b\nBen,you fool,b,a\nBen,two,a,a\n"
    sent = body(admin.call("POST", "/imports?name=a.csv", data=table))
    place = f"/imports/{sent['id']}"
    found = body(admin.call("GET", place), 200)
    refused = [{"line": 4, "reason": "Its judgment cannot be taken over: chosen and rejected are the same."}]
    assert (found["judgments"], found["people"], found["judgments_known"], found["problems"]) == (2, 2, 0, refused)
    for new in (2, 0):
        last = json.loads(admin.post(place, found["mapping"] | {"judgments": True}).text.splitlines()[-1])
        assert (last["judgments"], last["judgments_known"], last["rejected"]) == (new, 2 - new, refused)
    listed = body(admin.call("GET", "/judgments"), 200)["judgments"]
    assert [one["person"] for one in listed] == [
        {"id": admin.id, "name": "Ben, imported"},
        {"id": admin.id, "name": "Ada, imported"},
    ]


def test_columns_beside_the_text_are_offered_and_may_be_left_out(session: Session, admin: Person) -> None:
    sent = body(admin.call("POST", "/imports?name=a.csv", data=b"text,language,page\none,de," + b"x" * 4_000))
    place = f"/imports/{sent['id']}"
    found = body(admin.call("GET", place), 200)
    assert (found["found"]["beside"], found["unused"], found["mapping"]["leave_out"]) == (["language", "page"], 1, [])
    found = body(admin.call("GET", place, query_string={"leave_out": '["page"]'}), 200)
    assert (found["unused"], found["mapping"]["leave_out"], found["sample"][0]["metadata"]) == (
        0,
        ["page"],
        {"language": "de"},
    )
    admin.post(place, found["mapping"])
    assert [row.metadata_ for row in rows(session, Prompt)] == [{"language": "de"}]
    refused = admin.call("GET", place, query_string={"leave_out": "page"})
    assert problem(refused) == (
        422,
        "leave_out must be a JSON list of columns, without white space, of at most 3,000 characters.",
    )


def test_an_import_is_listed_and_taken_back_and_taking_it_back_again_is_harmless(
    admin: Person, annotator: Person
) -> None:
    sent = body(admin.call("POST", "/imports?name=a.txt", data=b"one\ntwo\n"))
    admin.post(f"/imports/{sent['id']}", {"layout": "lines"}).get_data()
    (one,) = body(admin.call("GET", "/imports?limit=1"), 200)["imports"]
    assert (one["file_name"], one["added"], one["person"]["id"], one["undone_at"]) == ("a.txt", 2, admin.id, None)
    place = f"/imports/{one['id']}/undo"
    assert annotator.call("POST", place).status_code == 403
    assert body(admin.call("POST", place), 200) == {"prompts": 2, "judgments": 0, "judged": 0}
    assert body(admin.call("POST", place), 200) == {"prompts": 0, "judgments": 0, "judged": 0}
    assert body(admin.call("GET", "/imports"), 200)["imports"][0]["undone_at"] is not None
    assert problem(admin.call("POST", "/imports/9/undo")) == (404, "There is no import 9.")


@pytest.mark.parametrize("offset", ["", "-1", "0.5", "one", "1\n", "1" * 13])
def test_an_offset_is_a_whole_number_that_is_not_negative(admin: Person, offset: str) -> None:
    answer = admin.call("PATCH", f"/imports/{'0' * 32}", query_string={"offset": offset}, data=b"x")
    assert problem(answer) == (422, "offset must be a whole number that is not negative.")


def test_a_file_that_breaks_off_says_so_in_the_last_line(session: Session, admin: Person) -> None:
    content = "[" + ",".join(json.dumps(f"text {number}") for number in range(501)) + ",{"
    sent = body(admin.call("POST", "/imports?name=a.json", data=content.encode()))
    answer = admin.post(f"/imports/{sent['id']}", {"layout": "json"})
    *_, first, last = (json.loads(line) for line in answer.text.splitlines())
    assert (first["added"], first["done"]) == (500, False)
    assert last == {"problem": "The file is not whole JSON: what begins in line 1 cannot be read."}


def test_judgments_of_everybody_are_listed_with_what_was_on_the_screen(
    session: Session, admin: Person, annotator: Person
) -> None:
    for _ in range(2):
        factories.judgment(session, factories.generation(session, annotator.id, ["a", "b"]))
    newest = body(admin.call("GET", "/judgments?limit=1"), 200)
    (one,) = newest["judgments"]
    assert (one["verdict"], one["person"]["id"], one["gold"], one["right"]) == ("chosen", annotator.id, False, None)
    assert [(text["text"], text["best"], text["version"]) for text in one["candidates"]] == [
        ("a", True, 1),
        ("b", False, 1),
    ]
    older = body(admin.call("GET", f"/judgments?limit=1&before={newest['before']}"), 200)
    ids = [newest["judgments"][0]["id"], older["judgments"][0]["id"]]
    assert ids == sorted((row.id for row in rows(session, Judgment)), reverse=True)
    assert older["before"] is None


@pytest.mark.parametrize("format_name", [name for name, one in exports.FORMATS.items() if one.extension == "jsonl"])
def test_an_export_is_streamed_as_json_lines(session: Session, admin: Person, format_name: str) -> None:
    factories.judgment(session, factories.generation(session, admin.id))
    answer = admin.call("GET", f"/preferences?format={format_name}")
    assert (answer.status_code, answer.content_type) == (200, "application/x-ndjson; charset=utf-8")
    assert answer.is_streamed
    assert "Content-Length" not in answer.headers
    disposition = f'attachment; filename="mellow-preferences-{format_name}.jsonl"'
    assert answer.headers["Content-Disposition"] == disposition
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert lines == [json.loads(line) for line in exports.stream(session, format_name)]
    assert len(lines) in (1, 2, 3)


def test_an_export_is_in_trl_format_unless_another_is_asked_for(session: Session, admin: Person) -> None:
    factories.judgment(session, factories.generation(session, admin.id, ["a", "b"]))
    (line,) = admin.call("GET", "/preferences").text.splitlines()
    assert set(json.loads(line)) == {"prompt", "chosen", "rejected", "judgment", "verdict"}


def test_an_export_as_a_table_is_one(session: Session, admin: Person) -> None:
    factories.judgment(session, factories.generation(session, admin.id, ["a", "b"]))
    answer = admin.call("GET", "/preferences?format=csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="mellow-preferences-csv.csv"'
    assert answer.text.splitlines()[0] == "prompt,chosen,rejected,judgment,verdict"


@pytest.mark.parametrize("format_name", ["labelstudio", "argilla"])
def test_an_export_for_a_labelling_tool_is_a_json_list(session: Session, admin: Person, format_name: str) -> None:
    factories.judgment(session, factories.generation(session, admin.id))
    answer = admin.call("GET", f"/preferences?format={format_name}")
    assert (answer.content_type, answer.is_streamed) == ("application/json; charset=utf-8", True)
    disposition = f'attachment; filename="mellow-preferences-{format_name}.json"'
    assert answer.headers["Content-Disposition"] == disposition
    assert answer.json == json.loads("".join(exports.stream(session, format_name)))


def test_an_export_can_be_a_parquet_file(session: Session, admin: Person) -> None:
    factories.judgment(session, factories.generation(session, admin.id))
    answer = admin.call("GET", "/preferences?format=judgments-parquet")
    assert (answer.content_type, answer.is_streamed) == ("application/vnd.apache.parquet", True)
    assert pq.read_table(io.BytesIO(answer.data)).column("verdict").to_pylist() == ["chosen"]


def test_an_export_names_people_or_gives_them_pseudonyms(session: Session, admin: Person) -> None:
    factories.judgment(session, factories.generation(session, admin.id))
    for asked, named in (("", True), ("&pseudonyms=no", True), ("&pseudonyms=yes", False)):
        row = json.loads(admin.call("GET", f"/preferences?format=judgments-jsonl{asked}").text)
        assert (row["person"].endswith("@example.org"), row["person"].startswith("person-")) == (named, not named)
    sentence = "pseudonyms must be yes or no."
    assert problem(admin.call("GET", "/preferences?pseudonyms=maybe")) == (422, sentence)


def test_an_export_can_be_filtered(session: Session, admin: Person) -> None:
    factories.judgment(session, factories.generation(session, admin.id, ["a", "b"]))
    assert admin.call("GET", f"/preferences?person={admin.id}&verdict=chosen").text
    assert admin.call("GET", "/preferences?verdict=tie").text == ""
    sentence = "since must be a day such as 2026-01-31."
    assert problem(admin.call("GET", "/preferences?since=yesterday")) == (422, sentence)


def test_an_export_of_nothing_is_empty(admin: Person) -> None:
    answer = admin.call("GET", "/preferences")
    assert (answer.status_code, answer.text) == (200, "")


def test_an_unknown_format_is_refused_with_those_there_are(admin: Person) -> None:
    formats = "trl, trl-chat, kto, seed, llamafactory, labelstudio, argilla, hh, csv, csv-spreadsheet"
    tables = "judgments-csv, judgments-csv-spreadsheet, judgments-jsonl, judgments-parquet"
    sentence = f"format must be one of {formats}, {tables}."
    assert problem(admin.call("GET", "/preferences?format=parquet")) == (422, sentence)


def test_a_data_set_for_the_hub_is_a_zip_with_a_card(session: Session, admin: Person, annotator: Person) -> None:
    empty = admin.call("GET", "/preferences/dataset")
    assert problem(empty) == (409, "There is nothing to export: no judgment that stands fits.")
    for person in (admin, annotator):
        factories.judgment(session, factories.generation(session, person.id, ["a", "b"]))
    for query, count in (("", 2), ("?contents=judgments", 2), (f"?contents=judgments&person={admin.id}", 1)):
        answer = admin.call("GET", f"/preferences/dataset{query}")
        assert (answer.status_code, answer.mimetype) == (200, "application/zip")
        with zipfile.ZipFile(io.BytesIO(answer.data)) as made:
            assert f"num_examples: {count}\n" in made.read("README.md").decode()
        answer.close()
    assert "mellow-judgments-dataset.zip" in answer.headers["Content-Disposition"]
    refused = admin.call("GET", "/preferences/dataset?contents=all")
    assert problem(refused) == (422, "contents must be one of pairs, judgments.")


class Body(io.RawIOBase):
    """A body of any length that counts what is read of it."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.place = self.count = 0

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.place = offset if whence == io.SEEK_SET else self.length
        return self.place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io gives it nothing else
        taken = min(len(buffer), self.length - self.place)
        self.place += taken
        self.count += taken
        return taken


def test_a_piece_that_says_it_is_too_long_is_refused_unread(admin: Person) -> None:
    sent = body(admin.call("POST", "/imports?name=a.csv", data=b"text\n"))
    place = f"/imports/{sent['id']}"
    piece = Body(10)
    refused = admin.call("PATCH", f"{place}?offset={2 * 1024**3 - 5}", input_stream=piece)
    assert problem(refused) == (413, "The file has more than the 2 GB that are accepted.")
    for method, address in (("POST", "/imports?name=b.csv"), ("PATCH", f"{place}?offset=5"), ("POST", "/prompts")):
        gigabytes = Body(1024**3)
        refused = admin.call(method, address, input_stream=gigabytes)
        assert problem(refused) == (413, "The request has more than the 64 MB that are accepted at once.")
        assert gigabytes.count == 0
    assert piece.count == 0
    assert body(admin.call("PATCH", f"{place}?offset=5", data=b"one"), 200)["bytes"] == 8


def test_a_body_in_chunks_is_refused_as_soon_as_it_passes_the_bound(
    app: Flask, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "MAX_CONTENT_LENGTH", 1024 * 1024)
    chunked: dict[str, Any] = {
        "headers": {"Transfer-Encoding": "chunked"},
        "environ_overrides": {"wsgi.input_terminated": True},
    }
    whole = admin.call("POST", "/imports?name=a.csv", input_stream=Body(1024 * 1024), **chunked)
    assert body(whole)["bytes"] == 1024 * 1024
    chunks = Body(1024**3)
    refused = admin.call("POST", "/imports?name=a.csv", input_stream=chunks, **chunked)
    assert problem(refused) == (413, "The request has more than the 1 MB that are accepted at once.")
    assert chunks.count <= 1024 * 1024 + 64 * 1024


def test_an_export_that_masks_comes_as_a_zip_with_its_manifest(session: Session, admin: Person) -> None:
    prompt = factories.prompt(session, "ask ada@example.org")
    judgment = factories.judgment(session, factories.generation(session, admin.id, ["a", "b"], prompt=prompt))
    for asked, text, left in (
        ("personal=mask", "ask [email]", []),
        ("personal=leave-out", None, [judgment.id]),
        ("manifest=yes", "ask ada@example.org", []),
        ("evaluation=leave-out", "ask ada@example.org", []),
    ):
        answer = admin.call("GET", f"/preferences?format=seed&{asked}")
        assert (answer.content_type, answer.is_streamed) == ("application/zip", True)
        assert answer.headers["Content-Disposition"] == 'attachment; filename="mellow-preferences-seed.zip"'
        with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
            rows_of = archive.read("mellow-preferences-seed.jsonl")
            said = json.loads(archive.read("manifest.json"))
        assert [json.loads(line)["toxic"] for line in rows_of.splitlines()] == [text] * (text is not None)
        assert said["left_out"]["personal"] == left
        told = body(admin.call("GET", f"/preferences/manifest?format=seed&{asked.replace('manifest=yes', '')}"), 200)
        assert told | {"made_at": ""} == said | {"made_at": ""}


def test_a_manifest_is_for_admins_and_takes_only_what_there_is(admin: Person, annotator: Person) -> None:
    assert problem(annotator.call("GET", "/preferences/manifest")) == (403, "This is for admins.")
    sentence = "personal must be one of keep, mask, leave-out."
    assert problem(admin.call("GET", "/preferences/manifest?personal=hide")) == (422, sentence)
    assert problem(admin.call("GET", "/preferences?evaluation=mask"))[0] == 422


def test_a_data_set_is_masked_on_request(session: Session, admin: Person) -> None:
    prompt = factories.prompt(session, "ask ada@example.org")
    factories.judgment(session, factories.generation(session, admin.id, ["a", "b"], prompt=prompt))
    answer = admin.call("GET", "/preferences/dataset?personal=mask")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        table = pq.read_table(io.BytesIO(archive.read("data/train-00000-of-00001.parquet")))
    assert table.column("prompt").to_pylist() == ["ask [email]"]
