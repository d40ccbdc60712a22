# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send connectors of the organization, seen over the array: which are renamed after the last member. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..findings.finding import Finding, finding
from ..member.settings import Settings
from ..products.exchange.state import server_name


def to_rename(
    settings: Settings, evidence: Mapping[str, Mapping[str, Any]], switch: Sequence[str]
) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    """``member`` and ``connectors`` of the renaming (empty: there is none), and those that are left alone.

    ``switch``: the members that are switched. The last of them does it along with its switch, since all others hold the
    certificate by then; ``apart`` says that nobody is switched any more, and the renaming is a step of its own.

    A Send connector is renamed only when each of its source servers is a member of this array: another server may not
    hold the new certificate, and the name would be taken without an error.
    """
    computers = {str(seen["host"]["computer"]).upper() for seen in evidence.values()}
    seeing = [member for member in settings.members if evidence.get(member, {}).get("send")]
    first = next((member for member in reversed(switch) if member in seeing), next(iter(seeing), None))
    if first is None:
        return {}, ()
    names, left = [], []
    for connector in evidence[first]["send"]:
        others = [source for source in connector["sources"] if server_name(source) not in computers]
        if others:
            text = (
                f"sends from {', '.join(others)} as well, which is no member of {settings.array}; it keeps "
                f"{connector['before']}, which ends with the old certificate"
            )
            subject = f"Send connector {connector['name']}"
            left.append(finding("exchange.connector-elsewhere", settings.array, subject, text))
        else:
            names.append(str(connector["name"]))
    apart = first != next(reversed(switch), None)
    return ({"member": first, "connectors": names, "apart": apart} if names else {}), tuple(left)
