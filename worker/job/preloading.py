"""What a worker does while it waits, so that a run need not: the training libraries, and what evaluations compare with.

RQ forks a process for each job. Libraries that its parent has loaded are there at once, in memory that both share. The
parent only imports: no tensor is computed, no model loaded and no thread pool of theirs started, for none of that would
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
    "worker.training.clicks.dpo",
    "worker.training.clicks.click_training",
    "worker.training.clicks.labelling",
    "worker.evaluation.automatic",
    "ctranslate2.converters.transformers",
    "transformers.models.t5.modeling_t5",
    "transformers.models.bert.modeling_bert",
    "profanity_check",
)
"""Importing these brings everything that a run on clicks imports: seven seconds of a processor core."""

_GPU_DEVICES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""What there is on Linux where a program may use a GPU: NVIDIA's, AMD's, and either under Windows."""

_LOWEST_PRIORITY = 19


def forks_well() -> bool:
    """Whether a process may load the libraries and fork afterwards.

    Not on macOS, whose own frameworks break in a forked process. Not beside a GPU: a library that merely asks for it
    while it is imported (bitsandbytes does) leaves its driver in a state in which no forked process can use it.
    """
    return sys.platform.startswith("linux") and not any(map(os.path.exists, _GPU_DEVICES))


def preload() -> None:
    """Import `MODULES` where that is of use; what cannot be imported is left to the job, which says why."""
    if not forks_well():
        return
    for name in MODULES:
        try:
            import_module(name)
        except Exception as error:
            log.warning("%s cannot be loaded in advance (%s); the jobs will try again.", name, error)
    # What is there now stays for good: a collection in a forked process need not look at it, nor copy its pages.
    gc.collect()
    gc.freeze()


def prepare_run() -> None:
    """Measure and draw what the next run needs of the version that serves, at the lowest priority.

    For a process of its own. Everything is kept in the cache; what fails is left to the run, which does the same.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_LOWEST_PRIORITY)
    from app.config import Settings
    from app.services.versions import versions
    from models.serving.generator import Sampling
    from models.store.store import SERVING_FOLDER
    from worker.evaluation.automatic import prepare
    from worker.job import lesson
    from worker.studio.studio import Studio
    from worker.training.clicks.samples import Samples

    try:
        studio = Studio.of(Settings.from_env())
        settings = studio.settings
        with studio.sessions() as session:
            number = versions.serving_number(session)
        if number is None:
            return
        serving = studio.store.folder(number) / SERVING_FOLDER
        sampling = Sampling(settings.temperature, settings.top_p, settings.top_k)
        prepare(serving, sampling, settings.home / "cache")
        Samples(serving, sampling, lesson.samples_cache(settings.home)).draw(lesson.other_texts(studio))
    except Exception as error:
        log.warning("The next run cannot be prepared (%s); it will do all itself.", error)
