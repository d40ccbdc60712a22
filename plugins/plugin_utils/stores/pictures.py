# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chains as a report draws them. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ..pki.chain import Path

MAX_PICTURES = 3
"""Chains of one leaf that a report draws."""


@dataclass(frozen=True)
class Link:
    """One certificate of a chain."""

    subject: str
    """Common name or subject; foreign input."""
    thumbprint: str
    sha256: str
    """SHA-256 of the certificate, lower-case hex: what makes two links the same."""
    not_after: datetime
    role: Literal["leaf", "intermediate", "root"]


@dataclass(frozen=True)
class Chain:
    """One chain that a member can send. Several with the same uses are alternatives (cross-signs)."""

    uses: tuple[str, ...]
    """The uses whose leaf it is."""
    path: tuple[Link, ...]
    """From the leaf towards the root, as far as it goes."""
    missing: tuple[str, ...] = ()
    """Names of the issuers that are not there."""
    ok: bool = True
    """Whether it is complete and trusted."""


def pictures(paths: Sequence[Path], uses: Sequence[str]) -> tuple[Chain, ...]:
    """The chains of one leaf: all good ones up to MAX_PICTURES, or the one that comes closest."""
    shown = [path for path in paths if path.ok][:MAX_PICTURES] or paths[:1]
    return tuple(picture(path, uses) for path in shown)


def picture(path: Path, uses: Sequence[str]) -> Chain:
    """One path: what is there, and what is missing at its end."""
    links = []
    for index, certificate in enumerate(path.certificates):
        above: Literal["intermediate", "root"] = "root" if certificate.self_issued else "intermediate"
        name = certificate.common_name or certificate.subject
        role = above if index else "leaf"
        links.append(Link(name, certificate.thumbprint, certificate.sha256, certificate.not_after, role))
    lacks = any(found.id == "chain.issuer-missing" for found in path.findings)
    missing = (_name(path.certificates[-1].issuer),) if lacks else ()
    return Chain(tuple(uses), tuple(links), missing, path.ok)


def _name(subject: str) -> str:
    """The common name out of a readable distinguished name, or all of it."""
    match = re.search(r"(?:^|, )CN=((?:\\.|[^,\\])+)", subject)
    return match.group(1).replace("\\", "") if match else subject
