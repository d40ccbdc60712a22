# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How something given to the collection is refused or remarked upon: an id, and a sentence that helps the reader on."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..errors import CollectionError
from ..text import escaped


@dataclass(frozen=True)
class Where:
    """Where something was found."""

    source: str
    """Name of what was given: a path, or what the caller calls the bytes."""
    entry: str | None = None
    """Entry of an archive; foreign input."""

    def inside(self, entry: str) -> Where:
        """The place of an entry of this archive."""
        return replace(self, entry=entry)

    def __str__(self) -> str:
        return repr(self.source) + (f", entry {self.entry[:200]!r}" if self.entry is not None else "")


@dataclass(frozen=True)
class PkiFinding:
    """One thing that is wrong with a bundle, or worth knowing about it; how bad it is stands in the catalogue."""

    id: str
    """Stable id, such as ``leaf.expired`` or ``bundle.pfx-new-cipher``."""
    subject: str
    """Readable subject of the certificate it is about, or the name of the source."""
    text: str
    """One sentence: what was expected, what was found."""


class BundleError(CollectionError):
    """A delivery that cannot be used. No secret is ever part of it."""

    def __init__(self, id: str, message: str) -> None:
        """:param id: stable id, ``bundle.`` and a word. :param message: expected, found, where, next.

        What does not print is escaped: parts of the message come out of the file.
        """
        self.id = id
        self.message = escaped(message)
        super().__init__(self.message)


def refused(id: str, expected: str, found: str, where: Where, next: str) -> BundleError:
    """The error with the four things a reader needs: what was expected, what was found, where, and the next step."""
    return BundleError(f"bundle.{id}", f"expected {expected}, found {found}: {where}; next: {next}")
