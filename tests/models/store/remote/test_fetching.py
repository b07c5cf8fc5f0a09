"""Fetching: what was cut off is taken up again, and nothing is used that differs from the manifest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from models.model_errors import StoreAway
from models.store.remote import fetching
from tests.models.store.remote.test_object_store import opened, publish
from tests.objects.proxy import Fault, Proxy
from tests.objects.server import ObjectServer

PIECE = 1000
WEIGHTS = bytes(range(256)) * 40  # eleven pieces


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PIECE_BYTES", PIECE)


def is_piece(line: str) -> bool:
    return line.startswith("GET") and line.split()[1].endswith("/weights")


def test_a_fetch_that_is_cut_in_the_middle_is_taken_up_again(
    tmp_path: Path, object_server: ObjectServer, address: str, reach: Callable[[int], None]
) -> None:
    publish(opened(tmp_path / "publisher", address), 1, weights=WEIGHTS)
    pieces: list[str] = []

    def fault(line: str) -> Fault:
        if is_piece(line):
            pieces.append(line)
            return Fault.NONE if len(pieces) <= 6 else Fault.UNSENT
        return Fault.NONE

    with Proxy(object_server.port, fault) as proxy:
        reach(proxy.port)
        with pytest.raises(StoreAway):
            opened(tmp_path / "here", address).folder(1)
    (part,) = (tmp_path / "here" / ".fetching").rglob("weights")
    assert part.read_bytes() == WEIGHTS[: 6 * PIECE]
    with Proxy(object_server.port, lambda _line: Fault.NONE) as proxy:
        reach(proxy.port)
        folder = opened(tmp_path / "here", address).folder(1)
        again = [line for line in proxy.lines if is_piece(line)]
    assert (folder / "model" / "weights").read_bytes() == WEIGHTS
    assert len(again) == 5, "six of eleven pieces were there"


def test_an_answer_that_ends_in_its_middle_is_asked_for_again(
    tmp_path: Path, object_server: ObjectServer, address: str, reach: Callable[[int], None]
) -> None:
    publish(opened(tmp_path / "publisher", address), 1, weights=WEIGHTS)
    faults = iter([Fault.CUT, Fault.NONE, Fault.UNANSWERED, Fault.REPEATED, Fault.LATE, Fault.CUT])
    with Proxy(object_server.port, lambda line: next(faults, Fault.NONE) if is_piece(line) else Fault.NONE) as proxy:
        reach(proxy.port)
        folder = opened(tmp_path / "here", address).folder(1)
    assert (folder / "model" / "weights").read_bytes() == WEIGHTS


def test_what_arrived_before_a_power_cut_is_not_trusted(tmp_path: Path, address: str) -> None:
    complete = publish(opened(tmp_path / "publisher", address), 1, weights=WEIGHTS)
    part = tmp_path / "here" / ".fetching" / str(complete.upload) / "model" / "weights"
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(4 * PIECE))
    assert (opened(tmp_path / "here", address).folder(1) / "model" / "weights").read_bytes() == WEIGHTS


def test_a_large_file_is_uploaded_in_parts_and_arrives_whole(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = bytes(range(256)) * 50_000  # 12.8 MB, in three parts
    publish(opened(tmp_path / "publisher", address), 1, weights=weights)
    monkeypatch.setattr(fetching, "PIECE_BYTES", 5_000_000)
    assert (opened(tmp_path / "here", address).folder(1) / "model" / "weights").read_bytes() == weights
