# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registry-serialized store elements: how Windows keeps certificates under ``SystemCertificates\\CA\\Certificates``.

A sequence of properties, each a 32-bit little-endian identifier, the 32-bit number 1, a 32-bit length, and octets
(Microsoft, CertSerializeCertificateStoreElement and wincrypt.h). Property 32 is the certificate itself.
"""

from __future__ import annotations

import struct

from ..errors import CollectionError

CERTIFICATE_PROPERTY = 32
"""CERT_CERT_PROP_ID (wincrypt.h)."""

HEADER = struct.Struct("<III")


class BlobError(CollectionError, ValueError):
    """The bytes are not a serialized store element with a certificate in it."""


def certificate_from_blob(blob: bytes) -> bytes:
    """The DER of the certificate in a serialized store element. Raises BlobError."""
    at = 0
    while at + HEADER.size <= len(blob):
        identifier, _encoding, size = HEADER.unpack_from(blob, at)
        at += HEADER.size
        if at + size > len(blob):
            raise BlobError(f"property {identifier} claims {size} octets where {len(blob) - at} are left")
        if identifier == CERTIFICATE_PROPERTY:
            return blob[at : at + size]
        at += size
    raise BlobError(f"expected a serialized certificate (property 32), found none in {len(blob)} octets")
