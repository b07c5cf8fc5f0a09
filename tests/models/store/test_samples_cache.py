"""Samples of a text are found by the text, and can be removed."""

from __future__ import annotations

from pathlib import Path

from models.store.samples_cache import forget_samples, sample_file, samples_folder


def test_the_samples_of_a_text_are_removed_in_the_caches_of_all_versions(tmp_path: Path) -> None:
    files = {}
    for version in ("one", "other"):
        folder = samples_folder(tmp_path) / version
        folder.mkdir(parents=True)
        for text in ("gone", "kept"):
            files[version, text] = folder / sample_file(text)
            files[version, text].write_bytes(b"pool")
    forget_samples(tmp_path, ["gone", "never sampled"])
    assert {name for name, path in files.items() if path.exists()} == {("one", "kept"), ("other", "kept")}


def test_without_a_cache_nothing_is_removed(tmp_path: Path) -> None:
    forget_samples(tmp_path, ["gone"])
    assert list(tmp_path.iterdir()) == []
