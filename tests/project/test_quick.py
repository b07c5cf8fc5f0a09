"""What --quick leaves out, what it keeps, and that a test which loads torch all the same is found out."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.config import PROJECT_ROOT
from tests.quick import TRAINING_LIBRARIES

FILES = {
    "torch.py": "",
    "ours/__init__.py": "",
    "ours/lazy.py": "def load():\n    import torch\n",
    "ours/typed.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch\n",
    "ours/eager.py": "try:\n    import torch\nexcept ImportError:\n    torch = None\n",
    "ours/by_way.py": "from ours import eager\n",
    "heavy/conftest.py": "import torch\n",
    "heavy/test_folder.py": "def test_folder(): pass\n",
    "test_eager.py": "from ours.by_way import eager\ndef test_eager(): pass\n",
    "test_kept.py": """
import pytest
from ours import typed
from ours.lazy import load

@pytest.fixture
def trained():
    from ours import eager

@pytest.fixture
def asks(trained): pass

def test_kept(): pass
def test_fixture(asks): pass
def test_body(): import torch
@pytest.mark.long
def test_long(): pass
@pytest.mark.browser
def test_browser(): pass
""",
    "test_sly.py": "from ours.lazy import load\ndef test_sly(): load()\ndef test_after(): pass\n",
    "pytest.ini": "[pytest]\nmarkers =\n    long: x\n    browser: x\n    slow: x\n",
}


@pytest.fixture
def said(tmp_path: Path) -> str:
    """What pytest says of tests with a torch of their own, which is an empty file."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    program = (
        f"import sys; sys.path[:0] = ['.', {str(PROJECT_ROOT)!r}]; import pytest; sys.exit(pytest.main(sys.argv[1:]))"
    )
    options = ["-p", "tests.quick", "-p", "no:cacheprovider", "--quick", "-v", "-rN", "--color=no"]
    command = [sys.executable, "-c", program, *options]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout


@pytest.mark.long
def test_only_what_needs_no_torch_and_no_browser_runs_and_a_test_that_loads_it_fails(said: str) -> None:
    outcomes = re.findall(r"^(\S+)::(\w+) (\w+) ", said, re.MULTILINE)
    assert outcomes == [
        ("test_kept.py", "test_kept", "PASSED"),
        ("test_sly.py", "test_sly", "PASSED"),
        ("test_sly.py", "test_sly", "ERROR"),
        ("test_sly.py", "test_after", "PASSED"),
    ]
    assert "This test, or what was collected before it, loaded torch: see tests/quick.py." in said
    assert "3 passed, 4 deselected, 1 error" in said


def test_no_training_library_is_loaded_in_a_quick_run(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("quick"):
        assert set(sys.modules) & TRAINING_LIBRARIES == set()
