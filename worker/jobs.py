"""Hand on the job under the name that stands in queues: worker/job/jobs.py holds it."""

from worker.job.jobs import train as train
