# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A phase over the array, with the options that the role's tasks give it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.ucops.certificates.plugins.plugin_utils.array.run import ArrayRun
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.evidence import Evidence
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import (
    MEMBERS,
    everyone,
    evidence,
    journal,
    journal_row,
    roll_entry,
    settings,
    staged,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    DATA,
    new,
    old,
    root,
    use_rows,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW, Issued

ROLLED = journal_row(journal("rolled", uses={}, roll=roll_entry()).dumps())
ENDPOINTS = {
    m: [{"name": use, "host": f"192.0.2.1{m[-1]}", "port": 443 + n, "use": use} for n, use in enumerate((ACCESS, DATA))]
    for m in MEMBERS
}


def array_run(told: list[str] | None = None, check_mode: bool = False, **options: Any) -> ArrayRun:
    """A phase over members that lie ready, unless ``options`` say otherwise."""
    run = options.pop("run", settings(trust=root().pem))
    given: dict[str, Any] = {
        "settings": run.to_dict(), "evidence": everyone(), "first": everyone(), "staged": {}, "reasons": {},
        "journals": {}, "endpoints": ENDPOINTS, "wire": [], "wire_after": None, "only": None, "touched": [],
        "rolled": [], "not_taken_back": {}, "not_released": [], "failure": "", "gate": {}, "proof": {}, "unroll": {},
        "directory": None,
    } | options  # fmt: skip
    given["settings"]["wanted"] = {
        use: {**facts, "trust": root().pem} for use, facts in given["settings"]["wanted"].items()
    }
    given |= {name: {m: as_plain(seen) for m, seen in given[name].items()} for name in ("evidence", "first")}
    made = ArrayRun(json.loads(json.dumps(given)), check_mode, (told if told is not None else []).append)
    made.now = NOW
    return made


def as_plain(seen: Evidence | Mapping[str, Any]) -> Mapping[str, Any]:
    """Evidence as a fact carries it; who was lost has none."""
    return seen.to_plain() if isinstance(seen, Evidence) else seen


def rows(chains: dict[str, tuple[Issued, ...]]) -> list[dict[str, Any]]:
    """What tls_endpoint_info returns: member -> what its ports present; nothing: they cannot be read."""
    return [
        {**endpoint, "certificates": [base64.b64encode(one.der).decode() for one in chains[member]],
         "error": None if chains[member] else "timed out"}
        for member in MEMBERS for endpoint in ENDPOINTS[member]
    ]  # fmt: skip


def renewed(*members: str) -> dict[str, Any]:
    """The evidence of all members, rolled, with these switched."""
    return {
        m: evidence(staged(journal=ROLLED, assignments=use_rows(new() if m in members else old(), old())), m)
        for m in MEMBERS
    }
