# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a phase ends that did not end as it should."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import CollectionError

if TYPE_CHECKING:
    from .evidence import Evidence
    from .head import Head


class PhaseFailed(CollectionError):
    """A phase did not end as it should. The message is for the reader.

    ``evidence`` is what the member said after it; None when it said nothing, and then nothing is known of it.
    ``finding`` is the id of the cause, where it has one.
    """

    def __init__(self, message: str, evidence: Evidence | None = None, finding: str | None = None) -> None:
        super().__init__(message)
        self.evidence = evidence
        self.finding = finding


class OtherProduct(PhaseFailed):
    """The member's journal names another product than the run is for: nothing is done there. ``head``: what it says."""

    def __init__(self, message: str, head: Head) -> None:
        super().__init__(message, None, "journal.other-product")
        self.head = head
