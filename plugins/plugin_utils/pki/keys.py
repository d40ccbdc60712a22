# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private keys: read with or without a password, compared with certificates. Nothing here prints or keeps one."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import cost, deps, der, pbe
from .certificate import Certificate
from .errors import BundleError, Where, refused

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

    PrivateKey = PrivateKeyTypes
else:
    PrivateKey = object

UNREAD = "one that the installed 'cryptography' does not read"
PFX_AGAIN = "export it again with AES-256 or 3DES"


@dataclass(frozen=True)
class Loaded:
    """What a PFX holds."""

    key: PrivateKey | None = field(repr=False, compare=False)
    """Its private key, if it has one. Never printed."""
    certificates: tuple[bytes, ...]
    """DER of every certificate, also repeated ones."""


def from_pem(label: str, block: str, password: str | None, where: Where, budget: cost.Budget) -> PrivateKey:
    """A key out of a PEM block. Raises BundleError.

    Only two labels bring a cost of their own; the library gets the very octets that were judged. Traditional PEM
    (``Proc-Type``) is hashed once, whatever it says.
    """
    if len(block) > cost.MAX_KEY * 3 // 2:  # base64
        raise cost.too_large(len(block), where)
    deps.require()
    if label in ("ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY"):
        try:
            body = base64.b64decode("".join(block.split()), validate=True)
        except ValueError:
            raise _damaged(where) from None
        if label.startswith("ENCRYPTED"):
            return from_der(body, True, password, where, budget)
        budget.spend(cost.of_key(body, where), where)
    encrypted = "ENCRYPTED" in block
    text = f"-----BEGIN {label}-----\n{block.strip()}\n-----END {label}-----\n"
    data = "\n".join(line.strip() for line in text.splitlines()).encode("ascii", "replace")
    return _load(deps.serialization.load_pem_private_key, data, encrypted, password, where)


def from_der(data: bytes, encrypted: bool, password: str | None, where: Where, budget: cost.Budget) -> PrivateKey:
    """A key out of PKCS#8, PKCS#1 or SEC 1. Raises BundleError."""
    deps.require()
    if password or not encrypted:
        budget.spend(cost.of_key(data, where), where)
    return _load(deps.serialization.load_der_private_key, data, encrypted, password, where)


def _load(
    load: Callable[..., PrivateKey], data: bytes, encrypted: bool, password: str | None, where: Where
) -> PrivateKey:
    if encrypted and not password:
        raise _needs_password("a private key", where)
    try:
        return load(data, password.encode() if encrypted and password else None)
    except (ValueError, TypeError, deps.InternalError):
        if encrypted:
            raise _wrong_password("the private key", where) from None
        raise _damaged(where) from None
    except deps.UnsupportedAlgorithm:
        raise refused("unreadable", "a private key in a usual form", UNREAD, where, "convert it to PKCS#8") from None


def _damaged(where: Where) -> BundleError:
    advice = "take it again from where the request was made"
    return refused("unreadable", "a private key", "a damaged one", where, advice)


def from_pfx(data: bytes, password: str | None, where: Where, budget: cost.Budget) -> Loaded:
    """Key and certificates of a PKCS#12 file; its password may also be empty. Raises BundleError."""
    budget.spend(cost.of_pfx(data, where), where)
    attempts: list[bytes | None] = [password.encode()] if password else [None, b""]
    for attempt in attempts:
        try:
            for inside in pbe.hidden(data, attempt):
                budget.spend(cost.of_safe(inside, where), where)
            loaded = deps.pkcs12.load_pkcs12(data, attempt)
        except (der.DerError, LookupError):
            raise refused("unreadable", "a PFX", "a damaged one", where, PFX_AGAIN) from None
        except (ValueError, deps.InternalError):
            continue
        except (deps.UnsupportedAlgorithm, pbe.Unopened) as error:
            found = f"{UNREAD} ({error})" if isinstance(error, pbe.Unopened) else UNREAD
            raise refused("unreadable", "a PFX in a usual cipher", found, where, PFX_AGAIN) from None
        held = [*([loaded.cert] if loaded.cert else []), *loaded.additional_certs]
        der_encoding = deps.serialization.Encoding.DER
        return Loaded(loaded.key, tuple(one.certificate.public_bytes(der_encoding) for one in held))
    if password:
        raise _wrong_password("the PFX", where)
    raise _needs_password("a PFX", where)


def _wrong_password(what: str, where: Where) -> BundleError:
    found = f"another (or {what} is damaged, or in a cipher that is not available here)"
    advice = "check the variable that the password comes from: quoting, spaces, the right vault entry"
    return refused("password-wrong", f"the password that opens {what}", found, where, advice)


def _needs_password(what: str, where: Where) -> BundleError:
    advice = "give the password with the bundle, from a vault"
    return refused("key-encrypted", "a password", f"none, and {what} that is encrypted", where, advice)


def matches(key: PrivateKey, certificate: Certificate) -> bool:
    """Whether the certificate is for this key."""
    try:
        theirs = deps.serialization.load_der_public_key(certificate.body.spki)
    except (ValueError, deps.UnsupportedAlgorithm):
        return False
    return _public(theirs) == _public(key.public_key())


def _public(key: Any) -> bytes:
    encoded: bytes = key.public_bytes(
        deps.serialization.Encoding.DER, deps.serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded


def describe(key: PrivateKey) -> str:
    """Kind and length, such as ``RSA 2048``: what may be said about a key."""
    size = getattr(key, "key_size", None)
    kind = "RSA" if isinstance(key, deps.rsa.RSAPrivateKey) else type(key).__name__.removesuffix("PrivateKey")
    kind = "EC" if isinstance(key, deps.ec.EllipticCurvePrivateKey) else kind.lstrip("_")
    return f"{kind} {size}" if size else kind
