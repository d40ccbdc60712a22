# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Name constraints: may a CA issue for these names? RFC 5280, section 4.2.1.10; where it is silent, as OpenSSL does."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from . import der, dn
from .certificate import Certificate
from .extensions import GeneralName, NameConstraints
from .names import valid_dns_name

EMAIL_ATTRIBUTE = "1.2.840.113549.1.9.1"


class ComparisonLimit:
    """How many comparisons of names may be made: a certificate can bring thousands, its issuer as many constraints."""

    def __init__(self, left: int) -> None:
        self.left = left

    def spend(self, comparisons: int) -> bool:
        """Whether so many more may be made; they are counted when they may."""
        allowed = comparisons <= self.left
        self.left -= comparisons if allowed else 0
        return allowed


def comparisons(constraints: NameConstraints, certificate: Certificate) -> int:
    """How much work it is to hold the certificate's names against the constraints, at most."""
    subject = 8  # attributes of a subject; certificates with more of them do not occur
    return (len(certificate.alternative_names) + subject) * (len(constraints.permitted) + len(constraints.excluded))


def violations(constraints: NameConstraints, certificate: Certificate, is_leaf: bool) -> Iterator[str]:
    """One sentence for each name of ``certificate`` that ``constraints`` do not allow."""
    for name in constrained_names(certificate, is_leaf):
        excluded = [base for base in constraints.excluded if base.kind == name.kind and _within(name, base, True)]
        if excluded:
            yield f"{name.kind} name {shown(name)} is excluded ({shown(excluded[0])})"
        permitted = [base for base in constraints.permitted if base.kind == name.kind]
        if permitted and not any(_within(name, base, False) for base in permitted):
            yield f"{name.kind} name {shown(name)} is not within {', '.join(shown(base) for base in permitted)}"


def shown(name: GeneralName) -> str:
    """A name for people; foreign input cannot forge a line of output."""
    return repr(name.value)


def constrained_names(certificate: Certificate, is_leaf: bool) -> Iterator[GeneralName]:
    """Alternative names, the subject, and where there are no alternative names of that kind what the subject says."""
    yield from certificate.alternative_names
    kinds = {name.kind for name in certificate.alternative_names}
    try:
        attributes = [pair for rdn in dn.parse(certificate.subject_raw) for pair in rdn]
    except der.DerError:
        return
    if attributes:
        yield GeneralName("directory", certificate.subject, certificate.subject_raw)
    if "email" not in kinds:
        for kind, value in attributes:
            if kind == EMAIL_ATTRIBUTE:
                yield GeneralName("email", value, value.encode())
    if is_leaf and "dns" not in kinds:
        for kind, value in attributes:
            if kind == dn.COMMON_NAME and "." in value and valid_dns_name(value, wildcard=True):
                yield GeneralName("dns", value, value.encode())


def _within(name: GeneralName, base: GeneralName, excluding: bool) -> bool:
    """Whether a name lies in a subtree. What cannot be told is within the excluded, outside the permitted."""
    if name.kind == "dns":
        return _dns(name.value, base.value, excluding)
    if name.kind == "email":
        return _email(name.value, base.value)
    if name.kind == "uri":
        host = _host(name.value)
        return excluding if host is None else _domain(host, base.value, exact=True)
    if name.kind == "ip":
        return _ip(name, base)
    if name.kind == "directory":
        return _directory(name.raw, base.raw, excluding)
    return excluding


def _dns(name: str, base: str, excluding: bool) -> bool:
    """A wildcard is within an excluded name that it could stand for, so that it cannot be used to get around it."""
    plain, root = name.lower().removesuffix("."), base.lower().removesuffix(".")
    if _domain(plain, root, exact=False):
        return True
    return excluding and plain.startswith("*.") and not root.startswith(".") and root.partition(".")[2] == plain[2:]


def _domain(host: str, base: str, exact: bool) -> bool:
    """``exact``: a base without a leading dot means that host only (URI, mail); else the domain and all below it."""
    host, base = host.lower(), base.lower()
    if not base:
        return True
    if base.startswith("."):
        return host.endswith(base) and len(host) > len(base)
    return host == base or not exact and host.endswith("." + base)


def _email(name: str, base: str) -> bool:
    local, _at, host = name.rpartition("@")
    if "@" in base:
        base_local, _at, base_host = base.rpartition("@")
        return local == base_local and host.lower() == base_host.lower()
    return _domain(host, base, exact=True)


def _host(uri: str) -> str | None:
    """The host name of a URI; None when it has none or an address instead, which no constraint can be applied to."""
    try:
        host = urlsplit(uri).hostname
    except ValueError:
        return None
    if not host:
        return None
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host
    return None


def _ip(name: GeneralName, base: GeneralName) -> bool:
    size = len(name.raw)
    network, mask = base.raw[:size], base.raw[size:]
    if len(base.raw) != 2 * size:
        return False
    return all(mine & bits == theirs & bits for mine, theirs, bits in zip(name.raw, network, mask, strict=True))


def _directory(name: bytes, base: bytes, excluding: bool) -> bool:
    try:
        have, want = dn.folded(name), dn.folded(base)
    except der.DerError:
        return excluding
    return have[: len(want)] == want
