# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chains drawn as inline SVG: leaf, intermediates, root; a missing link as a dashed gap with its name.

Each picture is made twice, lying for wide screens and standing for telephones; the style sheet shows one. Colours come
from classes of the page's style sheet. Everything that is written into it is escaped: subjects are foreign input.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ..text import clean
from .report import Chain, Link
from .words import day, shorten

BOX_WIDTH, BOX_HEIGHT = 216, 98
"""Size of a box, in SVG units (pixels on a wide screen)."""
GAP_ALONG, GAP_ACROSS = 44, 22
"""Room between boxes along the chain, and between rows of alternatives."""

_ROLE = {"leaf": "server", "intermediate": "intermediate", "root": "root"}
_LINE_LENGTH = 25
_COMMON_NAME = re.compile(r"(?:^|,\s*)CN=((?:\\.|[^,\\])+)", re.IGNORECASE)


@dataclass(frozen=True)
class _Node:
    """A box of the drawing."""

    style: str
    """Class: ``leaf``, ``intermediate``, ``root``, ``missing``, ``unreached``."""
    label: str
    title: str
    note: str
    identity: str
    """What makes it the same box in two chains."""


@dataclass(frozen=True)
class _Placed:
    node: _Node
    place: int
    """Steps from the leaf."""
    row: int
    before: tuple[int, int] | None
    """Place and row of the box it is tied to."""


def chain_svg(chains: Sequence[Chain]) -> Markup:
    """One drawing of a chain, or of alternatives that share their first boxes (cross-signs: one row each)."""
    placed = _layout(chains)
    title = "; ".join(_spoken(chain) for chain in chains)
    return _drawing(placed, title, standing=False) + _drawing(placed, title, standing=True)


def _nodes(chain: Chain) -> list[_Node]:
    there = [item for item in chain.path if item.role != "root"]
    nodes = [_node(item) for item in there]
    nodes += [_Node("missing", "missing", name, "not in the machine's stores", f"missing {name}")
              for name in chain.missing]
    roots = [item for item in chain.path if item.role == "root"]
    if roots:
        nodes += [_node(item) for item in roots]
    elif chain.missing:
        nodes.append(_Node("unreached", "root", "a trusted root", "not reached", f"unreached {chain.missing[-1]}"))
    return nodes


def _node(link: Link) -> _Node:
    return _Node(link.role, _ROLE[link.role], link.subject, f"until {day(link.not_after)}", link.sha256)


def _layout(chains: Sequence[Chain]) -> list[_Placed]:
    """Rows of boxes; what a chain shares with the first one from the leaf on is drawn once."""
    placed: list[_Placed] = []
    first: list[_Node] = []
    for row, chain in enumerate(chains):
        nodes = _nodes(chain)
        shared = 0
        while shared < min(len(first), len(nodes)) and first[shared].identity == nodes[shared].identity:
            shared += 1
        for place in range(shared, len(nodes)):
            before = None if place == 0 else (place - 1, 0 if place == shared else row)
            placed.append(_Placed(nodes[place], place, row, before))
        first = first or nodes
    return placed


def _drawing(placed: Sequence[_Placed], title: str, standing: bool) -> Markup:
    places = max((item.place for item in placed), default=0) + 1
    rows = max((item.row for item in placed), default=0) + 1
    along, across = (BOX_HEIGHT, BOX_WIDTH) if standing else (BOX_WIDTH, BOX_HEIGHT)
    length = places * along + (places - 1) * GAP_ALONG + 2
    breadth = rows * across + (rows - 1) * GAP_ACROSS + 2
    width, height = (breadth, length) if standing else (length, breadth)
    parts = [*(_tie(item, standing) for item in placed), *(_box(item, standing) for item in placed)]
    return Markup('<svg class="chain {}" role="img" width="{}" height="{}" viewBox="0 0 {} {}" aria-label="{}">'
                  "{}</svg>").format("standing" if standing else "lying", width, height, width, height, clean(title),
                                     Markup("").join(parts))


def _corner(place: int, row: int, standing: bool) -> tuple[int, int]:
    if standing:
        return 1 + row * (BOX_WIDTH + GAP_ACROSS), 1 + place * (BOX_HEIGHT + GAP_ALONG)
    return 1 + place * (BOX_WIDTH + GAP_ALONG), 1 + row * (BOX_HEIGHT + GAP_ACROSS)


def _tie(item: _Placed, standing: bool) -> Markup:
    if item.before is None:
        return Markup("")
    x1, y1 = _corner(*item.before, standing)
    x2, y2 = _corner(item.place, item.row, standing)
    if standing:
        x1, y1, x2 = x1 + BOX_WIDTH // 2, y1 + BOX_HEIGHT, x2 + BOX_WIDTH // 2
        path = f"M{x1} {y1}V{y1 + GAP_ALONG // 2}H{x2}V{y2 - 2}"
        arrow = f"M{x2 - 5} {y2 - 8}L{x2} {y2 - 2}L{x2 + 5} {y2 - 8}"
    else:
        x1, y1, y2 = x1 + BOX_WIDTH, y1 + BOX_HEIGHT // 2, y2 + BOX_HEIGHT // 2
        path = f"M{x1} {y1}H{x1 + GAP_ALONG // 2}V{y2}H{x2 - 2}"
        arrow = f"M{x2 - 8} {y2 - 5}L{x2 - 2} {y2}L{x2 - 8} {y2 + 5}"
    broken = " broken" if item.node.style in ("missing", "unreached") else ""
    return Markup('<path class="tie{}" d="{}"/><path class="tie{}" d="{}"/>').format(
        broken, path, " head" + broken, arrow)


def _box(item: _Placed, standing: bool) -> Markup:
    x, y = _corner(item.place, item.row, standing)
    node = item.node
    lines = _lines(clean(node.title))
    text = [_text(x + 14, y + 19, "role", node.label)]
    text += [_text(x + 14, y + 38 + 15 * number, "name", line) for number, line in enumerate(lines)]
    text.append(_text(x + 14, y + BOX_HEIGHT - 10, "note", node.note))
    return Markup('<g class="box {}"><title>{}</title><rect x="{}" y="{}" width="{}" height="{}" rx="9"/>{}'
                  "</g>").format(node.style, f"{clean(node.title)}, {node.note}", x, y, BOX_WIDTH, BOX_HEIGHT,
                                 Markup("").join(text))


def _text(x: int, y: int, style: str, text: str) -> Markup:
    return Markup('<text x="{}" y="{}" class="{}">{}</text>').format(x, y, style, text)


def _lines(title: str) -> list[str]:
    """At most three lines: of a whole subject its common name, which is what people know it by."""
    common = _COMMON_NAME.search(title)
    shown = common[1].strip() if common else title
    lines = textwrap.wrap(shown, _LINE_LENGTH, break_on_hyphens=True) or ["(no name)"]
    if len(lines) > 3:
        # The end of a name tells CAs apart ("... - G2"), so what is left out is in the middle.
        lines = [lines[0], shorten(" ".join(lines[1:-1]), _LINE_LENGTH), lines[-1]]
    return lines


def _spoken(chain: Chain) -> str:
    return " is issued by ".join(_spoken_names(chain)) + ("" if chain.ok else ", not complete")


def _spoken_names(chain: Chain) -> Iterable[str]:
    for node in _nodes(chain):
        yield f"{node.title} ({node.label})"
