# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is particular about a request for an Edge pool's certificate. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...pki.names import is_wildcard, normal, valid_dns_name
from ..values import Address
from .state import EXTERNAL_USES, INTERNAL_USE

USES = {"external": EXTERNAL_USES, "internal": (INTERNAL_USE,)}
"""The uses whose names a certificate must go on covering; A/V authentication has none (Microsoft)."""


class EdgeAsks:
    """The key of a pool is made once, on the control node."""

    renewal = "ansible-playbook ucops.certificates.renew_edge_pool -i INVENTORY"

    def refused(self, given: Mapping[str, Any]) -> Iterable[str]:
        """An Edge Server takes no wildcard."""
        wild = [str(name) for name in given["names"] if is_wildcard(str(name))]
        if wild:
            yield (
                f"request_names: {', '.join(wild)}: an Edge Server takes no wildcard (Microsoft, Plan for Edge Server "
                "certificates); list the names"
            )

    def refused_on_server(self, given: Mapping[str, Any]) -> Iterable[str]:
        """Nothing is made on a server."""
        yield (
            "request_on: expected controller, found server: all members of an Edge pool need one key, so it is made "
            "once, on the control node, where it never has to be exported"
        )

    def reached_by(self, info: Mapping[str, Any], use: str) -> tuple[Address, ...]:
        """What an Edge server is reached by, as ``edge_info`` shows it: the names of the certificates in force.

        The topology, which has the real names, lies in the central store, where an Edge server cannot ask.
        """
        found = []
        for row in info.get("assignments") or ():
            if row.get("in_force") and row.get("use") in USES[use] and row.get("certificate"):
                names = row["certificate"].get("names") or ()
                found += [Address(normal(str(name)), f"certificate of {row['use']}") for name in names]
        return tuple(a for a in dict.fromkeys(found) if valid_dns_name(a.name, wildcard=True))

    def by_convention(self, name: str) -> bool:
        """There is no such name."""
        return False

    def notes(self, wanted: Sequence[str]) -> tuple[str, ...]:
        """Nothing has to be said."""
        return ()

    def of_wildcard(self, name: str) -> tuple[str, ...]:
        """It is refused before."""
        return ()
