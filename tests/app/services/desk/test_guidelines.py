"""The guidelines: what Markdown becomes, and what it can never become."""

from __future__ import annotations

import pytest

from app.services.desk import guidelines

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "![x](https://evil.example/pixel.png)",
    "<javascript:alert(1)>",
    '```"><script>alert(1)</script>\nx\n```',
    "```example\n<script>alert(1)</script>\n+ <img src=x onerror=alert(1)>\n<iframe>\n```",
]


@pytest.mark.parametrize("markdown", HOSTILE)
def test_nothing_hostile_comes_through(markdown: str) -> None:
    html = guidelines.to_html(markdown)
    for tag in ("<script", "<img", "<iframe", 'href="javascript', 'href="data', " onerror=alert(1)>"):
        assert tag not in html


def test_the_usual_markdown_is_shown_and_headings_stay_below_those_of_the_page() -> None:
    html = guidelines.to_html(
        "# One\n\n###### Six\n\n**bold** and ~~gone~~\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n3. three"
    )
    for part in (
        "<h3>One</h3>",
        "<h6>Six</h6>",
        "<strong>bold</strong>",
        "<s>gone</s>",
        "<td>1</td>",
        '<ol start="3">',
    ):
        assert part in html


def test_a_link_says_nothing_of_where_it_was_followed() -> None:
    assert 'rel="noopener noreferrer"' in guidelines.to_html("[x](https://example.org)")


def test_an_example_tells_source_good_bad_and_why() -> None:
    html = guidelines.to_html("```example\nYou & you\n+ You are wrong\nno insult\nand true\n- You are silly\n```")
    assert html.strip() == (
        '<figure class="example"><blockquote><p>You &amp; you</p></blockquote>'
        '<div class="example-good"><p><span class="example-mark">Good</span> You are wrong</p>'
        '<p class="example-why">no insult and true</p></div>'
        '<div class="example-bad"><p><span class="example-mark">Not good</span> You are silly</p></div></figure>'
    )


def test_another_fenced_block_stays_what_it_is() -> None:
    assert guidelines.to_html("```\n+ a <b>\n```").strip() == "<pre><code>+ a &lt;b&gt;\n</code></pre>"


def test_an_empty_example_and_no_text_at_all_are_no_error() -> None:
    assert "<figure" in guidelines.to_html("```example\n```")
    assert guidelines.to_html("") == ""


def test_of_an_image_its_description_is_left() -> None:
    assert guidelines.to_html("See ![a <cat>](https://evil.example/x.png).") == "<p>See a &lt;cat&gt;.</p>\n"
