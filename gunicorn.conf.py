"""How gunicorn serves the web side; it reads this file from the folder it is started in."""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

# Idle threads of the serving model sleep. By default they spin, and as every web process and a training on the same
# machine has such threads on all cores, they then keep each other from working: seconds for a screen of milliseconds.
# The library reads this once, when `app` loads it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# As in worker/__init__.py: NumPy's small matrices gain nothing from a second thread, which spins.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# The cores are shared out among the processes. A second thread makes one draw of the embedded model no faster and twice
# as dear, which others who draw at the same time pay for; SERVING_THREADS overrules it.
os.environ.setdefault(
    "OMP_NUM_THREADS", str(max(1, min(4, (os.cpu_count() or 1) // max(1, int(os.environ.get("WEB_CONCURRENCY") or 2)))))
)

from app.config import ConfigError, Settings
from app.runtime import memory

memory.keep_little()

# Nothing of what is imported is garbage, and looking for some would take a fifth of that time.
gc.disable()

try:
    _settings = Settings.from_env()
except ConfigError as error:
    raise SystemExit(str(error)) from None

bind = f"[{_settings.host}]:{_settings.port}" if ":" in _settings.host else f"{_settings.host}:{_settings.port}"

# The processes share what is imported. No thread and no connection crosses the fork: `ensure_serving_started`, below,
# and requests make them. Not on macOS: NumPy uses Accelerate there, after which a process must not fork.
preload_app = sys.platform != "darwin"

# Each process loads the serving checkpoint once, and threads share it. Of these threads at most 16 draw screens
# (app.runtime.draws), 8 wait for a chat model and 4 hold live charts (app.routes.training.events): the others are there
# for clicks and pages.
worker_class = "app.runtime.web_worker.WebWorker"
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
threads = 32

# A process shows no sign of life while it loads the model, which may have to come from afar the first time.
timeout = 300

# How long a stopping process waits for its requests: generations are done by then, live charts reconnect.
graceful_timeout = 3

# An address may name the columns of a file that are to be left out: twice what gunicorn allows by default.
limit_request_line = 8190

# No access log: addresses there can hold secrets (/setup?token=…). Requests are counted at /metrics.
accesslog = None
# The launcher says once where Mellow answers.
loglevel = "warning"
# Nothing manages gunicorn through its control socket, and it would be written outside MELLOW_HOME.
control_socket_disable = True


def pre_fork(server: Any, worker: Any) -> None:
    """Lets the garbage collector pass over what is shared: its marks would make each process copy it."""
    gc.freeze()
    gc.enable()


def post_worker_init(worker: Any) -> None:
    """Checks the key, and begins to load the serving checkpoint before the first request asks for it."""
    from gunicorn.arbiter import Arbiter

    from app.assembly import check_key, ensure_serving_started
    from app.domain_errors import Conflict

    try:
        check_key(worker.wsgi)
    except Conflict as refusal:
        worker.log.critical(refusal)
        raise SystemExit(Arbiter.WORKER_BOOT_ERROR) from None
    ensure_serving_started(worker.wsgi)


def worker_exit(server: Any, worker: Any) -> None:
    """Lets the studio's claim of the queue run out soon, unless another of its processes goes on."""
    from app.assembly import release_queue

    if worker.wsgi is not None:
        release_queue(worker.wsgi)
