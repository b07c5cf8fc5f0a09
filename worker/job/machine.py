"""The hardware of a worker: processor cores, memory, and the GPUs that NVIDIA's driver knows of.

This asks the driver's own program instead of torch: importing torch takes seconds, and once torch has looked at a GPU,
the processes that RQ forks for each job could not use it. GPUs of other makers are not listed, but training uses them.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import psutil

_FIELDS = ("name", "memory.total", "memory.used", "utilization.gpu")
_MIB = 1024**2
_PATIENCE_SECONDS = 15.0


def machine() -> dict[str, Any]:
    """Return cores, memory in bytes, and the GPUs, each with name, memory in bytes and utilization in percent."""
    memory = psutil.virtual_memory()
    return {
        "cores": psutil.cpu_count() or 0,
        "memory_bytes": memory.total,
        "memory_used_bytes": memory.total - memory.available,
        "gpus": gpus(),
    }


def gpus() -> list[dict[str, Any]]:
    """Return the NVIDIA GPUs, or an empty list without a driver that answers."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, f"--query-gpu={','.join(_FIELDS)}", "--format=csv,noheader,nounits"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return parse(result.stdout)


def parse(table: str) -> list[dict[str, Any]]:
    """Parse the output of nvidia-smi, one line for each GPU; a value that the driver does not know is None."""
    found = []
    for line in table.splitlines():
        fields = [field.strip() for field in line.rsplit(",", len(_FIELDS) - 1)]
        if len(fields) == len(_FIELDS):
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
