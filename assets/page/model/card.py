"""A bundle's model card: Markdown by anybody -> HTML that fetches nothing and runs nothing."""

from collections.abc import Sequence
from html import escape
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from ser.card import FRONT_MATTER, NO_LICENCE, licence

NO_CARD: Final = '<p class="quiet">This bundle brings no model card.</p>'


def card_html(card: str) -> str:
    """The card without its front matter; HTML in it stays text, pictures become their names."""
    body = FRONT_MATTER.sub("", card, count=1).strip()
    if not body:
        return NO_CARD
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    reader.add_render_rule("image", _picture)
    tokens = reader.parse(body)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 2)}"  # the page itself has h1 and h2
        for child in token.children or ():
            if child.type == "link_open":
                _tame(child)
    html = str(reader.renderer.render(tokens, reader.options, {}))
    return html.replace("<table>", '<div class="scroll" tabindex="0"><table>').replace(
        "</table>", "</table></div>"
    )


def licence_sentence(card: str, told: str) -> str:
    """The weights' licence in a sentence; empty where `told` names it or the card does not."""
    name = licence(card)
    if name == NO_LICENCE or _letters(name) in _letters(told):
        return ""
    limits = ", for non-commercial use only" if "-nc" in name.lower() else ""
    return f"The licence of its weights: {name}{limits}."


def _letters(text: str) -> str:
    """ "CC BY-NC 4.0" and "cc-by-nc-4.0" are the same name."""
    return "".join(filter(str.isalnum, text.lower()))


def _tame(link: Token) -> None:
    """A link opens its page elsewhere; one to a file of the bundle leads nowhere from here."""
    address = str(link.attrGet("href") or "")
    link.attrs = {}
    if address.startswith(("https://", "http://")):
        link.attrs = {"href": address, "target": "_blank", "rel": "noopener noreferrer"}


def _picture(_renderer: Any, tokens: Sequence[Token], index: int, _options: Any, _env: Any) -> str:
    return escape(f"[{tokens[index].content}]")
