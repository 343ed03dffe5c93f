"""The plain project after somebody has read Celery's and Django's pages on speed."""

from bench.baselines.settings import *  # noqa: F403
from bench.baselines.settings import DATABASES

DATABASES["default"]["CONN_MAX_AGE"] = None

CELERY_IMPORTS = ["bench.baselines.tuned"]
CELERY_DB_REUSE_MAX = 100_000
CELERY_WORKER_PREFETCH_MULTIPLIER = 8
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_SEND_TASK_EVENTS = False
