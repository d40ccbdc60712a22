# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one root of what the collection raises on purpose, and the one refusal."""

from __future__ import annotations

from typing import Any


class CollectionError(Exception):
    """Something that was found on purpose: its message is for the reader, and never needs a traceback."""


class Refused(CollectionError):  # noqa: N818 - nothing failed: what was asked for is not begun
    """What was asked for is not done, because of what it is or of what is known: the run does not go on.

    The message is for the reader; ``result`` goes along with it.
    """

    def __init__(self, message: str, **result: Any) -> None:
        super().__init__(message)
        self.result = result
