# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings about toy servers alone."""

from __future__ import annotations

from collections.abc import Mapping

from ...findings.entry import Entry

MANUAL = "Toy Server, manual of the administrator"

TOY: Mapping[str, Entry] = {
    "toy.greeting-moved": Entry(
        "critical",
        "The greeting was changed along with a certificate",
        "Clients that were set up by the greeting do not come back.",
        "Give it back: Set-ToySetting -Name Greeting.",
        MANUAL,
        column="product",
    ),
    "toy.unpublished": Entry(
        "warning",
        "The directory names another certificate than the relay has",
        "Clients that look it up first refuse the server.",
        "Run the rollout again; it publishes last of all.",
        MANUAL,
        column="product",
    ),
}
