# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a hard case of chain building is, and the list they are all put on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.ucops.certificates.tests.unit.zoo import NOW, Issued


@dataclass(frozen=True)
class Case:
    """One question to the chain builder, with its answer."""

    leaf: Issued
    pool: Sequence[Issued]
    anchors: Sequence[Issued]
    findings: frozenset[str] = frozenset()
    """Ids of the best chain's findings, without ``chain.``; none when it is fine."""
    at: datetime = NOW
    purpose: str | None = "server"
    openssl: str = ""
    """Why OpenSSL answers otherwise; empty where it must agree."""
    library: str = ""
    """Why the strict library accepts what is not fine; empty where it must not."""
    length: int | None = None
    """Certificates in the best chain."""
    paths: int | None = None
    """How many chains there are."""

    @property
    def ok(self) -> bool:
        """Whether a faultless chain is expected."""
        return not self.findings


CASES: dict[str, Callable[[], Case]] = {}


def case(make: Callable[[], Case]) -> Callable[[], Case]:
    """Puts a case on the list, under the name of its function."""
    assert make.__name__ not in CASES
    CASES[make.__name__] = make
    return make


def cases(prefix: str, made: Iterable[tuple[str, Callable[[], Case]]]) -> None:
    """Puts several on the list."""
    for name, make in made:
        assert f"{prefix}_{name}" not in CASES
        CASES[f"{prefix}_{name}"] = make


def wrong(*ids: str) -> frozenset[str]:
    """Expected findings."""
    return frozenset(ids)
