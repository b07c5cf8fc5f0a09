"""Several web machines of one studio: processes with homes of their own, on one PostgreSQL, one Valkey, one store."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from email.message import Message
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.config import PROJECT_ROOT, Settings
from app.db import StudioSetting, make_sessions, write_transaction
from app.services.versions import versions
from models.store.store import CheckpointStore
from tests import factories
from tests.processes import PATIENCE, Program, environment, free_port, wait_for

SECRET_KEY = "one key for every machine of the studio"
WEB = 'exec gunicorn "app:create_app()"'


class Heard(NamedTuple):
    """An answer: its status, its headers and its text."""

    status: int
    headers: Message
    text: str

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)


class Common:
    """What the machines share: a migrated database with a version that serves, the queue, the folder of versions."""

    def __init__(self, database_url: str, redis_url: str, folder: Path) -> None:
        self.store = CheckpointStore(folder / "versions")
        self.folder = folder
        self.settings = {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "MELLOW_STORE": str(self.store.root),
            "SECRET_KEY": SECRET_KEY,
            "WEBHOOK_NETWORKS": "127.0.0.0/8",
            "WEB_CONCURRENCY": "1",
            "SERVING_THREADS": "1",
        }
        url = Settings.from_env({"MELLOW_HOME": str(folder / "looking"), "DATABASE_URL": database_url}).database_url
        self.sessions: sessionmaker[Session] = make_sessions(url)

    def fill(self, published: CheckpointStore) -> None:
        """Add both tiny versions, of which the first serves, and let answers count that come at once."""
        with self.sessions() as session:
            for number in published.numbers():
                folder = self.store.place(number)
                shutil.copytree(published.folder(number), folder)
                with write_transaction(session):
                    versions.record_version(session, published.manifest(number), str(folder))
            factories.serving(session, 1)
            with write_transaction(session):
                session.add(StudioSetting(name="least_seconds", value={"value": 0}))

    def environment(self, name: str, **values: str) -> dict[str, str]:
        """The environment of a program on the machine of that name."""
        return environment(self.folder / name, **{**self.settings, **values})


class Machine(Program):
    """One web machine; entering waits until it is ready."""

    def __init__(self, common: Common, name: str, tree: Path = PROJECT_ROOT) -> None:
        self.home = common.folder / name
        self.port = free_port()
        super().__init__(WEB, common.environment(name, PORT=str(self.port)), tree)

    def wait_until_ready(self) -> None:
        """Return once it would be sent requests."""

        def ready() -> bool:
            assert self.tree(), self.tail()
            try:
                return ask(self.port, "GET", "/readyz").status == 200
            except OSError:
                return False

        wait_for(ready, what=f"the machine at {self.port}")


@contextmanager
def running(common: Common, *names: str) -> Iterator[list[Machine]]:
    """Machines of those names, started together."""
    with ExitStack() as stack:
        machines = [Machine(common, name) for name in names]
        for machine in machines:
            stack.push(machine)
        for machine in machines:
            machine.wait_until_ready()
        yield machines


def ask(
    port: int, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Heard:
    """Send one request to one machine; raises OSError if it does not answer."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        return Heard(response.status, response.headers, response.read().decode())


class Client:
    """Sends each request to the next of the machines, as a proxy without memory does."""

    def __init__(self, ports: Sequence[int], token: str | None = None) -> None:
        self._ports = itertools.cycle(ports)
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._cookies: SimpleCookie = SimpleCookie()

    def moved_to(self, ports: Sequence[int]) -> None:
        """Send what follows to other machines, with the cookies so far, as a browser does."""
        self._ports = itertools.cycle(ports)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Heard:
        """Send a request with the cookies so far."""
        sent = {**self._headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self._cookies:
            sent["Cookie"] = "; ".join(f"{name}={morsel.value}" for name, morsel in self._cookies.items())
        heard = ask(next(self._ports), method, path, body, sent)
        for cookie in heard.headers.get_all("Set-Cookie", []):
            self._cookies.load(cookie)
        return heard

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """Send JSON to the API; returns the JSON of an answer that must be a success, None if there is none."""
        payload = None if body is None else json.dumps(body).encode()
        heard = self.ask(method, f"/api/v1{path}", payload, Content_Type="application/json", **headers)
        assert 200 <= heard.status < 300, f"{method} {path} answered {heard.status}: {heard.text}"
        return heard.json if heard.text else None

    def submit(self, page: str, path: str, form: Mapping[str, str]) -> Heard:
        """Fetch a page and send a form from it, which the next machine receives."""
        body = urlencode({**form, "csrf_token": self.csrf_token(page)}).encode()
        return self.ask("POST", path, body, Content_Type="application/x-www-form-urlencoded")

    def csrf_token(self, page: str) -> str:
        """Return the token of a page, which its forms and scripts send."""
        found = re.search(r'name="csrf-token" content="([^"]+)"', self.ask("GET", page).text)
        assert found is not None, page
        return found[1]


UNPACKED = str(Path(sys.prefix) / "nginx" / "usr" / "sbin")
"""Where `make nginx` puts it."""
NGINX = """
daemon off;
error_log stderr;
pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/answers;
    fastcgi_temp_path {folder}/fastcgi;
    scgi_temp_path {folder}/scgi;
    uwsgi_temp_path {folder}/uwsgi;
    upstream mellow {{ {servers} }}
    server {{
        listen 127.0.0.1:{port};
        client_max_body_size 64m;
        location / {{
            proxy_pass http://mellow;
            proxy_next_upstream error timeout;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $http_host;
            proxy_set_header X-Forwarded-Prefix "";
            proxy_http_version 1.1;
            proxy_buffering off;
        }}
    }}
}}
"""


@contextmanager
def nginx(folder: Path, ports: Sequence[int]) -> Iterator[int]:
    """Run nginx before the machines at those ports, in turns; yields its own port. Skips where it is not installed."""
    program = shutil.which("nginx", path=os.pathsep.join([UNPACKED, os.environ.get("PATH", os.defpath), "/usr/sbin"]))
    if program is None:
        pytest.skip("There is no nginx: `make nginx` fetches it on Debian.")
    port = free_port()
    servers = " ".join(f"server 127.0.0.1:{one};" for one in ports)
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=folder, servers=servers, port=port))
    with Program([program, "-p", str(folder), "-c", str(configuration)], {}):
        wait_for(lambda: _listens(port), what="nginx")
        yield port


def _listens(port: int) -> bool:
    try:
        return ask(port, "GET", "/healthz").status == 200
    except OSError:
        return False
