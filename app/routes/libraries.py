"""Libraries that pages load and that come inside packages: uPlot, which draws the charts of training."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from flask import Blueprint


def _vendored(package: str) -> Path:
    """Return the folder `vendor` of an installed package, which is not imported: only its files are served."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"The package {package} is not installed: run `make run`, or install requirements.txt.")
    return Path(spec.origin).parent / "vendor"


blueprint = Blueprint("uplot", __name__, static_folder=_vendored("youplot"), static_url_path="/static/libraries/uplot")
