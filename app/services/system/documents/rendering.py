"""Markdown of our own documents as HTML, with anchors at the headings; HTML in the Markdown is shown as text."""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token

_COMMENT = re.compile(r"^<!--.*?-->\n", re.MULTILINE | re.DOTALL)
_SCROLLS = 'class="scrolls" tabindex="0"'
"""Of what may be wider than the page: the arrow keys move it, too."""


@dataclass(frozen=True)
class Heading:
    """A heading of a document: its level, from 1, its text, and the anchor that leads to it."""

    level: int
    text: str
    anchor: str


@dataclass(frozen=True)
class Document:
    """A document as HTML, and its headings; the first is its title."""

    html: str
    headings: tuple[Heading, ...]

    @property
    def title(self) -> str:
        """Return the text of the first heading."""
        return self.headings[0].text


def render(markdown: str) -> Document:
    """Render a document. Comments are left out; links stay as they are."""
    parser = _parser()
    tokens = parser.parse(_COMMENT.sub("", markdown))
    headings = tuple(_with_anchors(tokens))
    return Document(parser.renderer.render(tokens, parser.options, {}), headings)


def anchor_of(heading: str) -> str:
    """Return the anchor of a heading, as GitHub and the built site name it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # a megabyte, loaded for whoever opens the help first

    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.add_render_rule("fence", _code)
    parser.add_render_rule("code_block", _code)
    parser.add_render_rule("table_open", _table_open)
    parser.add_render_rule("table_close", _table_close)
    return parser


def _with_anchors(tokens: Sequence[Token]) -> Iterator[Heading]:
    """Give each heading its anchor, and yield it; one that occurs again has a number behind it."""
    seen: dict[str, int] = {}
    for token, inline in pairwise(tokens):
        if token.type == "heading_open":
            text = "".join(child.content for child in inline.children or ())
            anchor = anchor_of(text)
            seen[anchor] = seen.get(anchor, -1) + 1
            unique = f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor
            token.attrSet("id", unique)
            yield Heading(int(token.tag[1]), text, unique)


def _code(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: MutableMapping[str, Any]
) -> str:
    return f"<pre {_SCROLLS}><code>{escape(tokens[index].content)}</code></pre>\n"


def _table_open(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: MutableMapping[str, Any]
) -> str:
    return f'<div {_SCROLLS}><table class="table">'


def _table_close(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: MutableMapping[str, Any]
) -> str:
    return "</table></div>\n"
