"""Requests for screens, as annotators' browsers would send them; no benchmark itself."""

import json
from pathlib import Path

from benchmarks.support.harness import ROOT
from benchmarks.support.load import request
from benchmarks.support.screens import prepare

SENTENCES = ROOT / "models" / "texts" / "heldout.tsv"


def texts() -> list[str]:
    """Rude sentences of ordinary length, of our own."""
    lines = SENTENCES.read_text(encoding="utf-8").splitlines()
    return [line.split("\t")[0] for line in lines[1:] if line.strip()]


def requests(clients: int, home: Path) -> list[list[bytes]]:
    """For each client, a new annotator of the studio in `home`, all the sentences, each beginning with another one."""
    sentences = texts()
    step = max(1, len(sentences) // clients)
    return [
        [_draw(desk.token, text) for text in sentences[place * step :] + sentences[: place * step]] * 20
        for place, desk in enumerate(prepare(home / "mellow.db", clients, 0))
    ]


def _draw(token: str, text: str) -> bytes:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return request("POST", "/api/v1/generations", headers, json.dumps({"text": text}).encode())
