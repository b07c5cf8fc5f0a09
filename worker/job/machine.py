"""What a worker has to work with: processor cores, memory, and the GPUs that NVIDIA's driver knows of.

The driver's own program is asked, not torch: importing torch takes seconds, and once it has looked at a GPU, the
processes that RQ forks for each job could not use it. GPUs of other makers are not named, though training uses them.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import psutil

_ASKED = ("name", "memory.total", "memory.used", "utilization.gpu")
_MIB = 1024**2
_PATIENCE_SECONDS = 15.0


def machine() -> dict[str, Any]:
    """Cores, memory in bytes, and a list of GPUs: name, memory and used memory in bytes, busy in percent."""
    memory = psutil.virtual_memory()
    return {
        "cores": psutil.cpu_count() or 0,
        "memory_bytes": memory.total,
        "memory_used_bytes": memory.total - memory.available,
        "gpus": gpus(),
    }


def gpus() -> list[dict[str, Any]]:
    """The GPUs of NVIDIA's, none where there is no driver or it does not answer."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, f"--query-gpu={','.join(_ASKED)}", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return parse(said.stdout)


def parse(said: str) -> list[dict[str, Any]]:
    """The lines of nvidia-smi, one a GPU; a figure that the driver does not know is None."""
    found = []
    for line in said.splitlines():
        fields = [field.strip() for field in line.rsplit(",", len(_ASKED) - 1)]
        if len(fields) == len(_ASKED):
            total, used, busy = (int(field) if field.isdigit() else None for field in fields[1:])
            found.append(
                {
                    "name": fields[0],
                    "memory_bytes": None if total is None else total * _MIB,
                    "memory_used_bytes": None if used is None else used * _MIB,
                    "busy_percent": busy,
                }
            )
    return found
