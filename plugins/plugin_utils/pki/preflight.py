# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would go wrong with a bundle, told before any server is touched. Pure; the instant is passed in.

Severity and remedy of each id stand in the catalogue of findings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from . import extensions, names
from .bundle import Bundle
from .certificate import Certificate
from .chain import Path, chain_paths
from .errors import PkiFinding
from .pfx import MAX_FRIENDLY_NAME
from .rules import PURPOSES, stamp
from .signatures import is_self_signed, weak_key, weak_signature

__all__ = ["PkiFinding", "check_bundle", "check_chain", "check_leaf", "check_roots"]


def check_leaf(
    bundle: Bundle,
    at: datetime,
    *,
    required: Iterable[str] = (),
    current: Certificate | None = None,
    sha512: bool = True,
    wildcards: bool = True,
    soon: timedelta | None = None,
) -> tuple[PkiFinding, ...]:
    """The server's certificate by itself.

    :param at: the instant to judge at, aware.
    :param required: DNS names that it must cover.
    :param current: the certificate in use, which must be older.
    :param sha512: whether every member can use SHA-512 signatures; Windows before Server 2016 cannot.
    :param wildcards: whether the product supports them; Lync Server does not.
    :param soon: warn when it expires within this time.
    """
    leaf = bundle.leaf
    found = [*_dates(leaf, at, current, soon), *_kind(leaf), *_names(leaf, required, wildcards)]
    if not sha512:
        found += _sha512((leaf, *bundle.intermediates))
    return tuple(found)


def check_bundle(
    bundle: Bundle,
    at: datetime,
    friendly_name: str | None = None,
    *,
    trust: Sequence[Certificate] | None = None,
    required: Iterable[str] = (),
    current: Certificate | None = None,
    sha512: bool = True,
    wildcards: bool = True,
    soon: timedelta | None = None,
) -> tuple[PkiFinding, ...]:
    """Everything of :func:`check_leaf`, and the friendly name, and the chain.

    :param friendly_name: what it is to be called on Windows; fewer than 64 characters.
    :param trust: what the clients trust; the chain must be complete up to one of these with nothing but the
        intermediates of the bundle. None leaves the chain unjudged.
    """
    found = [*check_leaf(
        bundle, at, required=required, current=current, sha512=sha512, wildcards=wildcards, soon=soon
    )]  # fmt: skip
    if friendly_name is not None and len(friendly_name) > MAX_FRIENDLY_NAME:
        text = f"expected a friendly name of at most {MAX_FRIENDLY_NAME} characters, found {len(friendly_name)}"
        found.append(PkiFinding("friendly-name.too-long", bundle.leaf.subject, text))
    if trust is not None:
        found += check_chain(bundle, at, trust)
    return tuple(found)


def check_chain(bundle: Bundle, at: datetime, trust: Sequence[Certificate]) -> tuple[PkiFinding, ...]:
    """Whether the bundle's own intermediates lead to one of the trusted certificates, with nothing else at hand."""
    best = chain_paths(bundle.leaf, (*bundle.intermediates, *bundle.roots), trust, at, "server")[0]
    return () if best.ok else tuple(_incomplete(bundle, best))


def _incomplete(bundle: Bundle, path: Path) -> Iterator[PkiFinding]:
    if path.anchor is None:
        reasons = "; ".join(f"{finding.subject}: {finding.text}" for finding in path.findings)
        text = f"expected a chain from the delivery to a trusted root, found none in {bundle.source!r}: {reasons}"
        yield PkiFinding("chain.incomplete", bundle.leaf.subject, text)
    for finding in path.findings:
        yield PkiFinding(finding.id, finding.subject, finding.text)


def check_roots(offered: Iterable[Certificate]) -> tuple[PkiFinding, ...]:
    """Certificates that are to go into the Root store: only self-signed ones may.

    A certificate there that is not self-signed breaks mutual TLS of Lync (Microsoft KB2795828).
    """
    return tuple(
        PkiFinding("chain.intermediate-as-root", certificate.subject,
                   f"expected a self-signed certificate, found one issued by {certificate.issuer}")
        for certificate in offered if not is_self_signed(certificate)
    )  # fmt: skip


def _dates(
    leaf: Certificate, at: datetime, current: Certificate | None, soon: timedelta | None
) -> Iterator[PkiFinding]:
    if at < leaf.not_before:
        text = f"expected to be valid at {stamp(at)}, found valid only from {stamp(leaf.not_before)}"
        yield PkiFinding("leaf.not-yet-valid", leaf.subject, text)
    if at > leaf.not_after:
        text = f"expected to be valid at {stamp(at)}, found expired since {stamp(leaf.not_after)}"
        yield PkiFinding("leaf.expired", leaf.subject, text)
    elif soon is not None and leaf.not_after - at < soon:
        yield PkiFinding("leaf.expires-soon", leaf.subject, f"expires at {stamp(leaf.not_after)}")
    if current is not None and current != leaf and leaf.not_before <= current.not_before:
        text = (
            f"expected to be newer than the one in use (serial {current.serial_hex}, {stamp(current.not_before)}), "
            f"found valid from {stamp(leaf.not_before)}"
        )
        yield PkiFinding("leaf.older-than-current", leaf.subject, text)


def _kind(leaf: Certificate) -> Iterator[PkiFinding]:
    if leaf.is_ca:
        yield PkiFinding("leaf.is-ca", leaf.subject, "expected a server's certificate, found one of a CA")
    if leaf.key_type != "rsa":
        yield PkiFinding("leaf.key-type", leaf.subject, f"expected an RSA key, found {leaf.key_type}")
    if weak_key(leaf):
        text = f"expected a key of 2048 bits or more, found {leaf.key_bits}"
        yield PkiFinding("leaf.key-weak", leaf.subject, text)
    if weak_signature(leaf):
        text = f"expected a SHA-256 signature, found {leaf.signature_hash}"
        yield PkiFinding("leaf.weak-signature", leaf.subject, text)
    usage = leaf.extended_usage
    if usage is not None and not usage & PURPOSES["server"]:
        have = ", ".join(sorted(usage)) or "nothing"
        text = f"expected server authentication ({extensions.SERVER_AUTH}), found only {have}"
        yield PkiFinding("leaf.no-server-auth", leaf.subject, text)


def _names(leaf: Certificate, required: Iterable[str], wildcards: bool) -> Iterator[PkiFinding]:
    have = names.names_of(leaf)
    missing = names.missing_names(have, required)
    if missing:
        shown = ", ".join(have) or "nothing"
        text = f"expected the names that the members are configured for, found no {', '.join(missing)} among {shown}"
        yield PkiFinding("names.missing", leaf.subject, text)
    if not wildcards and names.has_wildcard(have):
        found = ", ".join(name for name in have if names.is_wildcard(name))
        text = f"expected names without wildcards, found {found}"
        yield PkiFinding("names.wildcard", leaf.subject, text)
    odd = [name for name in have if not names.valid_dns_name(name, wildcard=True)]
    if odd:
        text = f"expected host names, found {', '.join(repr(name) for name in odd[:5])}"
        yield PkiFinding("names.invalid", leaf.subject, text)


def _sha512(chain: Iterable[Certificate]) -> Iterator[PkiFinding]:
    """Roots are left out: nobody looks at their signature."""
    for certificate in chain:
        if certificate.signature_hash == "sha512":
            text = "expected a SHA-256 signature for members before Windows Server 2016, found SHA-512"
            yield PkiFinding("leaf.sha512", certificate.subject, text)
