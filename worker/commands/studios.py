"""`python -m worker studios`: one worker for several studios."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

from app.config import machine_environ, studios_home
from app.runtime.queue import CPU_QUEUE, GPU_QUEUE, OLD_QUEUE
from worker.commands.support.command import Command

_DESCRIPTION = """\
Train for several studios, in turn. Each is described by a file of settings as .env has them (DATABASE_URL, REDIS_URL,
QUEUE_PREFIX, MELLOW_STORE, credentials of its object store, WORKER_SHARE); of a folder, all files that end in .env are
read. Each studio has processes of its own, with the settings of its file and no others in their environment.
"""
_EPILOG = """\
example:
  python -m worker studios /etc/mellow/studios
"""
_QUEUES = (CPU_QUEUE, OLD_QUEUE, GPU_QUEUE)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file of settings, or a folder of them")
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="runs at once, which share the GPUs out (default: 1)"
    )
    parser.add_argument(
        "--queues", nargs="+", choices=_QUEUES, default=_QUEUES, help="take from these queues alone (default: from all)"
    )


def run(options: argparse.Namespace) -> int:
    """Work for the studios until a stop is requested."""
    from worker.job.shared.pool import Pool, slots
    from worker.job.shared.studio_files import read_studios

    os.umask(0o077)
    environ = {"TOKENIZERS_PARALLELISM": "false", **machine_environ()}
    studios = read_studios(options.paths, environ, studios_home())
    pool = Pool(studios, slots(options.workers, _visible_gpus(environ)), options.queues)
    print(f"Working for {', '.join(studio.name for studio in studios)}.", flush=True)
    pool.run()
    return 0


def _visible_gpus(environ: Mapping[str, str]) -> list[str]:
    """Return the GPUs that runs may use: those of CUDA_VISIBLE_DEVICES, which may be none, or all."""
    from worker.job.machine import gpus

    visible = environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return [str(number) for number in range(len(gpus()))]
    return [gpu for part in visible.split(",") if (gpu := part.strip())]


COMMAND = Command(
    name="studios",
    help="train for several studios, in turn",
    description=_DESCRIPTION,
    epilog=_EPILOG,
    add_flags=add_flags,
    run=run,
)
