"""Markdown of the documents as HTML."""

from __future__ import annotations

from app.services.system.documents.rendering import Heading, render


def test_headings_have_the_anchors_that_links_name() -> None:
    document = render("# Losses of `dpo`, and why\n\n## Added\n\n### One\n\n## Added\n")
    assert document.title == "Losses of dpo, and why"
    assert document.headings == (
        Heading(1, "Losses of dpo, and why", "losses-of-dpo-and-why"),
        Heading(2, "Added", "added"),
        Heading(3, "One", "one"),
        Heading(2, "Added", "added-1"),
    )
    assert '<h1 id="losses-of-dpo-and-why">Losses of <code>dpo</code>, and why</h1>' in document.html
    assert '<h2 id="added-1">' in document.html


def test_html_in_a_document_is_shown_and_never_runs() -> None:
    html = render("# Title\n\n<script>alert(1)</script> and <b>bold</b>\n\n[here](javascript:alert(1))\n").html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; and &lt;b&gt;bold&lt;/b&gt;" in html
    assert "<script" not in html
    assert "href" not in html


def test_comments_are_left_out() -> None:
    assert render("# Title\n\n<!-- rounds -->\n\ntext\n").html == '<h1 id="title">Title</h1>\n<p>text</p>\n'


def test_links_stay_as_they_are_written() -> None:
    html = render("# Title\n\n[keys](desk.md#keys) ![The desk](screenshots/desk.png)\n").html
    assert '<a href="desk.md#keys">keys</a>' in html
    assert '<img src="screenshots/desk.png" alt="The desk" />' in html


def test_wide_code_and_tables_scroll_by_keys_too() -> None:
    html = render("# Title\n\n```sh\na < b\n```\n\n    indented\n\n| a | b |\n| - | - |\n| 1 | 2 |\n").html
    assert html.count('<pre class="scrolls" tabindex="0"><code>') == 2
    assert "a &lt; b" in html
    assert '<div class="scrolls" tabindex="0"><table class="table">' in html
    assert html.endswith("</table></div>\n")
