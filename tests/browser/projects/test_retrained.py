"""Two projects in one studio, one that rewrites and one that answers: three people, both retrained, kept apart."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browsing import Visitor
from tests.processes import ADMIN, ADMIN_TOKEN, Api, Product
from tests.tiny.chat import build_tiny_chat

PATIENCE_MS = 120_000.0
TEXTS = ("You are a stupid idiot", "Shut up, you stupid fool", "What a dumb plan")
QUESTIONS = ("How are you?", "What is tea?", "Why is it dark at night?")
ANSWERS = "/p/answers"

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]


def test_a_studio_rewrites_and_answers_side_by_side(chrome: Browser, tmp_path: Path) -> None:
    expect.set_options(timeout=PATIENCE_MS)
    model = build_tiny_chat(tmp_path / "model", ends=False)
    with Product(tmp_path / "home", WEB_CONCURRENCY="2", CHAT_MODEL=str(model), **ADMIN) as product:
        with Visitor(chrome, product.url) as ada:
            ada.sign_in()
            create(ada)
            for project in (1, 2):
                product.learn_from_quick_answers(project)
            for name, roles in (("bea", ("annotator", "annotator")), ("rex", ("", "reviewer"))):
                add(ada, name, roles)
        with Visitor(chrome, product.url) as bea:
            bea.sign_in_first("bea@example.org", "another calm one")
            judge(bea, "", TEXTS)
            judge(bea, ANSWERS, QUESTIONS)
            stays_out(bea, f"{ANSWERS}/review", "403")
        with Visitor(chrome, product.url) as rex:
            rex.sign_in_first("rex@example.org", "another calm one")
            rex.page.goto(f"{ANSWERS}/review")
            expect(rex.page.locator("h1")).to_have_text("Review")
            stays_out(rex, f"{ANSWERS}/admin", "403")
            stays_out(rex, "/p/first/annotate", "404")
        told_apart(product)
        for api in (product.api, Api(product.port, project="answers")):
            retrain(api)


def create(ada: Visitor) -> None:
    """Create the project that answers, on its page."""
    page = ada.page
    page.goto("/admin/projects")
    page.fill("#name", "Answers")
    page.fill("#instruction", "Choose the shortest.")
    page.select_option("#task", "answering")
    page.get_by_role("button", name="Create project").click()
    page.wait_for_url(f"**{ANSWERS}/admin/project")
    page.goto(f"{ANSWERS}/admin/guidelines")
    page.fill("#answer_tokens", "16")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("main .alert-success")).to_be_visible()


def add(ada: Visitor, name: str, roles: tuple[str, str]) -> None:
    """Make an account that has a role in each of the two projects, an empty one being none."""
    page = ada.page
    page.goto(f"{ANSWERS}/admin/people")
    page.fill("#email", f"{name}@example.org")
    page.fill("#password", "another calm one")
    for number, role in enumerate(roles, start=1):
        page.select_option(f"#add-project-{number}", role)
    page.click("#add-person button")
    expect(page.locator("main .alert-success")).to_be_visible()


def judge(person: Visitor, project: str, texts: tuple[str, ...]) -> None:
    """Judge texts of one's own with the keyboard: each card comes whole, then the first is chosen."""
    page = person.page
    page.goto(f"{project}/annotate")
    page.keyboard.press("Escape")
    for text in texts:
        page.fill("#text", text)
        page.press("#text", "Enter")
        expect(page.locator("#source")).to_have_text(text)
        expect(page.locator("[aria-busy=true]:not(#guidelines-text)")).to_have_count(0)
        expect(page.locator(".choice").first).to_be_enabled()
        with page.expect_response("**/api/v1/judgments") as saved:
            page.keyboard.press("1")
        assert saved.value.status == 201


def stays_out(person: Visitor, address: str, status: str) -> None:
    person.expect_complaint(status)
    answer = person.page.goto(address)
    assert answer is not None
    assert str(answer.status) == status


def told_apart(product: Product) -> None:
    """What each project exports is its own: rewrites as text, answers as conversations."""
    rewrites, conversations = (exported(product, project) for project in ("", ANSWERS))
    assert {row["prompt"] for row in rewrites} == set(TEXTS)
    assert {row["prompt"][-1]["content"] for row in conversations} == set(QUESTIONS)
    assert all(row["chosen"][0]["role"] == "assistant" for row in conversations)


def exported(product: Product, project: str) -> list[dict[str, Any]]:
    address = f"{product.url}{project}/api/v1/preferences?format=trl"
    asked = urllib.request.Request(address, headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
    with urllib.request.urlopen(asked) as answer:
        return [json.loads(line) for line in answer.read().decode().splitlines()]


def retrain(project: Api) -> None:
    """Retrain a project, let the version serve, and draw with it."""
    before = drawn_by(project)
    run = project.ok("POST", "/training-runs", {"method": "dpo"})
    ended = project.wait_for_run(run["id"], "succeeded")
    number = ended["produced_version"]
    assert number > before
    project.ok("PUT", "/aliases/serving", {"version": number})
    project.wait_for_version(number)


def drawn_by(project: Api) -> int:
    number: int = project.ok("POST", "/generations", {"text": "You are a stupid idiot"})["version"]
    return number
