# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run over the array as its tasks find it, and what a phase makes of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.ucops.certificates.plugins.plugin_utils.array import phases
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.decide import Gate
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.run import PHASES, Run
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.steps import unrolling
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.wire import Port
from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.finding import Finding
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.head import Head
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.settings import Settings
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


@dataclass(frozen=True)
class Phase:
    """A run, and what a phase tells of it."""

    value: Run
    told: list[str]
    only: str | None = None

    @property
    def before(self) -> tuple[Port, ...]:
        return self.value.ports(self.value.before)

    @property
    def after(self) -> tuple[Port, ...] | None:
        return self.value.ports(self.value.after) if self.value.after is not None else None

    def run(self, phase: str) -> dict[str, Any]:
        """What a phase makes of it, as plain data."""
        result: dict[str, Any] = getattr(self, f"_{phase}")(self.told.append)
        return dict(json.loads(json.dumps(result)))

    def _gate(self, tell: Callable[[str], None]) -> dict[str, Any]:
        run, refused = phases.judge(replace(self.value, asked=PHASES, gate=None), NOW, tell)
        assert run.gate is not None
        return {**run.gate.to_dict(), "refusal": refused, "steps": [(s.do, s.member) for s in run.steps]}

    def _prove(self, tell: Callable[[str], None]) -> dict[str, Any]:
        if self.only is None:
            run, refused = phases.prove_all(self.value, tell)
        else:
            after = (self.value.after or {}).get(self.only) if self.value.after is not None else None
            run, refused = phases.prove_member(self.value, self.only, after, tell)
        since = {m: at.isoformat() for m in MEMBERS if (at := run.since(m))}
        return {"findings": [f.to_dict() for f in run.proof], "refusal": refused, "since": since}

    def _settle(self, tell: Callable[[str], None]) -> dict[str, Any]:
        settings = replace(self.value.settings, purpose="settle")
        run, _no = phases.judge(replace(self.value, settings=settings), NOW, tell)
        return {"settle": [step.member for step in run.steps]}

    def _rollback(self, tell: Callable[[str], None]) -> dict[str, Any]:
        run, _no = phases.judge(self.value, NOW, tell)
        assert [s.member for s in run.steps if s.do == "take_back"] == list(run.touched)
        return {"take_back": list(run.touched), "rolled": list(run.rolled)}

    def _unroll(self, tell: Callable[[str], None]) -> dict[str, Any]:
        del tell
        found = unrolling(self.value)
        return {"cancel": list(found.cancel), "text": found.text}


def array_run(told: list[str] | None = None, check_mode: bool = False, **options: Any) -> Phase:
    """A run over members that lie ready, unless ``options`` say otherwise."""
    run: Settings = options.pop("run", settings(trust=root().pem))
    wanted = {use: {**facts, "trust": root().pem} for use, facts in run.wanted.items()}
    only, gate = options.pop("only", None), options.pop("gate", None)
    wire, after = options.pop("wire", []), options.pop("wire_after", None)
    proof = [Finding.from_dict(f) for f in options.pop("proof", {}).get("findings", ())]
    ports = {m: tuple(own or ()) for m, own in options.pop("endpoints", ENDPOINTS).items()}
    heads = {m: Head.from_plain(one) for m, one in options.pop("journals", {}).items()}
    known = {m: seen or None for m, seen in options.pop("evidence", everyone()).items()}
    given = {name: tuple(v) for name in ("touched", "rolled", "not_released") if (v := options.pop(name, None))}
    made = Run(
        replace(run, wanted=wanted),
        ports,
        check_mode,
        known=known,
        first={m: seen for m, seen in options.pop("first", everyone()).items() if seen},
        gate=Gate.from_dict(gate) if gate else None,
        proof=tuple(proof),
        read_heads=heads,
        asked=("prove",),
        **given,
        **options,
    )
    made = replace(
        made,
        before=made.sorted_rows(wire),
        after=None if after is None else made.sorted_rows(after),
    )
    return Phase(made, told if told is not None else [], only)


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
