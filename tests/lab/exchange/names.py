"""Names in certificates as Exchange compares and prints them."""

from __future__ import annotations

from cryptography import x509
from cryptography.x509.oid import NameOID

from ..member.product import dns_names, windows_name


def certificate_names(certificate: x509.Certificate) -> list[str]:
    """The common name and the DNS names, in this order, each once."""
    common = [str(a.value) for a in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    found = []
    for name in [*dns_names(certificate), *(c for c in common if "." in c or not dns_names(certificate))]:
        if name not in found:
            found.append(name)
    return found


def matches(name: str, wanted: str, wildcards: bool) -> bool:
    """Whether a certificate's name covers the wanted one; a wildcard stands for one label."""
    name, wanted = name.casefold(), wanted.casefold()
    if name.startswith("*."):
        return wildcards and wanted.partition(".")[2] == name[2:]
    return name == wanted


def covers(certificate: x509.Certificate, wanted: str, wildcards: bool = True) -> bool:
    """Whether one of the certificate's names covers the wanted one."""
    return any(matches(n, wanted, wildcards) for n in certificate_names(certificate))


def is_wildcard(certificate: x509.Certificate) -> bool:
    """Whether the common name is a wildcard."""
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return bool(common) and str(common[0].value).startswith("*.")


def identifier(certificate: x509.Certificate) -> str:
    """What a connector's TlsCertificateName says of it: ``<I>issuer<S>subject``."""
    return f"<I>{windows_name(certificate.issuer)}<S>{windows_name(certificate.subject)}"


def distinguished_name(text: str) -> x509.Name:
    """A subject as typed for New-ExchangeCertificate, in either order. Raises ValueError."""
    name = _parse(text)
    first = text.split("=", 1)[0].strip().upper()
    return name if first == "CN" else x509.Name(list(reversed(name.rdns)))


def _parse(text: str) -> x509.Name:
    parts = [p.strip() for p in text.split(",")]
    renamed = ["ST=" + p[2:] if p.upper().startswith("S=") else p for p in parts]
    return x509.Name.from_rfc4514_string(",".join(renamed))
