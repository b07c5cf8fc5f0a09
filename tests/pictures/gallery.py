"""Takes a picture of every page at three widths in both themes: `python -m tests.pictures.gallery [FOLDER]`.

The product as it is shipped, in a fresh home with a few clicks, a stored run and a stored evaluation. The pictures show
whole pages and lie in build/gallery, for people to look at after a change of the looks; none of them is kept in git.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from app.config import PROJECT_ROOT
from tests import stored
from tests.browsing import SIDEWAYS, Theme, Visitor, chromium
from tests.processes import ADMIN, Product

FOLDER = PROJECT_ROOT / "build" / "gallery"
WIDTHS = (360, 1280, 1920)
THEMES: tuple[Theme, ...] = ("light", "dark")
TEXTS = ("Only a moron parks across two spaces", "This manual is useless crap from page one")
FOR_STRANGERS = ("/sign-in", "/join/no-such-invitation", "/reset/no-such-link")
PAGES = (
    "/annotate",
    "/work",
    "/review",
    "/account",
    "/account/second-factor",
    "/admin",
    "/admin/runs",
    "/admin/runs/{run}",
    "/admin/runs/compare?run={run}",
    "/admin/start",
    "/admin/liking",
    "/admin/by-itself",
    "/admin/data",
    "/admin/data/queue",
    "/admin/data/judgments",
    "/admin/people",
    "/admin/people/1",
    "/admin/people/1/delete",
    "/admin/versions",
    "/admin/versions/1",
    "/admin/versions/comparison",
    "/admin/system",
    "/admin/system/audit",
    "/admin/webhooks",
    "/admin/guidelines",
    "/api",
    "/no-such-page",
)


def main() -> None:
    """Take every picture, or those of the pages whose addresses hold `--only`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--only", default="")
    wanted = parser.parse_args()
    wanted.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, Product(Path(home) / "home", **ADMIN) as product, chromium() as chrome:
        run = fill(product)
        pages = [page.format(run=run) for page in PAGES if wanted.only in page]
        for width in WIDTHS:
            for theme in THEMES:
                photograph(chrome, product, wanted.folder, pages, width, theme)


def fill(product: Product) -> int:
    """Make what the pages show, and return the id of the run that they show."""
    product.learn_from_quick_answers()
    for text in TEXTS:
        product.api.click(text)
    product.api.ok("POST", "/prompts", list(TEXTS))
    stored.measure_version(product.home)
    return stored.ended_run(product.home)


def photograph(chrome: Browser, product: Product, folder: Path, pages: list[str], width: int, theme: Theme) -> None:
    """Write the pictures of one width and theme; says which page scrolls sideways."""
    with Visitor(chrome, product.url, theme, width, 900) as visitor:
        for address in FOR_STRANGERS:
            shoot(visitor, folder, address, width, theme)
        visitor.sign_in()
        for address in pages:
            shoot(visitor, folder, address, width, theme)
        visitor.complaints.clear()  # these are the tests' matter


def shoot(visitor: Visitor, folder: Path, address: str, width: int, theme: Theme) -> None:
    """Write the picture of one page from top to bottom."""
    page = visitor.page
    page.goto(address)
    page.wait_for_load_state("networkidle")
    name = re.sub(r"\W+", "-", address.strip("/"))
    page.screenshot(path=folder / f"{name}-{width}-{theme}.png", full_page=True)
    if page.evaluate(SIDEWAYS):
        print(f"{address} scrolls sideways at {width} px")


if __name__ == "__main__":
    main()
