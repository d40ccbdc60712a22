# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Distinguished names: as a sentence for people, and as a key that two spellings of one name share.

Two names are the same when they are equal after case folding and with spaces collapsed (RFC 5280, section 7.1),
whatever string type each is encoded in. Issuers are found by that key, not by the bytes alone.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from . import der

ATTRIBUTES = {
    "2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST",
    "2.5.4.9": "street", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.12": "title", "2.5.4.15": "businessCategory",
    "2.5.4.17": "postalCode", "2.5.4.42": "GN", "2.5.4.46": "dnQualifier", "2.5.4.97": "organizationIdentifier",
    "0.9.2342.19200300.100.1.1": "UID", "0.9.2342.19200300.100.1.25": "DC", "1.2.840.113549.1.9.1": "emailAddress",
    "1.3.6.1.4.1.311.60.2.1.1": "jurisdictionL", "1.3.6.1.4.1.311.60.2.1.2": "jurisdictionST",
    "1.3.6.1.4.1.311.60.2.1.3": "jurisdictionC",
}  # fmt: skip
"""Short names of attribute types, as OpenSSL and RFC 4514 write them."""

COMMON_NAME = "2.5.4.3"

Attribute = tuple[str, str]
"""Dotted type and text of one attribute."""

_ENCODINGS = {0x0C: "utf-8", 0x13: "ascii", 0x16: "ascii", 0x14: "latin-1", 0x1E: "utf-16-be", 0x1C: "utf-32-be",
              0x12: "ascii", 0x1A: "ascii", 0x1B: "latin-1"}  # fmt: skip


@lru_cache(maxsize=4096)
def parse(raw: bytes) -> tuple[tuple[Attribute, ...], ...]:
    """The relative distinguished names of an encoded name, in the order of the encoding. Raises DerError."""
    return tuple(tuple(_attribute(pair) for pair in rdn.parts(der.SET)) for rdn in der.read(raw).parts())


def _attribute(pair: der.Node) -> Attribute:
    parts = pair.parts()
    if len(parts) != 2:
        raise der.DerError("an attribute of a name is not made of type and value")
    return der.oid(parts[0]), string(parts[1])


def string(node: der.Node) -> str:
    """The text of any ASN.1 string; what cannot be decoded by its own type is shown octet by octet (Latin-1)."""
    encoding = _ENCODINGS.get(node.tag)
    if encoding is None:
        return "#" + node.raw.hex()
    try:
        return node.content.decode(encoding)
    except UnicodeDecodeError:
        return node.content.decode("latin-1")


def text(raw: bytes) -> str:
    """Readable form, most specific part first: ``CN=sip.contoso.example, O=Contoso, C=US`` (RFC 4514 with spaces).

    Characters that do not print are escaped, so that foreign input cannot forge a line of output.
    """
    try:
        names = parse(raw)
    except der.DerError:
        return f"(unreadable name {raw[:32].hex()})"
    shown = (" + ".join(f"{ATTRIBUTES.get(kind, kind)}={escape(value)}" for kind, value in rdn) for rdn in names[::-1])
    return ", ".join(shown) or "(empty name)"


WINDOWS_ATTRIBUTES = {
    **ATTRIBUTES, "2.5.4.8": "S", "2.5.4.5": "SERIALNUMBER", "2.5.4.9": "STREET", "2.5.4.12": "T", "2.5.4.42": "G",
    "1.2.840.113549.1.9.1": "E",
}  # fmt: skip
"""Short names as Windows writes them (Microsoft, CertNameToStr)."""


def windows_text(raw: bytes) -> str:
    """The name as .NET on Windows prints it: most specific part first, quoted where a character asks for it.

    Microsoft, CertNameToStr: values with a comma, plus, equals sign, quote, angle brackets, semicolon, number sign,
    line feed or blanks at an end are put in quotes, and quotes in them are doubled.
    """

    def shown(kind: str, value: str) -> str:
        label = WINDOWS_ATTRIBUTES.get(kind) or f"OID.{kind}"
        quoted = not value or value != value.strip() or any(character in ',+="<>;#\n' for character in value)
        return f'{label}="{value.replace(chr(34), chr(34) * 2)}"' if quoted else f"{label}={value}"

    return ", ".join(" + ".join(shown(*pair) for pair in rdn) for rdn in parse(raw)[::-1])


def escape(value: str) -> str:
    """RFC 4514 escaping, and hexadecimal for everything that does not print."""
    shown = "".join(_escape(character) for character in value)
    if shown.startswith((" ", "#")):
        shown = "\\" + shown
    return shown[:-1] + "\\ " if shown.endswith(" ") and not shown.endswith("\\ ") else shown


def _escape(character: str) -> str:
    if character in ',+"\\<>;':
        return "\\" + character
    if character.isprintable():
        return character
    return "".join(f"\\{octet:02X}" for octet in character.encode("utf-8", "surrogatepass"))


def common_name(raw: bytes) -> str | None:
    """The most specific common name, unescaped; None when there is none or the name is unreadable."""
    try:
        values = [value for rdn in parse(raw) for kind, value in rdn if kind == COMMON_NAME]
    except der.DerError:
        return None
    return values[-1] if values else None


@lru_cache(maxsize=16384)
def key(raw: bytes) -> bytes:
    """What two encodings of one name have in common (RFC 5280, section 7.1); unreadable names equal only themselves."""
    try:
        return repr(folded(raw)).encode("utf-8", "surrogatepass")
    except der.DerError:
        return raw


@lru_cache(maxsize=4096)
def folded(raw: bytes) -> tuple[tuple[Attribute, ...], ...]:
    """The name with every value folded and the parts of a multi-valued RDN sorted. Raises DerError."""
    return tuple(tuple(sorted((kind, fold(value)) for kind, value in rdn)) for rdn in parse(raw))


def fold(value: str) -> str:
    """Case folded, compatibility forms made one, runs of white space made one space."""
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())
