"""Requests for screens, as annotators' browsers would send them; no benchmark itself."""

import json

from benchmarks.support.harness import ROOT
from benchmarks.support.load import request
from tests.processes import ADMIN_TOKEN

SENTENCES = ROOT / "worker" / "training" / "shared" / "heldout.tsv"


def texts() -> list[str]:
    """Rude sentences of ordinary length, of our own."""
    lines = SENTENCES.read_text(encoding="utf-8").splitlines()
    return [line.split("\t")[0] for line in lines[1:] if line.strip()]


def requests(clients: int) -> list[list[bytes]]:
    """For each client all the sentences, each client beginning with another one."""
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Content-Type": "application/json"}
    calls = [request("POST", "/api/v1/generations", headers, json.dumps({"text": text}).encode()) for text in texts()]
    step = max(1, len(calls) // clients)
    calls *= 20
    return [calls[client * step % len(calls) :] + calls[: client * step % len(calls)] for client in range(clients)]
