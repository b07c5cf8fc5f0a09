"""Does what a person does who has an authenticator app on a phone."""

from __future__ import annotations

import re
from datetime import timedelta

import pyotp

from app.db import now
from tests.studio import Browser

PAGE = "/account/second-factor"


def set_up(browser: Browser) -> tuple[pyotp.TOTP, list[str]]:
    """Set the second factor up with the present code; returns the app and the recovery codes."""
    page = browser.submit(PAGE, {}, page=PAGE, follow_redirects=True).text
    secret = re.search(r"data-secret>([A-Z2-7]{32})<", page)
    assert secret is not None
    app = pyotp.TOTP(secret[1])
    done = browser.submit(f"{PAGE}/confirm", {"code": app.now()}, page=PAGE, follow_redirects=True)
    assert done.status_code == 201
    return app, recovery_codes(done.text)


def recovery_codes(page: str) -> list[str]:
    """The recovery codes that a page shows."""
    return re.findall(r"<li>([a-z2-9]{4}(?:-[a-z2-9]{4}){6})</li>", page)


def next_code(app: pyotp.TOTP) -> str:
    """A code that is good although the present one was used: that of a phone whose clock is one step ahead."""
    return app.at(now() + timedelta(seconds=app.interval))
