# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a verification lies between its tasks: files in the private folder that this ansible-playbook has anyway.

The run and the inventory's ports are worked out once, on the controller, and not once more for each member; what a
member showed and what its ports presented never pass a template. Nothing in it is secret; the folder is gone with the
process.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..array.kept import NotBegun, Shelf, write
from .look import Look
from .settings import VerifyRun


class KeptVerification:
    """The verification of this ansible-playbook; the newest, where it has several one after the other."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "ucops.certificates" / "verify"

    def begin(
        self,
        run: VerifyRun,
        endpoints: Mapping[str, Any],
        front_ends: Mapping[str, Any],
        to_read: Sequence[Mapping[str, Any]],
    ) -> None:
        """A new run, with the ports that the inventory gives: those of each member, those in front of each array, and
        the list of those to look at."""
        given = {"endpoints": endpoints, "front_ends": front_ends, "to_read": to_read}
        write(self.folder / "run.json", {"run": run.to_dict(), "given": given})

    def read(self) -> tuple[VerifyRun, Mapping[str, Any]]:
        """The run; and its ``endpoints``, ``front_ends`` and ``to_read``. Raises NotBegun, PlainError."""
        try:
            data = json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            text = "No verification was begun by this ansible-playbook. Start the playbook from its beginning"
            raise NotBegun(f"{text}, without --limit") from None
        return VerifyRun.from_dict(data["run"]), data["given"]

    def saw(self, run: VerifyRun, look: Look) -> None:
        """What a member showed; several members may be read at one time."""
        self._looks(run).put(look.member, look.to_dict())

    def looks(self, run: VerifyRun) -> Mapping[str, Mapping[str, Any]]:
        """Member to what it showed, of those that were read."""
        return self._looks(run)

    def looked(self, run: VerifyRun, vantage: str, result: Mapping[str, Any]) -> None:
        """The ``endpoints`` as one vantage host saw them, or ``msg`` why it did not; one host after the other."""
        write(self._wire(run) / f"{len(self._files(run)):04}.json", {**result, "vantage": vantage})

    def wire(self, run: VerifyRun) -> list[Mapping[str, Any]]:
        """All of it, in the order in which it came."""
        return [json.loads(file.read_text(encoding="utf-8")) for file in self._files(run)]

    def _files(self, run: VerifyRun) -> list[Path]:
        return sorted(self._wire(run).glob("*.json"))

    def _looks(self, run: VerifyRun) -> Shelf[Mapping[str, Any]]:
        members = dict.fromkeys(member for held in run.arrays.values() for member in held)
        return Shelf(self.folder / run.run / "looks", tuple(members), dict)

    def _wire(self, run: VerifyRun) -> Path:
        return self.folder / run.run / "wire"
