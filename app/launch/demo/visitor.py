"""A person at a browser, as far as the demo needs one: signs in, sends forms, and asks the API as the pages do."""

from __future__ import annotations

import re
from typing import Any

import requests

from app.launch import LaunchError

PATIENCE_SECONDS = 120.0


class Visitor:
    """One person's session with the studio at `url`. What is refused raises LaunchError."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._csrf = ""
        self._http = requests.Session()
        self._http.trust_env = False  # no proxy lies between a program and the same machine

    def sign_in(self, email: str, password: str) -> None:
        """Sign in; raises LaunchError if that is refused."""
        if not self.submit("/sign-in", "/sign-in", email=email, password=password).is_redirect:
            raise LaunchError(f"{email} could not sign in.")

    def read(self, page: str) -> str:
        """Return a page."""
        return self._ask("GET", page).text

    def submit(self, page: str, path: str, **fields: str) -> requests.Response:
        """Send a form that lies on `page` to `path`, with the hidden fields of that page."""
        shown = self.read(page)
        hidden = dict(re.findall(r'<input type="hidden" name="(csrf_token|form_key)" value="([^"]+)"', shown))
        self._csrf = ""  # the form may begin another session
        return self._ask("POST", path, data=hidden | fields)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Return what the API says, None if that is nothing."""
        response = self._ask(method, f"/api/v1{path}", json=body, headers={"X-CSRFToken": self._token()})
        content: Any = response.json() if response.content else None
        if not response.ok:
            raise LaunchError(f"{method} {path} was refused: {content['detail']}")
        return content

    def _token(self) -> str:
        """Return the CSRF token of the present session."""
        if not self._csrf:
            found = re.search(r'name="csrf-token" content="([^"]+)"', self.read("/account"))
            self._csrf = found[1] if found else ""
        return self._csrf

    def _ask(self, method: str, path: str, **sent: Any) -> requests.Response:
        address = f"{self._url}{path}"
        try:
            return self._http.request(method, address, timeout=PATIENCE_SECONDS, allow_redirects=False, **sent)
        except requests.RequestException:
            raise LaunchError("The studio does not answer any more.") from None
