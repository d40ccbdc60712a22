# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The array's phases on the controller: from a run to a run, told to the reader on the way. No member is touched."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ..errors import Refused
from ..findings.finding import Finding, stopping
from ..inputs import Delivery, load_delivery, load_trust
from ..member import records
from ..member.settings import Settings
from ..pki.certificate import Certificate
from ..plain import to_plain
from ..products import PRODUCTS, rolled
from ..products.interface import Product, can_roll
from ..version import VERSION
from . import addresses, decide, emergency, old_keys, prove, settle
from .approved import demand_plan, digest, plan_lines
from .named import demand_agreement, product_named
from .preflight import all_findings
from .run import Row, Run
from .steps import forward, mixed, proved, rolled_only, settling, taking_back
from .told import instant_of, lines_of, operator
from .wanted import wanted_facts, wanted_for

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Given:
    """What a run is begun with, as the role's task gives it."""

    array: str
    members: Sequence[str]
    purpose: str = "renew"
    arrays: Mapping[str, Sequence[str]] = field(default_factory=dict)
    size: int | None = None
    bundles: Mapping[str, Any] = field(default_factory=dict)
    endpoints: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


# -- the beginning -----------------------------------------------------------------------------------------------------


def preflight(given: Given, simulated: bool, now: datetime, tell: Tell) -> tuple[Run, list[Delivery], list[Finding]]:
    """Refuses bad input before any member is touched; gives the run its id and its settings.

    Raises Refused, InputError, BundleError.
    """
    options = dict(given.options)
    excluded = {str(k): str(v or "") for k, v in (options.get("excluded") or {}).items()}
    deliveries = _deliveries(given, str(options.get("trust") or "system"))
    if options.get("roll_at"):
        options["roll_at"] = instant_of(str(options["roll_at"])).isoformat()
    # Where nothing is to be renewed, the members' journals may say what it is: see name_product.
    unnamed = given.purpose != "renew" and not options.get("product")
    product, own = (None, None) if unnamed else _product_of(options)
    root = bool(options.get("install_root"))
    wanted = wanted_for(deliveries, product, own, now, root) if product and deliveries else None
    unclear, once = addresses.problems(given.array, given.purpose, given.endpoints)
    found = all_findings(
        given.array, given.members, given.arrays, excluded, given.size, deliveries, wanted, now, product, unclear
    )
    if stopping(found):
        raise Refused(f"No member was touched.\n  {lines_of(stopping(found))}", findings=[f.to_dict() for f in found])
    try:
        settings = Settings.from_dict(
            {k: v for k, v in options.items() if v is not None}
            | {
                "run": f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}",
                "purpose": given.purpose,
                "array": given.array,
                "members": [m for m in given.members if m not in excluded],
                "excluded": excluded,
                "operator": operator(),
                "controller": socket.gethostname(),
                "started": now.isoformat(),
                "version": VERSION,
                "wanted": wanted_facts(wanted, deliveries) if wanted else {},
                "own": to_plain(own) if product else {},
                "elsewhere": old_keys.others(options.get("elsewhere") or {}, given.members),
            }
        )
        settings = emergency.urgent(settings)
    except ValueError as error:
        raise Refused(f"No member was touched: {error}") from None
    _tell_beginning(settings, once, product.succession if product else "", tell)
    ports = {member: tuple(given.endpoints.get(member) or ()) for member in settings.members}
    return Run(settings, ports, simulated), deliveries, list(found)


def _tell_beginning(settings: Settings, once: Iterable[tuple[str, str]], succession: str, tell: Tell) -> None:
    tell(f"  | run {settings.run}: {settings.purpose} {settings.array}, {len(settings.members)} member(s)")
    for line in emergency.beginning(settings, succession) if settings.emergency else ():
        tell(f"  | {line}")
    for member, text in [*once, *((m, f"left out: {reason}") for m, reason in settings.excluded.items())]:
        tell(f"  | {member:<14} {text}")
    for leaf in dict.fromkeys(facts["label"] for facts in settings.wanted.values()):
        uses = [use for use, facts in settings.wanted.items() if facts["label"] == leaf]
        tell(f"  | {leaf}\n  |   for {', '.join(uses)}")


def _deliveries(given: Given, trust: str) -> list[Delivery]:
    """The bundles, opened. Raises Refused where something is to be renewed and there is none."""
    deliveries = [load_delivery(name, spec, trust) for name, spec in (given.bundles or {}).items() if spec]
    if given.purpose == "renew" and not deliveries:
        raise Refused(
            "rollout_bundles is empty: nothing to renew. Give at least one of external, av and internal, each with "
            "path or content. Set it in group_vars/all.yml or with -e @renewal.yml; group_vars of the array are not "
            "seen on localhost"
        )
    return deliveries


def _product_of(options: Mapping[str, Any]) -> tuple[Product[Any], Any]:
    """The product that the options name, and its own part of them. Raises Refused."""
    try:
        product = rolled(str(options.get("product") or ""))
        return product, product.own(options)
    except ValueError as error:
        raise Refused(f"No member was touched: {error}") from None


def name_product(run: Run, options: Mapping[str, Any], tell: Tell) -> Run:
    """The run with the product that the members' journals name. Raises Refused."""
    settings = run.settings
    titles = {product.name: product.title for product in PRODUCTS.values() if can_roll(product)}
    name = product_named(settings.array, settings.members, run.heads, titles)
    product, own = _product_of({**options, "product": name})
    who = ", ".join(m for m in settings.members if m in run.heads and run.heads[m].product)
    tell(f"  | {product.title}s, as the journals say of {who}")
    return replace(run, settings=replace(settings, product=name, own=to_plain(own)))


# -- what is done, and whether -----------------------------------------------------------------------------------------


def judge(run: Run, now: datetime, tell: Tell, approved: Sequence[str] | None = None) -> tuple[Run, str]:
    """What this run does, and why it does not, if it does not. Raises Refused for a settling or a way back, and for a
    plan that is not the one that was approved (``approved``: the lines of that, where they were found)."""
    if run.settings.purpose == "settle":
        return _settle(run, tell), ""
    if run.settings.purpose == "rollback":
        return _rollback(run, tell), ""
    if "gate" in run.asked:
        return gate(run, now, tell, approved)
    if {"roll", "switch"} & set(run.asked):
        return run, (
            "There is no verdict of a gate in this run, so nothing is rolled or switched. Start the playbook from its "
            "beginning and leave the gate in; with --tags switch it is judged anew."
        )
    return run, ""


def gate(run: Run, now: datetime, tell: Tell, approved: Sequence[str] | None = None) -> tuple[Run, str]:
    """The gate's verdict and what will be done; refuses when one member is short. Raises Refused as :func:`judge`."""
    settings = run.settings
    urgent = emergency.gate_findings(run.product, settings, run.first, run.evidence, run.elsewhere)
    for line in old_keys.lying(urgent):
        tell(f"  | {line}")
    gate = decide.gate(run.product, run.own, settings, run.evidence, run.reasons, now, run.simulated, urgent)
    if not gate.verdict.passed:
        gate = decide.closed(gate, emergency.way_in(settings, run.evidence))
    judged = replace(run, gate=gate)
    if not gate.verdict.passed:
        stops = lines_of(stopping(gate.verdict.findings))
        return judged, f"The gate is closed: nothing is switched on any member of {settings.array}.\n  {stops}"
    tell(f"  | gate open: {len(gate.verdict.members)} of {len(settings.members)} members proven ready")
    if gate.roll.action != "none":
        when = f" for {gate.roll.instant:%Y-%m-%d %H:%M:%SZ}" if gate.roll.instant else ""
        tell(f"  | {run.product.succession}: {gate.roll.action}{when} on {', '.join(gate.roll.members)}")
    tell(f"  | to switch: {', '.join(gate.switch) or 'nothing'}")
    if gate.note:
        tell(f"  | {gate.note}")
    lines = plan_lines(settings, gate, run.evidence)
    tell(f"  | plan {digest(lines)} (rollout_expect_plan)")
    demand_plan(settings.expect_plan, lines, approved)
    return forward(replace(judged, plan=lines)), ""


def _settle(run: Run, tell: Tell) -> Run:
    """Which members to settle; refuses before the instant and when one member was not rolled."""
    demand_agreement(run.settings.array, run.settings.members, run.heads, run.product.name)
    todo, found = settle.settle_decision(run.product, run.settings, run.evidence, run.reasons)
    if stopping(found):
        raise Refused(f"Not settled.\n  {lines_of(stopping(found))}", findings=[f.to_dict() for f in found])
    tell(f"  | to settle: {', '.join(todo) or 'nothing'}")
    return settling(run, todo)


def _rollback(run: Run, tell: Tell) -> Run:
    """Which members the journals name, the last one switched first."""
    settings, evidence = run.settings, run.evidence
    demand_agreement(settings.array, settings.members, run.heads, run.product.name)
    journals = {m: e.journal for m, e in evidence.items() if e.journal is not None}
    stuck = ("member.locked", "journal.unreadable")
    locked = [f for f in decide.member_findings(settings, evidence, {}) if f.id in stuck]
    if locked:
        raise Refused(f"Not taken back.\n  {lines_of(locked)}", findings=[f.to_dict() for f in locked])
    begun = records.OPEN | {"rolled"} | ({"done"} if settings.completed else set())
    # A run that died while it closed its journals has ended on some members only; it is taken back as a whole.
    runs = {j.run for j in journals.values() if j.state in begun}
    open_journals = {m: j for m, j in journals.items() if j.state in begun or j.run in runs}
    if not open_journals and any(j.state == "done" for j in journals.values()):
        tell("  | the last rollout ended; rollout_completed: true takes it back all the same")
    take_back = records.touched_order(open_journals, settings.members)
    emergency.demand_consent(settings, open_journals, take_back)
    rolled = [m for m in settings.members if (j := open_journals.get(m)) and j.roll and j.roll.state != "settled"]
    tell(f"  | to take back: {', '.join(take_back) or 'nothing'}")
    return taking_back(run, take_back, rolled)


# -- proof -------------------------------------------------------------------------------------------------------------


def prove_member(run: Run, member: str, rows: Sequence[Row] | None, tell: Tell) -> tuple[Run, str]:
    """Whether a member that was just switched serves what it should. ``rows``: its ports as they are now, if any."""
    after = run.ports({member: rows}, member) if rows is not None else None
    found = prove.prove(
        run.product,
        run.settings,
        {member: seen} if (seen := run.known.get(member)) else {},
        run.reasons,
        run.ports(run.before, member),
        after,
        trust_of(run.settings),
        (member,),
        only=member,
        mixed=mixed(run, member),
    )
    if after is not None and not stopping(found):
        judged = {port.address for port in after if port.leaf and port.member == member}
        tell(f"  | {member:<14} proven on {len(judged)} port(s)")
    return proved(run, member, found, not stopping(found)), _refusal(found)


def prove_all(run: Run, tell: Tell) -> tuple[Run, str]:
    """Whether every member serves what it should."""
    rolled = rolled_only(run)
    after = run.ports(run.after) if run.after is not None else None
    found = prove.prove(
        run.product,
        run.settings,
        run.evidence,
        run.reasons,
        run.ports(run.before),
        after,
        trust_of(run.settings),
        tuple(dict.fromkeys([*run.touched, *rolled])),
        rolled_only=[member for member in rolled if member not in run.touched],
    )
    if after is not None and not stopping(found):
        judged = {port.address for port in after if port.leaf and port.member in run.settings.members}
        tell(f"  | {'every member':<14} proven on {len(judged)} port(s)")
    return proved(run, None, found, not stopping(found)), _refusal(found)


def _refusal(found: Sequence[Finding]) -> str:
    return f"Not proven.\n  {lines_of(stopping(found))}" if stopping(found) else ""


def trust_of(settings: Settings) -> dict[str, tuple[Certificate, ...]]:
    """Use -> the roots its clients trust. Raises InputError where the list cannot be read."""
    names = {use: str(wanted.get("trust") or settings.trust) for use, wanted in settings.wanted.items()}
    lists = {name: load_trust(name) for name in set(names.values())}
    return {use: lists[name] for use, name in names.items()}
