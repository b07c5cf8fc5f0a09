"""Label Studio on this machine, as a baseline: in an environment, a folder and on a port of its own.

Nothing it does leaves the machine: analytics, error reports and the check for updates are off, and a proxy that nobody
answers stands before the rest of the world.
"""

from __future__ import annotations

import http.client
import json
import secrets
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.support.harness import baseline_python
from benchmarks.support.load import request
from tests.processes import PATIENCE, Program, environment, free_port, wait_for

VERSION = "1.23.0"
EMAIL = "ada@example.org"
CONFIG = """<View>
  <Text name="text" value="$text"/>
  <Choices name="best" toName="text" choice="single" required="true">
    <Choice value="first"/><Choice value="second"/><Choice value="third"/>
  </Choices>
</View>"""
_QUIET = {
    "COLLECT_ANALYTICS": "false",
    "LATEST_VERSION_CHECK": "false",
    "SENTRY_DSN": "",
    "FRONTEND_SENTRY_DSN": "",
    "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
    "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
    "DJANGO_DB": "sqlite",
    "DEBUG": "false",
    "http_proxy": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
    "no_proxy": "127.0.0.1,localhost",
}


class LabelStudio(Program):
    """Label Studio as its documentation starts it, on SQLite, with one user and their token."""

    def __init__(self, home: Path) -> None:
        self.port = free_port()
        self.token = secrets.token_hex(20)
        self.password = secrets.token_hex(8)
        self.project = 0
        python = baseline_python("label-studio", [f"label-studio=={VERSION}"])
        account = ["--username", EMAIL, "--password", self.password, "--user-token", self.token]
        serve = ["--internal-host", "127.0.0.1", "--port", str(self.port), "--data-dir", str(home)]
        settings = environment(home, LABEL_STUDIO_BASE_DATA_DIR=str(home), HOME=str(home), **_QUIET)
        command = [str(python.parent / "label-studio"), "start", *account, *serve, "--no-browser"]
        super().__init__([*command, "--enable-legacy-api-token"], settings)

    def wait_until_ready(self) -> None:
        """Return once it answers, with a project to put tasks into."""
        wait_for(self._answers, timeout=3 * PATIENCE, what="Label Studio answering")
        project = {"title": "clicks", "label_config": CONFIG, "maximum_annotations": 1}
        self.project = int(self.call("POST", "/api/projects/", project)["id"])

    def tasks(self, count: int) -> list[int]:
        """The ids of so many new tasks."""
        texts = [
            {"text": f"Only a complete moron would come up with such a plan, number {one}."} for one in range(count)
        ]
        answer = self.call("POST", f"/api/projects/{self.project}/import?return_task_ids=true", texts)
        return [int(one) for one in answer["task_ids"]]

    def annotations(self, tasks: list[int]) -> list[bytes]:
        """A request for each task that stores one choice."""
        headers = {"Authorization": f"Token {self.token}", "Content-Type": "application/json"}
        value = {"choices": ["first"]}
        result = [{"from_name": "best", "to_name": "text", "type": "choices", "value": value}]
        body = json.dumps({"result": result, "lead_time": 4.2}).encode()
        return [request("POST", f"/api/tasks/{task}/annotations/", headers, body) for task in tasks]

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Speak to its API; raises ValueError for an answer that is no success."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=3 * PATIENCE)) as connection:
            headers = {"Authorization": f"Token {self.token}", "Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            content = response.read()
        if not 200 <= response.status < 300:
            raise ValueError(f"Label Studio answered {response.status} to {method} {path}: {content[:500]!r}")
        return json.loads(content)

    def _answers(self) -> bool:
        try:
            self.call("GET", "/api/projects/")
        except (OSError, ValueError):
            return False
        return True
