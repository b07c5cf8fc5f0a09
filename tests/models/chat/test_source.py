"""Where a chat model comes from: a folder, an adapter with its base, or a version of the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.chat.source import ChatSource, find_source
from models.model_errors import LoadError, VersionDamaged
from models.store.manifest import Manifest
from models.store.store import CheckpointStore


def folder_of(path: Path, *files: str) -> Path:
    path.mkdir(parents=True)
    for name in files:
        (path / name).write_text(f"{path.name} {name}")
    return path


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return folder_of(tmp_path / "base", "config.json", "tokenizer.json", "model.safetensors")


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return folder_of(tmp_path / "loose", "adapter_config.json", "adapter_model.safetensors")


def version_of(root: Path, part: str, *files: str) -> Path:
    """A published version with one part."""
    store = CheckpointStore(root)
    with store.stage() as staged:
        folder_of(staged / part, *files)
        store.seal(staged, Manifest(1, None, None, "dpo", {}, "", {}, "2026-11-30T00:00:00Z"))
        store.publish(staged, 1)
    return store.folder(1)


def test_an_adapter_needs_the_model_that_is_named_with_it(base: Path, adapter: Path) -> None:
    assert find_source(adapter, base) == ChatSource(base, adapter)
    with pytest.raises(LoadError, match="is an adapter: name the model"):
        find_source(adapter)


def test_a_version_is_its_adapter_and_shares_the_base(base: Path, tmp_path: Path) -> None:
    version = version_of(tmp_path / "store", "adapter", "adapter_config.json", "adapter_model.safetensors")
    assert find_source(version, base) == ChatSource(base, version / "adapter")


def test_a_version_may_be_a_whole_model(tmp_path: Path) -> None:
    version = version_of(tmp_path / "store", "model", "config.json", "model.safetensors")
    assert find_source(version) == ChatSource(version / "model")


def test_a_version_that_was_changed_is_refused(base: Path, tmp_path: Path) -> None:
    version = version_of(tmp_path / "store", "adapter", "adapter_config.json", "adapter_model.safetensors")
    (version / "adapter" / "adapter_model.safetensors").write_text("something else")
    with pytest.raises(VersionDamaged, match="differs from the manifest"):
        find_source(version, base)


def test_the_hash_tells_of_every_file_of_both(base: Path, adapter: Path) -> None:
    seen = {ChatSource(base).sha256, ChatSource(base, adapter).sha256}
    (adapter / "adapter_model.safetensors").write_text("trained further")
    seen.add(ChatSource(base, adapter).sha256)
    (base / "tokenizer.json").write_text("another")
    seen.add(ChatSource(base, adapter).sha256)
    assert len(seen) == 4


def test_weights_in_another_form_than_safetensors_are_refused(tmp_path: Path) -> None:
    pickled = folder_of(tmp_path / "pickled", "config.json", "pytorch_model.bin")
    with pytest.raises(LoadError, match="no weights in safetensors"):
        assert find_source(pickled).sha256


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="has no config\\.json"):
        find_source(tmp_path)
