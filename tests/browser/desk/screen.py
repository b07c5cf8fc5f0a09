"""What the tests of the annotator's desk share: hands that use it, and looks at what was stored."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import empty_queue
from tests.processes import Product, wait_for

GENERATIONS = "**/api/v1/generations"
JUDGMENTS = "**/api/v1/judgments"
MARKED = """card => {
    const probe = document.createElement("i");
    probe.style.color = "var(--chosen-line)";
    document.body.append(probe);
    const wanted = getComputedStyle(probe).color;
    probe.remove();
    return getComputedStyle(card).borderTopColor === wanted;
}"""


def card(page: Page, number: int) -> Locator:
    return page.locator(f'.choice[data-choice="{number}"]')


def texts(page: Page) -> list[str]:
    """The three rewrites on the desk."""
    return page.locator(".choice-text").all_text_contents()


def type_text(page: Page, text: str) -> None:
    page.fill("#text", text)
    page.press("#text", "Enter")
    expect(page.locator("#source")).to_have_text(text)
    expect(card(page, 3)).to_be_enabled()


def queue(product: Product, *waiting: str) -> None:
    """Exactly these texts wait in the queue."""
    empty_queue(product)
    assert product.api.ok("POST", "/prompts", list(waiting))["added"] == len(waiting)


def serve(page: Page, product: Product, *waiting: str) -> None:
    """Exactly these texts wait in the queue, and the first of them is on the desk."""
    queue(product, *waiting)
    page.reload()
    expect_source(page, waiting[0])


def expect_source(page: Page, text: str) -> None:
    expect(page.locator("#source")).to_have_text(text)


def expect_saved(page: Page, said: str = "Saved") -> None:
    """The server has the last gesture."""
    expect(page.locator("#last-text")).to_contain_text(said)


def hold(page: Page, pattern: str) -> list[Route]:
    """Requests that match wait in the list until the test lets them go: a slow network."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        held.append(route)

    page.route(pattern, keep)
    return held


def let_go(page: Page, held: list[Route]) -> None:
    """Let the oldest held request go, once it has come."""
    wait_for(lambda: page.evaluate("true") and held, what="a request on its way")
    held.pop(0).continue_()


def standing(product: Product) -> list[tuple[str, str | None]]:
    """Verdict and chosen text of every judgment that stands, in the order they were made."""
    return product.rows(
        "SELECT verdict, c.text FROM judgments j LEFT JOIN candidates c ON c.id = j.candidate_id "
        "WHERE undone_at IS NULL ORDER BY j.id"
    )


def judged(product: Product) -> int:
    """How many judgments were ever made, undone ones too."""
    count: int = product.rows("SELECT count(*) FROM judgments")[0][0]
    return count


def last_judgment(product: Product, *columns: str) -> tuple[object, ...]:
    """Columns of the judgment that was made last."""
    return product.rows(f"SELECT {', '.join(columns)} FROM judgments ORDER BY id DESC LIMIT 1")[0]


def pairs_of_last(product: Product) -> list[tuple[str, str, float]]:
    """Chosen, rejected and weight of each row that the last judgment has yielded."""
    return product.rows(
        "SELECT chosen, rejected, weight FROM preferences "
        "WHERE judgment_id = (SELECT max(id) FROM judgments) ORDER BY id"
    )
