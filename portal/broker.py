"""Settings of Celery: what a broker is used for here, and how long it may keep a process waiting.

The database is the queue. The broker carries wake-ups and the ticks of periodic jobs; all of it may be lost.
"""

from typing import Any
from urllib.parse import urlsplit

from kombu import Exchange, Queue

NO_BROKER = "memory://"
BROKERS = ("redis", "rediss", "amqp", "amqps")
# Drains work for a minute; jobs beside them must not wait that long, so that a worker may be had for each queue.
DRAIN_QUEUE = "gancho.drains"
JOB_QUEUE = "gancho.jobs"
# Never reached: Celery's Django fixup would otherwise close the database connection around every task.
TASKS_PER_CONNECTION = 1_000_000_000
ANSWER_SECONDS = 10


def clean_broker_url(text: str) -> str:
    """Return the address of the broker, NO_BROKER for the ways to say that there is none."""
    text = text.strip()
    return NO_BROKER if text in ("", "none", NO_BROKER) else text


def broker_schemes(url: str) -> set[str]:
    """Return the kinds of broker in `url`, which may name several, with semicolons, to change over between."""
    return {urlsplit(part).scheme for part in url.split(";")}


def build_celery_settings(url: str, *, deadline_seconds: float) -> dict[str, Any]:
    """Return Celery's settings as Django settings (CELERY_...)."""
    return {
        "CELERY_BROKER_TRANSPORT_OPTIONS": _transport_options(url),
        "CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP": True,
        # Without end: a worker that gives up would have to be started again by somebody.
        "CELERY_BROKER_CONNECTION_MAX_RETRIES": None,
        "CELERY_BROKER_HEARTBEAT": 30,
        "CELERY_TASK_QUEUES": [Queue(name, Exchange(name), routing_key=name) for name in (DRAIN_QUEUE, JOB_QUEUE)],
        "CELERY_TASK_DEFAULT_QUEUE": JOB_QUEUE,
        "CELERY_TASK_ROUTES": {"dispatch.tasks.drain": {"queue": DRAIN_QUEUE}},
        "CELERY_TASK_DEFAULT_DELIVERY_MODE": "transient",
        "CELERY_TASK_IGNORE_RESULT": True,
        "CELERY_RESULT_EXPIRES": 0,
        "CELERY_ACCEPT_CONTENT": ["json"],
        # Taken from the broker before they run, and never given twice: the rows say what is to be done.
        "CELERY_TASK_ACKS_LATE": False,
        "CELERY_WORKER_PREFETCH_MULTIPLIER": 1,
        # The way into a worker by messages (shut down, change the pool, tell its settings) stays closed.
        "CELERY_WORKER_ENABLE_REMOTE_CONTROL": False,
        "CELERY_WORKER_HIJACK_ROOT_LOGGER": False,
        "CELERY_WORKER_REDIRECT_STDOUTS": False,
        # For SIGQUIT; SIGTERM waits for what is running anyway.
        "CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT": deadline_seconds + 5,
        "CELERY_DB_REUSE_MAX": TASKS_PER_CONNECTION,
        "CELERY_BEAT_SCHEDULER": "portal.jobs:BrokerScheduler",
        # The poll of "Who sends, who wakes": beat asks for a drain at every turn of its loop.
        "CELERY_BEAT_MAX_LOOP_INTERVAL": 1,
    }


def _transport_options(url: str) -> dict[str, Any]:
    if not url.startswith("redis"):
        return {"confirm_publish": True}
    # Half-open connections are noticed: one that has said nothing for so long is made again.
    return {
        "socket_connect_timeout": ANSWER_SECONDS,
        "socket_timeout": ANSWER_SECONDS,
        "socket_keepalive": True,
        "health_check_interval": ANSWER_SECONDS,
    }
