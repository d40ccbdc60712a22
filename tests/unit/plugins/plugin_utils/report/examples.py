# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports as runs make them, for the tests and for looking at: one failing, one good, one member, forty members."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from ansible_collections.ucops.certificates.plugins.plugin_utils.array.verdict import (
    MemberFacts,
    WireFact,
    array_verdict,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.finding import Finding, finding
from ansible_collections.ucops.certificates.plugins.plugin_utils.report.report import (
    CHECKS,
    CertificateReport,
    GateReport,
    HostReport,
    MemberReport,
    Phase,
    Report,
    RollReport,
    UseReport,
    WireReport,
    checks,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.pictures import Chain, Link

NOW = datetime(2026, 11, 23, 2, 15, tzinfo=timezone.utc)
AV, ACCESS, DATA = "AudioVideoAuthentication", "AccessEdgeExternal", "DataEdgeExternal"
USES = (ACCESS, DATA, AV)


def sha1(name: str) -> str:
    """A stable thumbprint."""
    return hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest().upper()


def sha256(name: str) -> str:
    """A stable fingerprint."""
    return hashlib.sha256(name.encode()).hexdigest()


OLD, NEW = sha1("old"), sha1("new")


def link(subject: str, role: str, days: int) -> Link:
    """A link that expires so many days after NOW."""
    return Link(subject, sha1(subject), sha256(subject), NOW + timedelta(days=days), role)  # type: ignore[arg-type]


LEAF = link("sip.contoso.example", "leaf", 395)
ISSUER = link("Example Trust TLS Issuing CA G2", "intermediate", 1680)
POLICY = link("Example Trust Policy CA 2014", "intermediate", 2400)
ROOT = link("Example Trust Root Certificate Authority G2", "root", 4500)
OLD_ROOT = link("Example Class 2 Certification Authority", "root", 2700)

GOOD_CHAIN = Chain(USES, (LEAF, ISSUER, POLICY, ROOT))
BAD_CHAIN = Chain(USES, (LEAF,), (ISSUER.subject,), False)
CROSS = Chain(
    USES, (LEAF, ISSUER, link("Example Trust Root Certificate Authority G2 (cross)", "intermediate", 1900), OLD_ROOT)
)

CERTIFICATES = (
    CertificateReport(
        OLD,
        "CN=sip.contoso.example, O=Contoso, C=DE",
        ISSUER.subject,
        NOW - timedelta(days=357),
        NOW + timedelta(days=8),
        "old",
        USES,
        "4F00A1",
        sha256("old"),
        ("sip.contoso.example",),
    ),
    CertificateReport(
        NEW,
        "CN=sip.contoso.example, O=Contoso, C=DE",
        ISSUER.subject,
        NOW - timedelta(days=3),
        NOW + timedelta(days=395),
        "new",
        USES,
        "5A77C2",
        sha256("new"),
        ("sip.contoso.example", "webcon.contoso.example"),
    ),
)


def member(
    name: str,
    state: str,
    found: tuple[Finding, ...] = (),
    *,
    switched: bool = False,
    settled: bool = False,
    chains: tuple[Chain, ...] = (GOOD_CHAIN,),
    ran: tuple[str, ...] = CHECKS,
) -> MemberReport:
    """One member before or after the switch."""
    after = NEW if switched else OLD
    octet = int("".join(char for char in name if char.isdigit()) or 1)
    return MemberReport(
        name,
        state,  # type: ignore[arg-type]
        HostReport(name.upper(), "10.0.14393", "Lync Server 2013", "5.0.8308.1149", "5.1.14393.1", 0.4),
        checks(found, ran),
        {use: UseReport(OLD, OLD if use == AV and not settled else after, NEW) for use in USES},
        chains,
        tuple(
            WireReport(
                label, f"192.0.2.{10 + octet}", port, use, OLD, after if switched else None, True if switched else None
            )
            for label, port, use in (
                ("Access Edge", 443, ACCESS),
                ("Access Edge federation", 5061, ACCESS),
                ("Web Conferencing", 444, DATA),
            )
        ),
        RollReport("settled" if settled else "rolled", NOW + timedelta(hours=4), NEW, OLD) if switched else None,
        (
            "add Example Trust TLS Issuing CA G2 to LocalMachine\\CA",
            "import sip.contoso.example with its key to My",
            "roll AudioVideoAuthentication",
            "assign AccessEdgeExternal, DataEdgeExternal",
        ),
        found,
    )


def verdict(members: tuple[MemberReport, ...], excluded: dict[str, str] | None = None):  # type: ignore[no-untyped-def]
    """The verdict that fits the members."""
    facts = {
        one.name: None
        if one.state == "lost"
        else MemberFacts(
            {use: of.after or "" for use, of in one.uses.items()},
            {AV: NEW} if one.roll and one.roll.state == "rolled" else {},
            tuple(
                WireFact(f"{port.endpoint} {port.host}:{port.port}", port.use, port.after)
                for port in one.wire
                if port.after
            ),
        )
        for one in members
    }
    names = [one.name for one in members]
    return array_verdict(
        names,
        facts,
        {name: {use: NEW for use in USES} for name in names},
        {name: {use: OLD for use in USES} for name in names},
        excluded,
    )


def phases(*results: str) -> tuple[Phase, ...]:
    """The phases with their results."""
    names = ("preflight", "read", "stage", "gate", "roll", "switch", "prove", "report")
    return tuple(Phase(name, result) for name, result in zip(names, results, strict=True))  # type: ignore[arg-type]


def refused() -> Report:
    """Three members; one lacks an intermediate (it lies in an administrator's store), so the gate refuses."""
    found = (
        finding(
            "store.intermediate-missing",
            "edge2",
            ISSUER.subject,
            f"expected {ISSUER.subject} in LocalMachine\\CA, found it only in the CA store of EDGE2\\admin: "
            "partners would get a chain that stops at the server's own certificate",
            evidence={"thumbprint": ISSUER.thumbprint},
        ),
        finding(
            "chain.issuer-missing",
            "edge2",
            "CN=sip.contoso.example",
            f"issued by {ISSUER.subject} (key identifier 40:C2:BD:27:8E:CC:34:83), which is not in the machine's "
            "stores",
        ),
        finding(
            "tls.presented-incomplete",
            "edge2",
            "AccessEdgeExternal",
            "Schannel sent 1 certificate, the intended chain has 3 to send",
        ),
    )
    roots = [
        finding("store.too-many-roots", name, "LocalMachine\\Root", "312 certificates, at most 100 are advisable")
        for name in ("edge1", "edge3")
    ]
    ran = ("reachable", "store", "key", "chain", "tls", "product", "events")
    members = (
        member("edge1", "old", (roots[0],), ran=ran),
        member("edge2", "old", found, chains=(BAD_CHAIN,), ran=ran),
        member("edge3", "old", (roots[1],), ran=ran),
    )
    return Report(
        "20261123T021500Z-4f2a",
        "edge",
        "renew",
        "refused",
        NOW,
        NOW + timedelta(seconds=42),
        verdict(members),
        members,
        "ops",
        "jump1.contoso.example",
        "0.1.0",
        True,
        False,
        "edge2 would serve an incomplete chain: Example Trust TLS Issuing CA G2 is missing in "
        "LocalMachine\\CA. The old certificate is in use on all 3 members.",
        phases("ok", "ok", "ok", "refused", "skipped", "skipped", "skipped", "ok"),
        GateReport(False, ("edge1", "edge2", "edge3"), {one.name: sha256(one.name) for one in members}),
        CERTIFICATES,
    )


def renewed() -> Report:
    """Three members, all switched, the A/V successor rolled; a fourth is excluded."""
    members = tuple(member(f"edge{number}", "new", switched=True, chains=(GOOD_CHAIN, CROSS)) for number in (1, 2, 3))
    roll = RollReport("rolled", NOW + timedelta(hours=4), NEW, OLD)
    excluded = {"edge4": "mainboard, ticket 4711"}
    return Report(
        "20261123T021500Z-9c1d",
        "edge",
        "renew",
        "ok",
        NOW,
        NOW + timedelta(minutes=14),
        verdict(members, excluded),
        members,
        "ops",
        "jump1.contoso.example",
        "0.1.0",
        True,
        False,
        "",
        phases(*["ok"] * 8),
        GateReport(True, ("edge1", "edge2", "edge3")),
        CERTIFICATES,
        roll,
        excluded,
        (finding("roll.pending", "edge", AV, "the successor is in force on all members from 06:15 UTC"),),
    )


def one() -> Report:
    """A single server, nothing to do."""
    members = (member("edge1.branch.contoso.example", "new", switched=True, settled=True),)
    return replace(
        renewed(),
        run="20261123T021500Z-0001",
        array="branch",
        finished=NOW + timedelta(seconds=9),
        verdict=verdict(members),
        members=members,
        changed=False,
        phases=phases("ok", "ok", *["skipped"] * 5, "ok"),
        gate=None,
        certificates=CERTIFICATES[1:],
        roll=None,
        excluded={},
        findings=(),
    )


def forty() -> Report:
    """Forty members; one was lost in the middle of its switch, one shows the session key event."""
    everything = [member(f"edge{number:02}", "new", switched=True) for number in range(1, 20)]
    lost = (finding("member.lost", "edge20", "edge20", "the connection broke in the middle of its switch"),)
    event = (finding("event.session-key", "edge07", "LS Protocol Stack", "failed to import a shared session key"),)
    everything[6] = member("edge07", "new", event, switched=True)
    everything.append(MemberReport("edge20", "lost", checks=checks(lost, ()), findings=lost))
    everything += [member(f"edge{number:02}", "old", ran=CHECKS[:6]) for number in range(21, 41)]
    members = tuple(everything)
    return replace(
        renewed(),
        run="20261123T021500Z-0040",
        array="edge-all",
        result="failed",
        finished=NOW + timedelta(hours=2),
        verdict=verdict(members),
        members=members,
        phases=phases(*["ok"] * 5, "failed", "skipped", "ok"),
        excluded={},
        findings=(),
    )
