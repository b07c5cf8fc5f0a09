"""Data sets in the hub's layout: read by the library `datasets`, by the import of the studio, and by `data check`."""

from __future__ import annotations

import hashlib
import io
import json
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import Judgment, Preference, Prompt
from app.domain_errors import Conflict
from app.services.exchange.hub import data_set
from app.services.exchange.hub.data_set import Contents
from app.services.exchange.judgment_search import JudgmentFilter
from app.services.exchange.mapping import FROM_FORMAT
from app.services.exchange.outgoing.redaction import Choices
from models.formats import Kind, read_rows
from tests import factories
from tests.app.services.exchange.conftest import look, many_judgments, store
from tests.studio import Person, rows

AWKWARD = 'zwei\u2028Zeilen "und"\n👩🏽‍🚀'


@pytest.fixture
def judged(session: Session, annotator: Person) -> list[dict[str, str]]:
    """Judgments of every verdict; returns the pairs that they yield, in their order."""
    told = factories.prompt(session, AWKWARD, metadata_={"language": "de"}, source="forum")
    factories.judgment(session, factories.generation(session, annotator.id, ["a", "b", "c"], prompt=told))
    for verdict, values in (
        ("none", {"candidate_id": None}),
        ("skipped", {"candidate_id": None, "reason": "too hard"}),
    ):
        screen = factories.generation(session, annotator.id, ["d", "e"])
        factories.judgment(session, screen, pairs=False, verdict=verdict, **values)
    undone = factories.judgment(session, factories.generation(session, annotator.id, ["x", "y"]))
    undone.undone_at = undone.created_at
    session.commit()
    return [{"prompt": AWKWARD, "chosen": "a", "rejected": text} for text in ("b", "c")]


def key(session: Session) -> str:
    """The key of the first judgment."""
    return rows(session, Judgment)[0].client_key


def unpacked(session: Session, contents: Contents, folder: Path) -> Path:
    with data_set.archive(session, contents) as file, zipfile.ZipFile(file) as archive:
        archive.extractall(folder)
    return folder


def loaded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The data set as the library reads the folder, without a network."""
    import datasets

    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", folder.parent / "cache")
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    return datasets.load_dataset(str(folder), split="train")


@pytest.mark.long
def test_the_library_of_the_hub_reads_pairs_as_they_are(
    session: Session, judged: list[dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = loaded(unpacked(session, "pairs", tmp_path / "pairs"), monkeypatch)
    assert made.column_names == ["prompt", "chosen", "rejected", "judgment", "verdict", "metadata"]
    more = {"judgment": key(session), "verdict": "chosen", "metadata": '{"language": "de"}'}
    assert list(made) == [pair | more for pair in judged]
    assert made.info.splits["train"].num_examples == 2


@pytest.mark.long
@pytest.mark.usefixtures("judged")
def test_the_library_of_the_hub_reads_judgments_as_they_are(
    session: Session, annotator: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = loaded(unpacked(session, "judgments", tmp_path / "judgments"), monkeypatch)
    first, none, skipped = list(made)
    stored = rows(session, Judgment)[0]
    assert (first["prompt"], first["candidates"], first["position"], first["chosen"]) == (
        AWKWARD,
        ["a", "b", "c"],
        1,
        "a",
    )
    assert (first["created_at"], first["versions"], first["source"]) == (stored.created_at, [1, 1, 1], "forum")
    assert (none["verdict"], none["position"], none["chosen"]) == ("none", None, None)
    assert (skipped["verdict"], skipped["reason"]) == ("skipped", "too hard")
    assert len({row["person"] for row in made}) == 1
    assert all(row["person"].startswith("person-") for row in made)
    assert annotator.email not in str(list(made))


@pytest.mark.parametrize("packed", [True, False])
def test_training_reads_the_zip_and_the_folder(
    session: Session, judged: list[dict[str, str]], tmp_path: Path, packed: bool
) -> None:
    for contents, name in (("pairs", "preference"), ("judgments", "judgments")):
        with data_set.archive(session, contents) as file:  # type: ignore[arg-type]
            zipped = tmp_path / f"{contents}.zip"
            zipped.write_bytes(file.read())
        folder = tmp_path / contents
        with zipfile.ZipFile(zipped) as archive:
            archive.extractall(folder)
        read = read_rows(zipped if packed else folder, Kind.PREFERENCE)
        assert (read.format, list(read.rows)) == (name, judged)
        reasons = [problem.reason.split(" by person-")[0] for problem in read.problems]
        unusable = ["none of its answers was found good", "it was skipped"]
        assert reasons == ([] if name == "preference" else unusable)


@pytest.mark.parametrize("contents", ["pairs", "judgments"])
def test_the_studio_imports_the_zip(
    session: Session, admin: Person, judged: list[dict[str, str]], write: Any, contents: Contents
) -> None:
    with data_set.archive(session, contents) as file:
        path = write("a.zip", file.read())
    told = rows(session, Prompt)[0]
    told.metadata_ = None
    for judgment in rows(session, Judgment):
        judgment.client_key = f"another-{judgment.id}"
    session.commit()
    found = look(session, path)
    assert (found.mapping.text, found.mapping.gold) == ("prompt", "")
    report = store(session, admin, path, queue=False, judgments=True, text=FROM_FORMAT).report
    assert report.judgments == (1 if contents == "pairs" else 3)
    made = [(row.prompt, row.chosen, row.rejected) for row in rows(session, Preference)][len(judged) :]
    standing = {(pair["prompt"], pair["chosen"], pair["rejected"]) for pair in judged}
    assert standing <= set(made)
    assert rows(session, Prompt)[0].metadata_ == {"language": "de"}


@pytest.mark.usefixtures("judged")
def test_a_filter_chooses_what_is_in_it_and_nothing_is_refused(session: Session) -> None:
    with data_set.archive(session, "judgments", JudgmentFilter(verdict="none")) as file, zipfile.ZipFile(file) as made:
        assert made.namelist() == ["README.md", "manifest.json", "data/train-00000-of-00001.parquet"]
        assert "num_examples: 1\n" in made.read("README.md").decode()
    with pytest.raises(Conflict) as refusal:
        data_set.archive(session, "pairs", JudgmentFilter(verdict="none"))
    assert str(refusal.value) == "There is nothing to export: no judgment that stands fits."


@pytest.mark.parametrize("contents", ["pairs", "judgments"])
def test_details_are_masked_or_left_out_and_the_manifest_says_so(
    session: Session, annotator: Person, contents: Contents
) -> None:
    import pyarrow.parquet as pq

    for text in ("ask ada@example.org", "you fool"):
        prompt = factories.prompt(session, text)
        judgment = factories.judgment(session, factories.generation(session, annotator.id, ["a", "b"], prompt=prompt))
    first = judgment.id - 1
    for choice, prompts, left in (("mask", ["ask [email]", "you fool"], []), ("leave-out", ["you fool"], [first])):
        made = data_set.archive(session, contents, choices=Choices(choice))  # type: ignore[arg-type]
        with made as file, zipfile.ZipFile(file) as archive:
            rows_of = archive.read("data/train-00000-of-00001.parquet")
            said = json.loads(archive.read("manifest.json"))
        assert pq.read_table(io.BytesIO(rows_of))["prompt"].to_pylist() == prompts
        assert (said["rows"], said["judgments"], said["left_out"]["personal"]) == (len(prompts), 2, left)
        assert said["sha256"] == hashlib.sha256(rows_of).hexdigest()
    judgment.undone_at = judgment.created_at
    session.commit()
    with pytest.raises(Conflict) as refusal:
        data_set.archive(session, contents, choices=Choices("leave-out"))
    assert str(refusal.value) == "There is nothing to export: every judgment that fits would be left out."


def test_without_metadata_there_is_no_column_for_them(session: Session, annotator: Person) -> None:
    factories.judgment(session, factories.generation(session, annotator.id))
    with data_set.archive(session, "pairs") as file, zipfile.ZipFile(file) as made:
        import pyarrow.parquet as pq

        table = pq.read_table(io.BytesIO(made.read("data/train-00000-of-00001.parquet")))
    assert table.column_names == ["prompt", "chosen", "rejected", "judgment", "verdict"]


@pytest.mark.long
def test_memory_does_not_grow_with_the_data_set(session: Session, annotator: Person) -> None:
    many_judgments(session, annotator.id, 20_000, 500)
    # pyarrow imports pandas when it makes its first table; what the two keep of themselves is not of the data set.
    import pandas  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    tracemalloc.start()
    try:
        data_set.archive(session, "pairs").close()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12_000_000, "twenty thousand rows of half a kilobyte are never there at once"
