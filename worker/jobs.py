"""Alias of worker/job/jobs.py under the name that queued jobs have."""

from worker.job.jobs import train as train
