# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a certificate in its place of a chain: each rule by itself, each finding with a stable id.

RFC 5280, section 6, as lenient as Windows is with what it daily meets (a root without key usage, version 1 roots,
serial number 0, no key identifiers), and as strict as current clients are with hashes and key lengths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from . import constraints, extensions
from .certificate import Certificate
from .signatures import weak_key, weak_signature

UNDERSTOOD = frozenset({
    extensions.SUBJECT_KEY_ID, extensions.KEY_USAGE, extensions.ALTERNATIVE_NAMES, extensions.BASIC_CONSTRAINTS,
    extensions.NAME_CONSTRAINTS, extensions.AUTHORITY_KEY_ID, extensions.EXTENDED_USAGE,
    extensions.AUTHORITY_INFORMATION,
    "2.5.29.18", "2.5.29.16", "2.5.29.31", "2.5.29.46",  # issuer alternative names, key period, revocation lists
    "2.5.29.32", "2.5.29.33", "2.5.29.36", "2.5.29.54",  # policies: no particular one is asked for
    "2.16.840.1.113730.1.1", "1.3.6.1.5.5.7.1.24",  # Netscape type, TLS feature
    "1.3.6.1.4.1.311.20.2", "1.3.6.1.4.1.311.21.1", "1.3.6.1.4.1.311.21.2", "1.3.6.1.4.1.311.21.7",
    "1.3.6.1.4.1.311.21.10",  # what Windows' own CA adds: template, CA version, previous hash, application policies
})  # fmt: skip
"""Extensions that may be critical without making the chain unusable."""

PURPOSES = {
    "server": frozenset({extensions.SERVER_AUTH, extensions.ANY_USAGE,
                         "1.3.6.1.4.1.311.10.3.3", "2.16.840.1.113730.4.1"}),
    "client": frozenset({extensions.CLIENT_AUTH, extensions.ANY_USAGE}),
}  # fmt: skip
"""Extended key usages that allow a purpose; the two long ones are the server-gated cryptography of old CAs."""

LEAF_KEY_USAGES = {
    "server": frozenset({"digital_signature", "key_encipherment", "key_agreement"}),
    "client": frozenset({"digital_signature", "key_agreement"}),
}
"""One of these is needed where key usage is restricted."""


@dataclass(frozen=True)
class ChainFinding:
    """One thing that is wrong with a path."""

    id: str
    """Stable id, such as ``chain.expired``."""
    depth: int
    """Place of the certificate in the path; 0 is the leaf."""
    subject: str
    """Readable subject of that certificate."""
    text: str
    """One sentence: what was found, what was expected."""


def alone(
    certificate: Certificate, depth: int, at: datetime, purpose: str | None, anchor: bool
) -> Iterator[ChainFinding]:
    """What is wrong with a certificate at ``depth``, whatever the others of the path are.

    :param anchor: it is trusted by itself, so that nobody looks at its signature.
    """

    def finding(id: str, text: str) -> ChainFinding:
        return ChainFinding(f"chain.{id}", depth, certificate.subject, text)

    for problem in certificate.malformed:
        yield finding("malformed", f"malformed: {problem}")
    if at < certificate.not_before:
        yield finding("not-yet-valid", f"valid from {stamp(certificate.not_before)}; judged at {stamp(at)}")
    if at > certificate.not_after:
        yield finding("expired", f"valid until {stamp(certificate.not_after)}; judged at {stamp(at)}")
    if weak_key(certificate):
        yield finding("weak-key", f"its {certificate.key_type.upper()} key has only {certificate.key_bits} bits")
    if not anchor and weak_signature(certificate):
        yield finding("weak-signature", f"signed with {certificate.signature_hash}, which current clients refuse")
    for extension in certificate.all_extensions:
        if extension.critical and extension.oid not in UNDERSTOOD:
            yield finding("unknown-critical", f"its critical extension {extension.oid} is not known here")
    if depth:
        yield from _issuer(certificate, anchor, finding)
    elif purpose and certificate.key_usage is not None and not certificate.key_usage & LEAF_KEY_USAGES[purpose]:
        have = ", ".join(sorted(certificate.key_usage)) or "nothing"
        yield finding("key-usage", f"its key may be used for {have}, which is not enough for a TLS {purpose}")
    if purpose and certificate.extended_usage is not None and not certificate.extended_usage & PURPOSES[purpose]:
        have = ", ".join(sorted(certificate.extended_usage)) or "nothing"
        yield finding("usage", f"limited to other purposes than {purpose} authentication ({have})")


def _issuer(
    certificate: Certificate, anchor: bool, finding: Callable[[str, str], ChainFinding]
) -> Iterator[ChainFinding]:
    if not certificate.body.subject[2:]:
        yield finding("malformed", "malformed: it issued the certificate below it, but has no name")
    # A version 1 certificate has no extensions to say what it is; as a root it is trusted by decision, not by them.
    if not certificate.is_ca and not (anchor and certificate.body.version < 3):
        why = "say that it is none" if certificate.basic_constraints else "are missing"
        yield finding("not-a-ca", f"issued the certificate below it, but is no CA (basic constraints {why})")
    if certificate.key_usage is not None and "key_cert_sign" not in certificate.key_usage:
        yield finding("key-usage", "issued the certificate below it, but its key may not be used to sign certificates")


def disallowed(
    issuer: Certificate, below: Sequence[Certificate], budget: constraints.ComparisonLimit
) -> Iterator[ChainFinding]:
    """What ``issuer`` does not allow of the certificates ``below`` it (leaf first).

    Self-issued intermediates (a CA's key renewal) do not count towards the path length, and their names are free.
    """
    depth = len(below)
    between = [certificate for certificate in below[1:] if not certificate.self_issued]
    limit = issuer.path_length
    if limit is not None and len(between) > limit:
        text = f"allows {limit} CA certificate(s) below it, there are {len(between)}"
        yield ChainFinding("chain.path-length", depth, issuer.subject, text)
    if issuer.name_constraints is None:
        return
    for place, certificate in enumerate(below):
        if place and certificate.self_issued:
            continue
        if not budget.spend(constraints.comparisons(issuer.name_constraints, certificate)):
            text = f"too many names to compare with the name constraints of {issuer.subject}; not judged"
            yield ChainFinding("chain.too-many", place, certificate.subject, text)
            continue
        for violation in constraints.violations(issuer.name_constraints, certificate, is_leaf=place == 0):
            text = f"{violation} by the name constraints of {issuer.subject}"
            yield ChainFinding("chain.name-constraint", place, certificate.subject, text)


def stamp(at: datetime) -> str:
    """An instant for people, UTC, to the second."""
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")
