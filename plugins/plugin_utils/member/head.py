# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a member's journal says before anything else is asked of it: whose it is. No product is needed to read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..plain import from_plain, to_plain
from ..text import clean
from ..windows.calls import Reply
from .journal import Journal
from .reply import JOURNAL, demand_journal, journal_in

if TYPE_CHECKING:
    from .talk import Driver

LONGEST = 60
"""Characters of a member's text that go into a sentence."""


@dataclass(frozen=True)
class Head:
    """Whose journal lies on a member."""

    run: str = ""
    """The run that wrote it; empty: there is no journal, or it was not understood."""
    state: str = ""
    """How far that run came."""
    product: str = ""
    """The product that was rolled out; empty also where the journal is older than this field."""
    unread: str = ""
    """Why nothing is known of the journal; empty when it was read."""

    @classmethod
    def of(cls, journal: Journal | None) -> Head:
        """The head of a journal, or of none."""
        return cls() if journal is None else cls(journal.run, journal.state, journal.product)

    def to_plain(self) -> dict[str, Any]:
        """Plain data for a fact."""
        return dict(to_plain(self))

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> Head:
        """Back from a fact. Raises PlainError."""
        return from_plain(cls, data)

    def __str__(self) -> str:
        if self.unread:
            return clean(self.unread)
        if not self.run:
            return "no journal"
        whose = clean(self.product[:LONGEST]) or "written before journals named the product"
        return f"{whose} (run {clean(self.run[:LONGEST])}, {self.state})"


def read_head(host: Driver, member: str) -> Head:
    """Reads the journal alone, in one command that loads no product. Raises PhaseFailed where it cannot be read."""
    return head_in(member, host.read((), (JOURNAL,), facts=False))


def head_in(member: str, reply: Reply) -> Head:
    """The head of the journal that a reply brought along. Raises PhaseFailed where it could not be read."""
    demand_journal(member, reply)
    journal, unreadable = journal_in(member, reply)
    return Head(unread=unreadable[0].text) if unreadable else Head.of(journal)
