"""Hand on the worker class under the name that commands and Procfiles know: worker/job/studio_worker.py holds it."""

from worker.job.studio_worker import StudioWorker as StudioWorker
