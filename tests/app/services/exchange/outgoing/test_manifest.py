"""The manifest of an export: beside the rows in a zip, and true of them."""

from __future__ import annotations

import hashlib
import io
import json
import tracemalloc
import zipfile
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import Judgment
from app.services.exchange import exports
from app.services.exchange.judgment_search import JudgmentFilter
from app.services.exchange.outgoing.manifest import Export, ExportPlan, as_text
from app.services.exchange.outgoing.redaction import Choices
from app.version import VERSION
from models.texts.personal_details import RULES
from tests import factories
from tests.app.services.exchange.conftest import look, many_judgments, store
from tests.app.services.exchange.outgoing.conftest import EMAIL
from tests.studio import Person

Judged = dict[str, Judgment]


def plan(name: str, *choices: str, wanted: JudgmentFilter | None = None) -> ExportPlan:
    return ExportPlan(name, wanted or JudgmentFilter(), False, Choices(*choices))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", exports.FORMATS)
def test_a_zip_holds_the_rows_and_a_manifest_that_is_true_of_them(session: Session, judged: Judged, name: str) -> None:
    made = b"".join(Export(session, plan(name, "mask", "leave-out")).zipped())
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert archive.testzip() is None
        file, place = archive.namelist()
        assert (file, place) == (f"mellow-preferences-{name}.{exports.FORMATS[name].extension}", "manifest.json")
        rows, said = archive.read(file), json.loads(archive.read(place))
    assert said["sha256"] == hashlib.sha256(rows).hexdigest()
    assert (said["file"], said["format"], said["mellow"], said["rules"]) == (file, name, VERSION, RULES)
    assert said["choices"] == {"personal": "mask", "evaluation": "leave-out"}
    assert said["left_out"]["evaluation"] == [judged["tested"].id, judged["near"].id]
    assert said["evaluation_texts"] == {"same": 1, "near": 1}
    assert said["personal_details"]["kinds"]["email"] >= 3
    assert said["personal_details"]["masked"]["email"] >= 3


def test_a_manifest_is_text_that_people_read(session: Session) -> None:
    export = Export(session, plan("trl", wanted=JudgmentFilter(text="für")))
    b"".join(export.content())
    text = as_text(export.manifest())
    assert '"text": "für"' in text
    assert text.endswith("\n}\n")


def test_the_rows_are_counted_as_they_are_written(session: Session, judged: Judged) -> None:
    for name in ("trl", "kto", "seed", "judgments-jsonl"):
        export = Export(session, plan(name, "leave-out"))
        lines = b"".join(export.content()).splitlines()
        assert export.manifest()["rows"] == len(lines) > 0


def test_what_was_searched_for_is_masked_too(session: Session, judged: Judged) -> None:
    wanted = JudgmentFilter(text=EMAIL, verdict="chosen")
    for choice, text in (("keep", EMAIL), ("mask", "[email]")):
        export = Export(session, plan("trl", choice, wanted=wanted))
        b"".join(export.content())
        assert export.manifest()["selection"] == {"text": text, "verdict": "chosen"}


def test_the_studio_imports_the_zip(session: Session, elsewhere: Session, judged: Judged, write: Any) -> None:
    path = write("a.zip", b"".join(Export(session, plan("trl", "mask")).zipped()))
    assert look(elsewhere, path).mapping.text == "prompt"
    report = store(elsewhere, factories.user(elsewhere).id, path, judgments=True, queue=False).report
    assert (report.judgments, report.rejected) == (6, [])


@pytest.mark.long
def test_memory_does_not_grow_with_the_export(session: Session, annotator: Person) -> None:
    many_judgments(session, annotator.id)
    export = Export(session, plan("trl", "mask"))
    tracemalloc.start()
    try:
        for _ in export.zipped():
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert export.manifest()["rows"] == 6_000
    assert peak < 8_000_000, "twelve megabytes of texts and as many of masked ones are never there at once"
