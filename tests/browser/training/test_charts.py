"""The charts of runs in a real browser: crosshair, smoothing, log scale, zoom, marks, downloads, the table."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.training.runs import STEPS, add_run, change_run
from tests.browsing import PATIENCE_MS, SIDEWAYS, Cookies, Visitor, run_chart_points
from tests.processes import Product

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)
LOSS, LOGPS = "figure[data-metric='loss']", "figure[data-metric='logps/chosen']"


@pytest.fixture
def page(visitor: Visitor, product: Product) -> Page:
    """The page of a run that has ended, with its charts drawn."""
    visitor.page.goto(f"/admin/runs/{add_run(product, {})}")
    expect(visitor.page.locator(f"{LOSS} canvas")).to_be_visible()
    return visitor.page


def plot_area(page: Page, figure: str) -> Locator:
    return page.locator(f"{figure} .u-over")


def drag(page: Page, start: float, end: float) -> None:
    """Drag over the chart of the loss, between two shares of its width."""
    box = plot_area(page, LOSS).bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], middle, steps=4)
    page.mouse.up()


def point_at(area: Locator, left: float) -> None:
    """Move the mouse over a chart; the first event of a page says of no movement, and uPlot waits for one."""
    for top in (30, 20):
        area.hover(position={"x": left, "y": top})


def touch(page: Page, start: list[float], end: list[float]) -> None:
    """Put fingers on the chart of the loss, at shares of its width, and move them."""
    area = plot_area(page, LOSS)
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box is not None
    devtools = page.context.new_cdp_session(page)

    def send(kind: str, shares: list[float]) -> None:
        points = [
            {"x": box["x"] + share * box["width"], "y": box["y"] + box["height"] / 2, "id": number}
            for number, share in enumerate(shares)
        ]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    send("touchStart", start)
    for done in (0.25, 0.5, 0.75, 1):
        send("touchMove", [one + done * (other - one) for one, other in zip(start, end, strict=True)])
    send("touchEnd", [])


def expect_ends(page: Page, figure: str, first: int, last: int) -> None:
    """Expect the crosshair to say these steps at the left and at the right end of a chart."""
    area = plot_area(page, figure)
    box = area.bounding_box()
    assert box is not None
    for left, step in ((1.0, first), (box["width"] - 2, last)):
        point_at(area, left)
        expect(page.locator(f"{figure} .at")).to_have_text(f"step {step}")


def test_a_chart_can_have_two_lines_and_one_without_values_is_not_shown(page: Page) -> None:
    for _ in range(2):  # a reload loses nothing
        expect(page.locator(f"{LOGPS} output")).to_have_count(2)
        expect(page.locator("figure[data-metric='anchor_kl']")).to_be_hidden()
        assert run_chart_points(page) == run_chart_points(page, "logps/chosen") == STEPS
        page.reload()
        expect(page.locator(f"{LOSS} canvas")).to_be_visible()


def test_the_current_figure_is_smoothed_as_far_as_the_slider_says(page: Page) -> None:
    figure = page.locator(f"{LOGPS} output[data-line='logps/rejected']")
    expect(figure).to_have_text("-38.50")  # 1.5 steps behind a line that falls by one a step
    page.locator("#smoothing").fill("0")
    expect(figure).to_have_text("-40.00")
    expect(page.locator("#smoothing-value")).to_have_text("0")


def test_the_crosshair_of_one_chart_tells_the_values_of_all(page: Page) -> None:
    page.locator("#smoothing").fill("0")
    box = plot_area(page, LOSS).bounding_box()
    assert box is not None
    plot_area(page, LOSS).hover(position={"x": box["width"] / 2, "y": 20})  # half of twenty steps
    expect(page.locator(f"{LOSS} .at")).to_have_text("step 10")
    expect(page.locator(f"{LOSS} output")).to_have_text("0.0700")
    expect(page.locator(f"{LOGPS} .at")).to_have_text("step 10")
    expect(page.locator(f"{LOGPS} output[data-line='logps/chosen']")).to_have_text("-10.00")
    page.locator("#smoothing").fill("0.6")
    plot_area(page, LOSS).hover(position={"x": box["width"] / 2, "y": 30})
    expect(page.locator(f"{LOGPS} output[data-line='logps/chosen']")).to_contain_text("(-10.00)")
    page.mouse.move(0, 0)
    expect(page.locator(f"{LOSS} .at")).to_be_empty()


def test_dragging_zooms_all_charts_and_a_double_click_shows_the_whole_run_again(page: Page) -> None:
    drag(page, 0.49, 0.76)
    expect(page.locator(f"{LOGPS} [data-whole]")).to_be_visible()
    expect_ends(page, LOGPS, 10, 15)
    plot_area(page, LOSS).dblclick(position={"x": 50, "y": 30})
    expect(page.locator(f"{LOSS} [data-whole]")).to_be_hidden()
    expect_ends(page, LOGPS, 1, 20)
    drag(page, 0.25, 0.5)
    page.locator(f"{LOSS} [data-whole]").click()  # for whom a double click is hard
    expect_ends(page, LOGPS, 1, 20)


def test_on_a_phone_two_fingers_zoom_all_charts_one_moves_along_and_a_button_shows_the_whole_run(
    chrome: Browser, product: Product, ada: Cookies
) -> None:
    with Visitor(chrome, product.url, width=360, height=740, signed_in_as=ada, touch=True) as visitor:
        page = visitor.page
        page.goto(f"/admin/runs/{add_run(product, {})}")
        expect(page.locator(f"{LOSS} canvas")).to_be_visible()
        assert not page.evaluate(SIDEWAYS)
        touch(page, [0.45, 0.55], [0.25, 0.75])
        expect(page.locator(f"{LOGPS} [data-whole]")).to_be_visible()
        touch(page, [0.9], [0.1])
        expect(page.locator(f"{LOGPS} [data-whole]")).to_be_visible()
        page.locator(f"{LOGPS} [data-whole]").click()  # a tap right after a swipe only stops the swipe
        expect(page.locator(f"{LOSS} [data-whole]")).to_be_hidden()


def test_a_log_scale_is_offered_where_there_are_values_above_zero(page: Page) -> None:
    drawn = "figure => figure.querySelector('canvas').toDataURL()"
    linear = page.locator(LOSS).evaluate(drawn)
    button = page.locator(f"{LOSS} [data-log]")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    page.wait_for_function(f'linear => document.querySelector("{LOSS} canvas").toDataURL() !== linear', arg=linear)
    change = page.locator("figure[data-metric='logps/chosen'] [data-log]")
    expect(change).to_be_disabled()


def test_checkpoints_and_the_published_version_are_marked(page: Page, product: Product) -> None:
    run = int(page.url.rpartition("/")[2])
    expect(page.locator("#marks")).to_be_hidden()
    drawn = "figure => figure.querySelector('canvas').toDataURL()"
    bare = page.locator(LOSS).evaluate(drawn)
    change_run(product, run, checkpoints="[5, 10]", produced_version=1)
    page.reload()
    expect(page.locator("#marks")).to_be_visible()
    page.wait_for_function(f'bare => document.querySelector("{LOSS} canvas").toDataURL() !== bare', arg=bare)


def test_a_chart_is_saved_as_a_picture_and_as_values(page: Page, tmp_path: Path) -> None:
    run = page.url.rpartition("/")[2]
    for kind, name in (("png", f"run-{run}-loss.png"), ("csv", f"run-{run}-loss.csv")):
        with page.expect_download() as download:
            page.locator(f"{LOSS} [data-{kind}]").click()
        assert download.value.suggested_filename == name
        download.value.save_as(tmp_path / name)
    assert (tmp_path / f"run-{run}-loss.png").read_bytes().startswith(b"\x89PNG")
    lines = (tmp_path / f"run-{run}-loss.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == 'step,"loss","loss, smoothed"'
    assert [round(float(value), 6) for value in lines[1].split(",")] == [1, 0.7, 0.7]
    assert len(lines) == 1 + STEPS


def test_the_values_can_be_read_as_a_table(page: Page) -> None:
    page.locator(f"{LOGPS} summary").click()
    rows = page.locator(f"{LOGPS} tbody tr")
    expect(rows).to_have_count(STEPS)
    assert rows.last.locator("th, td").all_inner_texts() == ["20", "0.0000", "-40.00"]


@pytest.mark.parametrize("width", [360, 1280])
def test_all_metrics_of_several_runs_are_compared_at_once(visitor: Visitor, product: Product, width: int) -> None:
    first, second = add_run(product, {}), add_run(product, {"beta": 0.2})
    page = visitor.page
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/admin/runs")
    for number in (first, second):
        page.get_by_label(f"Compare run {number}").check()
    page.get_by_role("button", name="Compare selected runs").click()
    expect(page.locator("figure.chart canvas")).to_have_count(3)
    for number in (first, second):
        figure = page.locator(f"figure[data-metric='logps/rejected'] output[data-line='{number}']")
        expect(figure).to_have_text("-38.50")
    expect(page.locator("tr.differs th", has_text="Beta")).to_be_visible()
    page.select_option("#along", "share")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**along=share**")
    expect(page.locator("figure.chart canvas")).to_have_count(3)
    box = plot_area(page, LOSS).bounding_box()
    assert box is not None
    point_at(plot_area(page, LOSS), box["width"] / 2)
    expect(page.locator(f"{LOSS} .at")).to_have_text("50 % of the run")
    assert not page.evaluate(SIDEWAYS)
