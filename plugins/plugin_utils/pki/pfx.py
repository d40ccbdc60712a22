# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PFX that travels to a member: made in memory, for one journey, in the form that every Windows reads.

3DES with SHA-1 is read by all; AES-256 only from Server 2019 on, older ones say "The password you entered is incorrect"
(Microsoft, Can't import an AES256-SHA256-encrypted PFX certificate). No provider attribute is written, so that the key
lands in a CryptoAPI provider (Microsoft, PFXImportCertStore): Lync, OWA and ECP cannot use CNG keys.
"""

from __future__ import annotations

import warnings

from . import deps
from .bundle import Bundle

ROUNDS = 2000
"""Rounds of key derivation: enough for a random password of 192 bits, and quick on old members."""

MAX_FRIENDLY_NAME = 63
"""Characters (Microsoft, Import-ExchangeCertificate: fewer than 64)."""


def rewrap_pfx(bundle: Bundle, password: bytes, friendly_name: str | None = None) -> bytes:
    """Leaf and key as a PFX: PBESv1 SHA-1/3DES, HMAC-SHA-1, no chain, no provider attributes.

    The chain goes on its own way: a PFX that repeats the leaf in its chain has broken key imports
    (dsccommunity/CertificateDsc issue 261), and one that holds intermediates puts them into the wrong store.

    :param password: random, ASCII, used once; the protection is only as good as it is.
    :param friendly_name: shown in Windows; at most 63 characters.
    :raises ValueError: empty password or friendly name too long.
    """
    deps.require()
    if not password:
        raise ValueError("expected a password for the PFX, found an empty one")
    if friendly_name is not None and len(friendly_name) > MAX_FRIENDLY_NAME:
        found = f"found {len(friendly_name)}"
        raise ValueError(f"expected a friendly name of at most {MAX_FRIENDLY_NAME} characters, {found}")
    encryption = (
        deps.serialization.PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(ROUNDS)
        .key_cert_algorithm(deps.pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        .hmac_hash(deps.hashes.SHA1())
        .build(password)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd serial numbers
        certificate = deps.load_der_x509_certificate(bundle.leaf.der)
    if not isinstance(bundle.key, deps.rsa.RSAPrivateKey):
        raise ValueError("expected an RSA key, found another kind")
    name = friendly_name.encode() if friendly_name else None
    return deps.pkcs12.serialize_key_and_certificates(name, bundle.key, certificate, None, encryption)
