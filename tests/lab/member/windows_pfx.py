"""PFX files as a given release of Windows opens them.

Before Server 2019 nothing encrypted with AES (PBES2) opens; the error is that of a wrong password. The key's provider
follows the Microsoft CSP Name attribute of the key bag when there is one (PFXImportCertStore's documentation).
"""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from ..pki import PrivateKey
from .errors import CRYPTO, CallError
from .keys import CAPI, CNG
from .versions import Windows

_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_CSP_NAME = bytes.fromhex("06092b0601040182371101")
_BMP_STRING = 0x1E


def open_pfx(data: bytes, password: str, windows: Windows) -> tuple[x509.Certificate, PrivateKey, str]:
    """Leaf, key and the name of the provider that the key lands in. Raises CallError as .NET words it."""
    if _PBES2 in data and not windows.reads_aes_pfx:
        raise wrong_password()
    try:
        opened = pkcs12.load_pkcs12(data, password.encode("utf-8"))
    except ValueError as error:
        if "deserialize" in str(error).lower():
            raise CallError("Cannot find the requested object.\r\n", "ucops.Import-StorePfx", CRYPTO) from None
        raise wrong_password() from None
    key = opened.key
    if opened.cert is None or not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        raise CallError("The PFX holds no certificate with a private key.", "ucops.Import-StorePfx", CRYPTO)
    named = csp_name(data)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return opened.cert.certificate, key, named or CNG
    return opened.cert.certificate, key, named or CAPI


def wrong_password() -> CallError:
    """What .NET says of a wrong password, and of an encryption that this Windows does not know."""
    return CallError(
        "The specified network password is not correct.\r\n",
        "ucops.Import-StorePfx",
        CRYPTO,
    )


def csp_name(data: bytes) -> str | None:
    """The Microsoft CSP Name attribute (1.3.6.1.4.1.311.17.1) of the key bag: SET { BMPString }."""
    at = data.find(_CSP_NAME)
    if at < 0:
        return None
    rest = data[at + len(_CSP_NAME) :]
    if len(rest) < 4 or rest[2] != _BMP_STRING or rest[3] > 127:
        return None
    return rest[4 : 4 + rest[3]].decode("utf-16-be")


def same_key(key: PrivateKey, certificate: x509.Certificate) -> bool:
    """Whether the private key belongs to the certificate."""
    kind = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key.public_key().public_bytes(*kind) == certificate.public_key().public_bytes(*kind)
