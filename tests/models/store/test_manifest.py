"""What a version says of itself."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from models.model_errors import VersionDamaged
from models.store.manifest import MANIFEST_NAME, Manifest, hash_file, hash_folder

MANIFEST = Manifest(
    number=2,
    parent=1,
    run_id=7,
    method="dpo",
    config={"beta": 0.1, "loss_type": ["sigmoid"]},
    data_sha256="d" * 64,
    metrics={"heldout_quality": 0.25},
    created_at="2026-11-21T10:00:00+00:00",
    files={"model/config.json": "f" * 64},
)


def test_a_manifest_read_back_is_the_one_that_was_written(tmp_path: Path) -> None:
    (tmp_path / MANIFEST_NAME).write_text(MANIFEST.to_json(), encoding="utf-8")
    assert Manifest.read(tmp_path) == MANIFEST
    assert Manifest.read(tmp_path).sha256 == MANIFEST.sha256


def test_a_manifest_from_before_runs_had_keys_keeps_its_bytes_and_its_hash(tmp_path: Path) -> None:
    assert "run_key" not in MANIFEST.to_json()
    keyed = replace(MANIFEST, run_key="0" * 32)
    (tmp_path / MANIFEST_NAME).write_text(keyed.to_json(), encoding="utf-8")
    assert Manifest.read(tmp_path) == keyed
    assert keyed.sha256 != MANIFEST.sha256


def test_equal_manifests_are_equal_bytes(tmp_path: Path) -> None:
    other = replace(MANIFEST, config={"loss_type": ["sigmoid"], "beta": 0.1})
    assert other.to_json() == MANIFEST.to_json()
    assert MANIFEST.sha256 == hashlib.sha256(MANIFEST.to_json().encode()).hexdigest()


@pytest.mark.parametrize(
    "change",
    [{"number": 3}, {"data_sha256": "e" * 64}, {"files": {"model/config.json": "0" * 64}}, {"config": {"beta": 0.2}}],
)
def test_a_version_that_differs_in_anything_has_another_hash(change: dict[str, object]) -> None:
    assert replace(MANIFEST, **change).sha256 != MANIFEST.sha256  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"number": 2}', '{"surprise": 1}'])
def test_what_is_no_manifest_is_damage(tmp_path: Path, text: str) -> None:
    path = tmp_path / MANIFEST_NAME
    path.write_text(text)
    with pytest.raises(VersionDamaged, match=f"^{path} cannot be read as a manifest: "):
        Manifest.read(tmp_path)


def test_bytes_that_are_no_text_are_damage(tmp_path: Path) -> None:
    (tmp_path / MANIFEST_NAME).write_bytes(b"\xff\xfe")
    with pytest.raises(VersionDamaged, match="cannot be read as a manifest"):
        Manifest.read(tmp_path)


def test_a_missing_manifest_is_damage(tmp_path: Path) -> None:
    with pytest.raises(VersionDamaged, match="cannot be read as a manifest"):
        Manifest.read(tmp_path)


def test_the_format_of_a_later_release_is_refused(tmp_path: Path) -> None:
    document = json.loads(MANIFEST.to_json()) | {"format": 2}
    (tmp_path / MANIFEST_NAME).write_text(json.dumps(document))
    with pytest.raises(VersionDamaged, match=r"has format 2; this release reads format 1\.$"):
        Manifest.read(tmp_path)


def test_a_folder_is_hashed_file_by_file_without_its_manifest(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_bytes(b"w" * 100_000)
    (tmp_path / "note").write_bytes(b"")
    (tmp_path / MANIFEST_NAME).write_text("{}")
    (tmp_path / "model" / MANIFEST_NAME).write_text("its own, for something else")
    assert hash_folder(tmp_path) == {
        f"model/{MANIFEST_NAME}": hashlib.sha256(b"its own, for something else").hexdigest(),
        "model/weights": hashlib.sha256(b"w" * 100_000).hexdigest(),
        "note": hashlib.sha256(b"").hexdigest(),
    }
    assert hash_file(tmp_path / "note") == hashlib.sha256(b"").hexdigest()


WRONG: list[tuple[str, object]] = [
    ("number", "2"),
    ("number", True),
    ("number", 0),
    ("parent", "1"),
    ("run_id", 1.5),
    ("method", None),
    ("config", []),
    ("data_sha256", 5),
    ("metrics", "none"),
    ("created_at", 2026),
    ("files", ["model/config.json"]),
    ("files", None),
    ("run_key", 7),
    ("files", {"model/config.json": None}),
    ("files", {"model/config.json": "F" * 64}),
    *(
        ("files", {name: "f" * 64})
        for name in (
            "../../etc/passwd",
            "model/../../secret",
            "/etc/passwd",
            "",
            ".",
            "model//x",
            "model/",
            "a\\b",
            "./x",
        )
    ),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_manifest_of_another_shape_is_damage(tmp_path: Path, name: str, value: object) -> None:
    facts = json.loads(MANIFEST.to_json())
    assert name in {*facts, "run_key"}
    path = tmp_path / MANIFEST_NAME
    path.write_text(json.dumps(facts | {name: value}), encoding="utf-8")
    with pytest.raises(VersionDamaged, match=f"^{path} cannot be read as a manifest: "):
        Manifest.read(tmp_path)


def test_a_manifest_nested_without_end_is_damage(tmp_path: Path) -> None:
    (tmp_path / MANIFEST_NAME).write_text("[" * 100_000)
    with pytest.raises(VersionDamaged):
        Manifest.read(tmp_path)


def test_a_manifest_that_names_what_it_was_made_of_is_read_back_and_an_older_one_keeps_its_hash(tmp_path: Path) -> None:
    assert "provenance" not in MANIFEST.to_json()
    made = replace(MANIFEST, provenance={"seed": 0, "judgments": {"number": 12}})
    (tmp_path / MANIFEST_NAME).write_text(made.to_json(), encoding="utf-8")
    assert Manifest.read(tmp_path) == made
    assert made.sha256 != MANIFEST.sha256
    (tmp_path / MANIFEST_NAME).write_text(json.dumps(json.loads(made.to_json()) | {"provenance": "mine"}))
    with pytest.raises(VersionDamaged, match="provenance is 'mine'"):
        Manifest.read(tmp_path)
