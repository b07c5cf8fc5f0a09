"""Alias of worker/job/studio_worker.py under the name in commands and Procfiles."""

from worker.job.studio_worker import StudioWorker as StudioWorker
