"""The guidelines and the answers of chat models: Markdown, rendered to HTML that cannot run anything.

Raw HTML in the Markdown is shown as text, and the rendered HTML is sanitized once more, so that a mistake in one of the
two steps does no harm. A fenced block named ``example`` becomes a figure:

    ```example
    a text to rewrite
    + a good rewrite
    why it is good
    - a bad rewrite
    ```
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, MutableMapping, Sequence
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from app.words import N_, gettext, language

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token

_TAGS = {
    *("h3", "h4", "h5", "h6", "p", "ul", "ol", "li", "blockquote", "strong", "em", "s", "code", "pre", "a", "hr", "br"),
    *("table", "thead", "tbody", "tr", "th", "td", "figure", "figcaption", "div", "span"),
}
_CLASSES = {"example", "example-good", "example-bad", "example-why", "example-mark"}
_SIGNS = {"+": ("good", N_("Good")), "-": ("bad", N_("Not good"))}
_TOP_HEADING = 3  # the page and the panel use the first two levels


class _Rewrite(NamedTuple):
    kind: str
    label: str
    text: str
    why: str


def to_html(markdown: str) -> str:
    """Render Markdown as sanitized HTML: headings begin at the third level, images become their descriptions.

    The labels of examples are in the reader's language.
    """
    return _rendered(markdown, language())


@lru_cache(maxsize=64)
def _rendered(markdown: str, _language: str) -> str:
    import nh3

    return nh3.clean(
        _parser().render(markdown),
        tags=_TAGS,
        attributes={"a": {"href"}, "ol": {"start"}},
        allowed_classes=dict.fromkeys(("figure", "div", "span", "p"), _CLASSES),
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer",
    )


def digest(markdown: str) -> str:
    """Return a short hash of the guidelines, by which one state of them is told from another."""
    return hashlib.sha256(markdown.encode()).hexdigest()[:16]


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # with nh3 two megabytes, loaded for whoever opens them first

    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.core.ruler.push("lower_headings", _lower_headings)
    parser.add_render_rule("fence", _fence)
    parser.add_render_rule("image", _description)
    return parser


def _lower_headings(state: Any) -> None:
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + _TOP_HEADING - 1, 6)}"


def _description(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: MutableMapping[str, Any]
) -> str:
    return escape(tokens[index].content)


def _fence(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: MutableMapping[str, Any]
) -> str:
    token = tokens[index]
    if token.info.strip().casefold() == "example":
        return _example(token.content)
    return f"<pre><code>{escape(token.content)}</code></pre>\n"


def _example(content: str) -> str:
    lines = [line.strip() for line in content.splitlines() if line.strip()]
    first = next((place for place, line in enumerate(lines) if line[0] in _SIGNS), len(lines))
    source = "<br>".join(map(escape, lines[:first]))
    shown = "".join(map(_rewrite, _rewrites(lines[first:])))
    return f'<figure class="example"><blockquote><p>{source}</p></blockquote>{shown}</figure>\n'


def _rewrite(each: _Rewrite) -> str:
    mark = f'<span class="example-mark">{escape(gettext(each.label))}</span>'
    why = f'<p class="example-why">{escape(each.why)}</p>' if each.why else ""
    return f'<div class="example-{each.kind}"><p>{mark} {escape(each.text)}</p>{why}</div>'


def _rewrites(lines: Sequence[str]) -> Iterator[_Rewrite]:
    """Yield each signed line with the unsigned lines that follow it; the first line must be signed."""
    current: _Rewrite | None = None
    for line in lines:
        if line[0] in _SIGNS:
            if current:
                yield current
            current = _Rewrite(*_SIGNS[line[0]], line[1:].strip(), "")
        elif current:
            current = current._replace(why=f"{current.why} {line}".strip())
    if current:
        yield current
