"""A worker that runs any job, for tests of how jobs are run."""

from __future__ import annotations

from rq.job import Job

from worker.job.studio_worker import StudioWorker


class AnyJobWorker(StudioWorker):
    """The studio's worker, for which every job is one that it may run."""

    def may_run(self, job: Job) -> bool:
        """Return that it is."""
        return True
