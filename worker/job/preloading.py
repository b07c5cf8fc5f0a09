"""Work that a waiting worker does in advance: importing the training libraries, and preparing the next run.

RQ forks a process for each job. Libraries that the parent process has imported are available there at once, in shared
memory. The parent only imports: it computes no tensor, loads no model and starts no thread pool, none of which would
survive the fork.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from importlib import import_module

log = logging.getLogger(__name__)

MODULES = (
    "worker.job.jobs",
    "worker.publish.staging",
    "worker.training.clicks.click_dpo",
    "worker.training.clicks.click_training",
    "worker.training.clicks.labelling",
    "worker.evaluation.automatic",
    "ctranslate2.converters.transformers",
    "transformers.models.t5.modeling_t5",
    "transformers.models.bert.modeling_bert",
    "profanity_check",
)
"""Modules whose import loads everything that a run on clicks needs: seven seconds of a processor core."""

_GPU_DEVICES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""Device files on Linux where a program may use a GPU: NVIDIA's, AMD's, and either under Windows."""

_LOWEST_PRIORITY = 19


def forks_well() -> bool:
    """Return True if a process may load the libraries and fork afterwards.

    On macOS the system's frameworks break in a forked process. Beside a GPU, a library that merely asks for it while it
    is imported (bitsandbytes does) leaves the driver in a state in which no forked process can use it.
    """
    return sys.platform.startswith("linux") and not any(map(os.path.exists, _GPU_DEVICES))


def preload() -> None:
    """Import `MODULES` where that helps; leave a module that cannot be imported to the job, which reports why."""
    if not forks_well():
        return
    for name in MODULES:
        try:
            import_module(name)
        except Exception as error:
            log.warning("%s cannot be loaded in advance (%s); the jobs will try again.", name, error)
    # These objects stay for good: a garbage collection in a forked process then neither visits them nor copies pages.
    gc.collect()
    gc.freeze()


def prepare_run() -> None:
    """Compute the live version's figures and samples for the next run, at the lowest priority.

    Run it in a process of its own. Results go to the cache; a failure is left to the run, which does the same work.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_LOWEST_PRIORITY)
    from app.config import Settings
    from app.services.versions import versions
    from models.chat.versions import base_of
    from models.serving.generator import Sampling
    from models.store.store import SERVING_FOLDER
    from worker.evaluation.automatic import prepare
    from worker.job import head_pairs
    from worker.studio.studio import Studio
    from worker.training.clicks.samples import Samples

    try:
        studio = Studio.of(Settings.from_env()).of_latest_click()
        settings = studio.settings
        with studio.sessions() as session:
            number = versions.serving_number(session)
        if number is None or base_of(studio.store.manifest(number)) is not None:
            return  # nothing of a chat model can be computed before its run
        serving = studio.store.folder(number) / SERVING_FOLDER
        sampling = Sampling(settings.temperature, settings.top_p, settings.top_k)
        prepare(serving, sampling, settings.home / "cache")
        Samples(serving, sampling, head_pairs.samples_cache(settings.home)).draw(head_pairs.other_texts(studio))
    except Exception as error:
        log.warning("The next run cannot be prepared (%s); it will do all itself.", error)
