"""One running product and one Chromium for all tests of the pages; each test has a browser context of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests import stored
from tests.app.translations.pseudo import write_catalogue
from tests.browsing import Cookies, Visitor, chromium
from tests.processes import ADMIN, Product


@pytest.fixture(scope="package")
def product(new_home: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A running product with an admin, Ada, and a pseudo-translation; a proxy may stand before it."""
    catalogues = str(write_catalogue(tmp_path_factory.mktemp("catalogues")))
    settings = {"WEB_CONCURRENCY": "1", "MAX_TEXT_LENGTH": "300", "TRUSTED_PROXIES": "1", "CATALOGUES": catalogues}
    with Product(new_home(), **settings, **ADMIN) as product:
        product.learn_from_quick_answers()
        yield product


@pytest.fixture(scope="package")
def chrome() -> Iterator[Browser]:
    """A running Chromium."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="package")
def ada(product: Product, chrome: Browser) -> Cookies:
    """The cookies of Ada, who has signed in."""
    with Visitor(chrome, product.url) as visitor:
        visitor.sign_in()
        return visitor.context.storage_state()


@pytest.fixture
def stranger(product: Product, chrome: Browser) -> Iterator[Visitor]:
    """A browser in which nobody is signed in."""
    with Visitor(chrome, product.url) as visitor:
        yield visitor


@pytest.fixture
def visitor(product: Product, chrome: Browser, ada: Cookies) -> Iterator[Visitor]:
    """Ada's browser; the queue is empty."""
    empty_queue(product)
    with Visitor(chrome, product.url, signed_in_as=ada) as visitor:
        yield visitor


@pytest.fixture
def desk(visitor: Visitor) -> Page:
    """The annotate page in Ada's browser, whose requests a test may hold or refuse."""
    # Chromium looks at requests from the first one on; told later, it would miss those of the next moments.
    visitor.page.route("**/no-such-request", lambda route: route.abort())
    visitor.page.goto("/annotate")
    return visitor.page


def empty_queue(product: Product) -> None:
    """Take back every prompt that earlier tests have queued."""
    with closing(sqlite3.connect(product.home / "mellow.db", timeout=30)) as database:
        database.execute("UPDATE prompts SET queued = 0")
        database.commit()


@pytest.fixture(scope="package")
def ended_run(product: Product) -> int:
    """The id of a run that has ended well; its rows are written past the worker, whose work other tests look at."""
    return stored.ended_run(product.home)


@pytest.fixture(scope="package")
def measured_version(product: Product) -> int:
    """The number of a version that has an evaluation."""
    return stored.measure_version(product.home)
