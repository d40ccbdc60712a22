"""Certificate requests that are made on a server."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ..pki import PrivateKey


def encode(key: PrivateKey, subject: x509.Name, domains: list[str]) -> x509.CertificateSigningRequest:
    """A request with the domains in their order."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(d) for d in domains]), False)
    return builder.sign(key, hashes.SHA256())


def text(request: x509.CertificateSigningRequest) -> str:
    """As New-ExchangeCertificate returns it."""
    made = request.public_bytes(serialization.Encoding.PEM).decode()
    return made.replace(" CERTIFICATE REQUEST", " NEW CERTIFICATE REQUEST").replace("\n", "\r\n")


def new_key(size: int) -> rsa.RSAPrivateKey:
    """An RSA key; 1024 bits are allowed by the cmdlet."""
    return rsa.generate_private_key(public_exponent=65537, key_size=size)
