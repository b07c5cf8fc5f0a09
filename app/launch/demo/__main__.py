"""`python -m app.launch.demo`: start a studio in build/demo, and let simulated people use it until every page is alive.

Started again, it goes on where it was. It knows no setting of the outside, so that nothing but build/demo is touched.
"""

from __future__ import annotations

import hashlib
import hmac
import sys
from itertools import count
from pathlib import Path

from app.config import PROJECT_ROOT, SETTING_NAMES, ConfigError, Settings
from app.launch import LaunchError
from app.launch.demo.story import Story
from app.launch.launcher import main
from app.launch.preflight import check_port

HOME = PROJECT_ROOT / "build" / "demo"
FIRST_PORT = 8001
ADMIN = "demo@example.org"


def demo(home: Path = HOME, first_port: int = FIRST_PORT) -> int:
    """Run the demo until Ctrl-C; returns the exit code."""
    try:
        settings = Settings.from_env({"MELLOW_HOME": str(home)})
        port = free_port(settings.host, first_port)
    except (ConfigError, LaunchError) as error:
        print(error, file=sys.stderr, flush=True)
        return 1

    def password_of(email: str) -> str:
        return hmac.digest(settings.secret_key.encode(), email.encode(), hashlib.sha256).hex()[:16]

    own = {"MELLOW_HOME": str(home), "PORT": str(port), "ADMIN_EMAIL": ADMIN, "ADMIN_PASSWORD": password_of(ADMIN)}
    print(f"The demo keeps everything in {home}. Delete that folder to begin anew.", flush=True)
    return main(
        overruled=dict.fromkeys(SETTING_NAMES, "") | own,
        when_ready=lambda url: Story(url, home, ADMIN, password_of).tell(),
    )


def free_port(host: str, first: int) -> int:
    """Return the first port from `first` on that may be listened on; raises LaunchError if there is none."""
    for port in count(first):
        try:
            check_port(host, port)
        except LaunchError:
            if port == first + 99:
                raise
        else:
            return port
    raise AssertionError("count never ends")


if __name__ == "__main__":
    sys.exit(demo())
