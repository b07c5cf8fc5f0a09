"""Every route there is, as calls to walk over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from flask import Flask


class Call(NamedTuple):
    """One route with one of its methods."""

    method: str
    path: str
    endpoint: str

    @property
    def is_api(self) -> bool:
        return self.path.startswith("/api/")


def calls(app: Flask) -> Iterator[Call]:
    """Every route and method, with 1 for every number in the path."""
    with app.test_request_context():
        for rule in app.url_map.iter_rules():
            values = {name: "x" if name == "filename" else 1 for name in rule.arguments}
            built = app.url_map.bind("localhost").build(rule.endpoint, values, force_external=False)
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield Call(method, built, rule.endpoint)
