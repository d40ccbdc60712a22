# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One certificate, read leniently: whatever lies in a Windows store can be looked at, and what is odd about it is told.

Everything is read on first use: a store with thousands of certificates costs no more than those that are looked at.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from typing import TypeVar

from ..errors import CollectionError
from . import algorithms, der, dn, extensions, outline

T = TypeVar("T")

PEM = re.compile(rb"-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----([^-]*)-----END \1-----")

LONG_AGO = datetime(1, 1, 1, tzinfo=timezone.utc)
"""Stands in for a date that cannot be read, so that the certificate counts as expired."""


HINTS = frozenset(
    f"extension {oid}"
    for oid in (extensions.SUBJECT_KEY_ID, extensions.AUTHORITY_KEY_ID, extensions.AUTHORITY_INFORMATION)
)
"""Extensions that only help to find an issuer: unreadable ones do not make a certificate unusable."""


class CertificateError(CollectionError, ValueError):
    """The bytes are no certificate at all."""


@dataclass(frozen=True)
class Certificate:
    """A certificate. Equal when the bytes are equal. Make it with :func:`load_der`."""

    der: bytes = field(repr=False)
    """The whole certificate."""
    body: outline.Body = field(repr=False, compare=False)
    """Its parts."""

    def __repr__(self) -> str:
        return f"<Certificate {self.subject!r} {self.thumbprint}>"

    @cached_property
    def thumbprint(self) -> str:
        """SHA-1 of the certificate, upper-case hexadecimal, as Windows names it."""
        return hashlib.sha1(self.der, usedforsecurity=False).hexdigest().upper()

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the certificate, lower-case hexadecimal: what everything is compared by."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def subject_raw(self) -> bytes:
        """The encoded subject."""
        return self.body.subject

    @property
    def issuer_raw(self) -> bytes:
        """The encoded issuer."""
        return self.body.issuer

    @cached_property
    def subject(self) -> str:
        """Readable subject, most specific part first."""
        return dn.text(self.body.subject)

    @cached_property
    def issuer(self) -> str:
        """Readable issuer, most specific part first."""
        return dn.text(self.body.issuer)

    @cached_property
    def common_name(self) -> str | None:
        """The most specific common name of the subject."""
        return dn.common_name(self.body.subject)

    @property
    def serial(self) -> int:
        """Serial number; 0 and negative ones occur."""
        return int.from_bytes(self.body.serial, "big", signed=True)

    @property
    def serial_hex(self) -> str:
        """Serial number as Windows prints it: the encoded octets, upper-case hexadecimal, a leading 00 kept."""
        return self.body.serial.hex().upper()

    @cached_property
    def not_before(self) -> datetime:
        """First instant of validity, UTC."""
        return self._try(lambda: outline.instant(self.body.validity.parts()[0]), LONG_AGO, "validity")

    @cached_property
    def not_after(self) -> datetime:
        """Last instant of validity, UTC."""
        return self._try(lambda: outline.instant(self.body.validity.parts()[1]), LONG_AGO, "validity")

    @cached_property
    def signature_algorithm(self) -> algorithms.Signature:
        """How it was signed."""
        unknown = algorithms.Signature("", None, None)
        return self._try(lambda: algorithms.signature(self.body.algorithm), unknown, "signature algorithm")

    @property
    def signature_hash(self) -> str | None:
        """``sha256``, ``sha512``, ``sha1``, ``md5`` ...; None when there is none (Ed25519) or it is unknown."""
        return self.signature_algorithm.hash

    @cached_property
    def _key(self) -> tuple[str, int]:
        return self._try(lambda: algorithms.public_key(self.body.spki), ("unknown", 0), "public key")

    @property
    def key_type(self) -> str:
        """``rsa``, ``ec``, ``ed25519`` ...; a dotted identifier when it has no name here."""
        return self._key[0]

    @property
    def key_bits(self) -> int:
        """Length of the key in bits; 0 when it cannot be told."""
        return self._key[1]

    @cached_property
    def spki_sha256(self) -> str:
        """SHA-256 of the public key with its algorithm, lower-case hexadecimal: certificates of one key share it."""
        return hashlib.sha256(self.body.spki).hexdigest()

    @cached_property
    def all_extensions(self) -> tuple[extensions.Extension, ...]:
        """Every extension in order, also repeated ones."""
        sequence = self.body.extensions
        return () if sequence is None else self._try(lambda: tuple(extensions.parse_all(sequence)), (), "extensions")

    def _extension(self, oid: str, read: Callable[[bytes], T], missing: T) -> T:
        value = next((extension.value for extension in self.all_extensions if extension.oid == oid), None)
        return missing if value is None else self._try(lambda: read(value), missing, f"extension {oid}")

    @cached_property
    def basic_constraints(self) -> tuple[bool, int | None] | None:
        """(may issue certificates, path length); None without that extension."""
        return self._extension(extensions.BASIC_CONSTRAINTS, extensions.basic_constraints, None)

    @property
    def is_ca(self) -> bool:
        """Whether its basic constraints say that it may issue certificates."""
        return self.basic_constraints is not None and self.basic_constraints[0]

    @property
    def path_length(self) -> int | None:
        """How many intermediates may follow it; None for any number."""
        return self.basic_constraints[1] if self.basic_constraints else None

    @cached_property
    def key_usage(self) -> frozenset[str] | None:
        """Names out of ``extensions.KEY_USAGES``; None when nothing is restricted."""
        return self._extension(extensions.KEY_USAGE, extensions.key_usage, None)

    @cached_property
    def extended_usage(self) -> frozenset[str] | None:
        """Dotted identifiers of the purposes; None when nothing is restricted."""
        return self._extension(extensions.EXTENDED_USAGE, extensions.extended_usage, None)

    @cached_property
    def subject_key_id(self) -> bytes | None:
        """Identifier of its key, if it has one."""
        return self._extension(extensions.SUBJECT_KEY_ID, extensions.subject_key_id, None)

    @cached_property
    def authority_key_id(self) -> bytes | None:
        """Identifier of the issuer's key, if it has one."""
        return self._extension(extensions.AUTHORITY_KEY_ID, extensions.authority_key_id, None)

    @cached_property
    def alternative_names(self) -> tuple[extensions.GeneralName, ...]:
        """Every subject alternative name."""
        return self._extension(
            extensions.ALTERNATIVE_NAMES, lambda value: extensions.general_names(der.read(value)), ()
        )

    @property
    def dns_names(self) -> tuple[str, ...]:
        """DNS names of the subject alternative names, as they stand there."""
        return tuple(name.value for name in self.alternative_names if name.kind == "dns")

    @cached_property
    def name_constraints(self) -> extensions.NameConstraints | None:
        """What it may issue for; None for anything."""
        return self._extension(extensions.NAME_CONSTRAINTS, extensions.name_constraints, None)

    @cached_property
    def aia(self) -> tuple[str, ...]:
        """Where its issuer's certificate is said to lie. Never fetched."""
        return self._extension(extensions.AUTHORITY_INFORMATION, extensions.ca_issuers, ())

    @cached_property
    def self_issued(self) -> bool:
        """Subject and issuer are the same name. Whether it is also signed with its own key is another question."""
        return self.subject_raw == self.issuer_raw or dn.key(self.subject_raw) == dn.key(self.issuer_raw)

    @cached_property
    def _troubles(self) -> dict[str, str]:
        return {}

    def _try(self, read: Callable[[], T], otherwise: T, what: str) -> T:
        """Reads one part; a part that cannot be read becomes a problem, never an error."""
        try:
            return read()
        except (der.DerError, ValueError, LookupError, OverflowError) as error:
            self._troubles[what] = f"{what} cannot be read: {error}"
            return otherwise

    @cached_property
    def malformed(self) -> tuple[str, ...]:
        """What could not be read, or contradicts itself, so that no one should rely on this certificate."""
        for part in ("not_before", "not_after", "signature_algorithm", "_key", "all_extensions", "basic_constraints",
                     "key_usage", "extended_usage", "alternative_names", "name_constraints"):  # fmt: skip
            getattr(self, part)
        found = [text for what, text in self._troubles.items() if what not in HINTS]
        seen = [extension.oid for extension in self.all_extensions]
        found += [f"extension {oid} occurs twice" for oid in dict.fromkeys(seen) if seen.count(oid) > 1]
        if self.body.algorithm.raw != self.body.inner_algorithm:
            found.append("the signature algorithm beside the signature is not the one that was signed")
        return tuple(found)

    @cached_property
    def problems(self) -> tuple[str, ...]:
        """Everything odd about it, for people: what is malformed, and what stricter programs refuse."""
        found = list(self.malformed)
        for part in ("subject_key_id", "authority_key_id", "aia"):
            getattr(self, part)
        found += [text for what, text in self._troubles.items() if what in HINTS]
        if self.serial <= 0:
            found.append(f"the serial number {self.serial} is not positive")
        if self.body.version < 3 and self.all_extensions:
            found.append(f"a version {self.body.version} certificate has extensions")
        return tuple(found)


def load_der(data: bytes) -> Certificate:
    """A certificate out of its DER; bytes behind its end are left out, as Windows does.

    :raises CertificateError: not even the outline of a certificate can be made out.
    """
    try:
        whole = der.read(data)
        return Certificate(whole.raw, outline.parse(whole))
    except (der.DerError, ValueError) as error:
        raise CertificateError(f"not a certificate: {error}") from error


def pem_blocks(text: str | bytes) -> list[bytes]:
    """The decoded content of every certificate block of a PEM text; empty where a block is not base64."""
    data = text.encode("utf-8", "replace") if isinstance(text, str) else text
    return [_decoded(block) for _label, block in PEM.findall(data)]


def _decoded(block: bytes) -> bytes:
    try:
        return base64.b64decode(block)
    except binascii.Error:
        return b""


def load_pem(text: str | bytes) -> list[Certificate]:
    """Every certificate of a PEM text, in its order; an empty list when there is none.

    :raises CertificateError: a block that is no certificate, with its place in the text.
    """
    found = []
    for place, block in enumerate(pem_blocks(text), 1):
        try:
            found.append(load_der(block))
        except CertificateError as error:
            raise CertificateError(f"PEM block {place}: {error}") from error
    return found


def byte_reversed_serial(certificate: Certificate) -> str:
    """The serial number with its octets reversed, as the Lync event log prints it (skypepro.co.uk on event 14397)."""
    return certificate.body.serial[::-1].hex().upper()
