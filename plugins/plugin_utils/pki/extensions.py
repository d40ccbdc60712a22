# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the extensions of a certificate say, each read by itself. Meaning: RFC 5280, section 4.2."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from . import der, dn

SUBJECT_KEY_ID, KEY_USAGE, ALTERNATIVE_NAMES, BASIC_CONSTRAINTS = "2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19"
NAME_CONSTRAINTS, AUTHORITY_KEY_ID, EXTENDED_USAGE = "2.5.29.30", "2.5.29.35", "2.5.29.37"
AUTHORITY_INFORMATION = "1.3.6.1.5.5.7.1.1"
CA_ISSUERS = "1.3.6.1.5.5.7.48.2"

SERVER_AUTH, CLIENT_AUTH, ANY_USAGE = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "2.5.29.37.0"

KEY_USAGES = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
              "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")  # fmt: skip
"""Names of the key usage bits, in the order of the bits."""

GENERAL_NAMES = ("other", "email", "dns", "x400", "directory", "edi", "uri", "ip", "registered-id")
"""Names of the GeneralName choices, in the order of their tags."""

DISPLAY_STRINGS = ("email", "dns", "uri")


@dataclass(frozen=True)
class Extension:
    """One extension as it stands in the certificate."""

    oid: str
    """Dotted object identifier."""
    critical: bool
    """Whether who does not understand it must refuse the certificate."""
    value: bytes
    """The DER inside the octet string."""


@dataclass(frozen=True)
class GeneralName:
    """One alternative name, or the base of a name constraint."""

    kind: str
    """One of GENERAL_NAMES."""
    value: str
    """Text of email, dns, uri; address or network of ip; readable form of directory; else hexadecimal."""
    raw: bytes
    """Content octets; the encoded name for ``directory``."""


@dataclass(frozen=True)
class NameConstraints:
    """What a CA may issue for."""

    permitted: tuple[GeneralName, ...]
    """For each kind that occurs here, names of that kind must be in one of these."""
    excluded: tuple[GeneralName, ...]
    """Names in one of these are forbidden."""


def parse_all(sequence: der.Node) -> Iterator[Extension]:
    """The extensions of an Extensions sequence. Raises DerError."""
    for node in sequence.parts():
        parts = node.parts()
        critical = len(parts) == 3 and der.boolean(parts[1])
        if len(parts) not in (2, 3) or parts[-1].tag != der.OCTET_STRING:
            raise DerExtension("an extension is not made of identifier, criticality and value")
        yield Extension(der.oid(parts[0]), critical, parts[-1].content)


class DerExtension(der.DerError):
    """An extension is not built as RFC 5280 says."""


def basic_constraints(value: bytes) -> tuple[bool, int | None]:
    """(may issue certificates, how many intermediates may follow or None for any). Raises DerError."""
    parts = der.read(value).parts()
    is_ca = bool(parts) and parts[0].tag == der.BOOLEAN and der.boolean(parts[0])
    lengths = [der.integer(node) for node in parts if node.tag == der.INTEGER]
    if lengths and lengths[0] < 0:
        raise DerExtension("a negative path length")
    return is_ca, lengths[0] if lengths else None


def key_usage(value: bytes) -> frozenset[str]:
    """Names out of KEY_USAGES. Raises DerError."""
    octets = der.bits(der.read(value))
    return frozenset(
        name for place, name in enumerate(KEY_USAGES)
        if place // 8 < len(octets) and octets[place // 8] & 0x80 >> place % 8
    )  # fmt: skip


def extended_usage(value: bytes) -> frozenset[str]:
    """Dotted identifiers of the purposes. Raises DerError."""
    return frozenset(der.oid(node) for node in der.read(value).parts())


def subject_key_id(value: bytes) -> bytes:
    """The key identifier. Raises DerError."""
    node = der.read(value)
    if node.tag != der.OCTET_STRING:
        raise DerExtension("a subject key identifier that is not an octet string")
    return node.content


def authority_key_id(value: bytes) -> bytes | None:
    """The issuer's key identifier; None when issuer and serial number alone are given. Raises DerError."""
    return next((node.content for node in der.read(value).parts() if node.tag == 0x80), None)


def general_names(sequence: der.Node) -> tuple[GeneralName, ...]:
    """All names of a GeneralNames sequence. Raises DerError."""
    return tuple(general_name(node) for node in sequence.parts())


def general_name(node: der.Node) -> GeneralName:
    """One name. Raises DerError for a choice that does not exist or an address of impossible length."""
    choice = node.tag & 0x1F
    if node.tag & 0xC0 != 0x80 or choice >= len(GENERAL_NAMES):
        raise DerExtension(f"no such kind of name: ASN.1 tag 0x{node.tag:02x}")
    kind, content = GENERAL_NAMES[choice], node.content
    if kind == "directory":
        return GeneralName(kind, dn.text(content), content)
    if kind == "ip":
        return GeneralName(kind, _address(content), content)
    value = content.decode("latin-1") if kind in DISPLAY_STRINGS else content.hex()
    return GeneralName(kind, value, content)


def _address(content: bytes) -> str:
    half = len(content) // 2
    if len(content) in (4, 16):
        return str(ipaddress.ip_address(content))
    if len(content) in (8, 32):
        return f"{ipaddress.ip_address(content[:half])}/{ipaddress.ip_address(content[half:])}"
    raise DerExtension(f"an IP address of {len(content)} octets")


def name_constraints(value: bytes) -> NameConstraints:
    """Permitted and excluded subtrees. Raises DerError, also for the minimum and maximum that RFC 5280 forbids."""
    subtrees: dict[int, tuple[GeneralName, ...]] = {}
    for node in der.read(value).parts():
        subtrees[node.tag] = tuple(_subtree(child) for child in node.children())
    if set(subtrees) - {0xA0, 0xA1}:
        raise DerExtension("name constraints that are neither permitted nor excluded")
    return NameConstraints(subtrees.get(0xA0, ()), subtrees.get(0xA1, ()))


def _subtree(node: der.Node) -> GeneralName:
    base, *distances = node.parts()
    if any(der.integer(distance) != 0 or distance.tag != 0x80 for distance in distances):
        raise DerExtension("a name constraint with a minimum or maximum distance")
    return general_name(base)


def ca_issuers(value: bytes) -> tuple[str, ...]:
    """Where the issuer's certificate may be fetched (never fetched here). Raises DerError."""
    found = []
    for node in der.read(value).parts():
        method, place = node.parts()
        if der.oid(method) == CA_ISSUERS and place.tag == 0x86:
            found.append(place.content.decode("latin-1"))
    return tuple(found)
