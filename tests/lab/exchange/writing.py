"""Import-, New- and Remove-ExchangeCertificate."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from cryptography.x509.oid import NameOID

from ..member.errors import CallError
from ..member.keys import Container
from ..member.stores import Entry
from ..member.values import Secure
from ..member.windows_pfx import open_pfx, same_key
from . import names, requests
from .context import ExchangeContext, Row
from .enabling import enable_certificate
from .errors import exchange_error
from .reading import request_rows, row, shown, wanted_entry
from .state import PENDING, ExchangeState

IMPORT, NEW, REMOVE = "Import-ExchangeCertificate", "New-ExchangeCertificate", "Remove-ExchangeCertificate"
#: What Exchange's own requests and self-signed certificates keep their keys in.
SCHANNEL = "Microsoft RSA SChannel Cryptographic Provider"
LONGEST_NAME = 63


def _friendly(cmdlet: str, given: Mapping[str, Any], default: str) -> str:
    name = given.get("FriendlyName") or default
    if len(name) > LONGEST_NAME:
        text = "The friendly name is too long: it must have less than 64 characters."
        raise exchange_error(cmdlet, text, "ArgumentException", "InvalidArgument")
    return str(name)


def _ders(data: bytes) -> list[bytes]:
    """Certificates of a file without keys: PKCS#7 or single, PEM or DER. Raises ValueError."""
    if b"BEGIN PKCS7" in data:
        found = pkcs7.load_pem_pkcs7_certificates(data)
    elif b"BEGIN CERTIFICATE" in data:
        found = x509.load_pem_x509_certificates(data)
    else:
        try:
            found = [x509.load_der_x509_certificate(data)]
        except ValueError:
            found = pkcs7.load_der_pkcs7_certificates(data)
    return [c.public_bytes(serialization.Encoding.DER) for c in found]


async def import_certificate(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
    """Import-ExchangeCertificate: a PFX, or the answer to a pending request."""
    at.only(IMPORT, given, "FileData", "FileName", "Password", "FriendlyName", "PrivateKeyExportable")
    state = at.target(IMPORT, given)
    name = _friendly(IMPORT, given, "")
    data = given.get("FileData")
    if data is None:
        data = at.server.files.get(str(given["FileName"]).lower())
    if data is None:
        raise exchange_error(IMPORT, f"The file {given['FileName']} could not be read.", "FileNotFoundException")
    if given.get("WhatIf"):
        return []
    password = given.get("Password")
    try:
        if isinstance(password, Secure):
            entry, chain = _import_pfx(state, data, password.text, name, bool(given.get("PrivateKeyExportable")))
        else:
            entry, chain = _import_answer(state, _ders(data), name)
    except ValueError:
        text = "Cannot import certificate. The source data is corrupted or not properly Base64 encoded."
        raise exchange_error(IMPORT, text, "ArgumentException", "InvalidArgument") from None
    if state.behaviour.import_chain == "to-ca":
        for der in chain:
            if not Entry(der).self_signed:
                state.stores.add("CA", Entry(der))
    return shown(at, state, [row(state, entry)])


def _duplicate(state: ExchangeState, entry: Entry) -> None:
    old = state.entry(entry.thumbprint)
    if old and old.container and state.behaviour.duplicate_import == "error":
        text = f"Cannot import certificate. A certificate with the thumbprint {entry.thumbprint} already exists."
        raise exchange_error(IMPORT, text)


def _import_pfx(
    state: ExchangeState, data: bytes, password: str, name: str, exportable: bool
) -> tuple[Entry, list[bytes]]:
    try:
        certificate, key, provider = open_pfx(data, password, state.host.windows)
    except CallError:
        text = "The source data cannot be imported or the wrong password was specified."
        raise exchange_error(IMPORT, f"Cannot import certificate. {text}", "ArgumentException") from None
    der = certificate.public_bytes(serialization.Encoding.DER)
    _duplicate(state, Entry(der))
    if state.behaviour.import_fails:
        raise exchange_error(IMPORT, "Access is denied.", "CryptographicException", "PermissionDenied")
    container = state.keys.add(Container(key, provider, exportable=exportable))
    others = pkcs12.load_pkcs12(data, password.encode()).additional_certs
    chain = [c.certificate.public_bytes(serialization.Encoding.DER) for c in others]
    return state.stores.add("My", Entry(der, name, container.name)), chain


def _import_answer(state: ExchangeState, ders: list[bytes], name: str) -> tuple[Entry, list[bytes]]:
    """The certificate that a pending request waits for; its key has been on the server since the request."""
    for der in ders:
        entry = Entry(der)
        for pending in state.stores.entries(PENDING):
            container = state.keys.get(pending.container)
            if container and same_key(container.key, entry.certificate):
                _duplicate(state, entry)
                state.stores.remove(PENDING, pending.thumbprint)
                made = Entry(der, name or pending.friendly_name, container.name)
                return state.stores.add("My", made), [d for d in ders if d != der]
    if not ders:
        raise ValueError("no certificate")
    leaf = next((d for d in ders if not _is_ca(d)), ders[0])
    if state.behaviour.foreign_answer == "refused":
        text = "Cannot import certificate. No pending certificate request with its key was found on this server."
        raise exchange_error(IMPORT, text)
    return state.stores.add("My", Entry(leaf, name)), [d for d in ders if d != leaf]


def _is_ca(der: bytes) -> bool:
    try:
        return x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


async def new_certificate(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
    """New-ExchangeCertificate: a request whose key stays here, or a self-signed certificate."""
    inclusions = ("IncludeAcceptedDomains", "IncludeAutoDiscover", "IncludeServerFQDN", "IncludeServerNetBIOSName")
    known = ("GenerateRequest", "SubjectName", "DomainName", "PrivateKeyExportable", "KeySize", "BinaryEncoded")
    at.only(NEW, given, *known, "FriendlyName", "RequestFile", "Services", *inclusions[2:])
    state = at.target(NEW, given)
    name, size = _friendly(NEW, given, "Microsoft Exchange"), int(given.get("KeySize", 2048))
    if size not in (1024, 2048, 4096):
        raise exchange_error(NEW, f"The key size {size} isn't supported: use 1024, 2048 or 4096.", "ArgumentException")
    try:
        subject = names.distinguished_name(given.get("SubjectName") or f"CN={state.computer}")
    except ValueError:
        text = f"The subject name {given['SubjectName']} isn't a valid X.500 name."
        raise exchange_error(NEW, text, "ArgumentException") from None
    domains = list(given.get("DomainName") or [])
    common = [str(a.value) for a in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if not given.get("DomainName") and not given.get("GenerateRequest"):
        domains = [state.computer, state.fqdn]
    domains = [c for c in common if c.casefold() not in {d.casefold() for d in domains}] + domains
    domains += [state.fqdn] * bool(given.get("IncludeServerFQDN"))
    domains += [state.computer] * bool(given.get("IncludeServerNetBIOSName"))
    if given.get("WhatIf"):
        return []
    container = Container(requests.new_key(size), SCHANNEL, exportable=bool(given.get("PrivateKeyExportable")))
    entry = _self_signed(state, container, subject, domains, name)
    if given.get("GenerateRequest"):
        state.keys.add(container)
        state.stores.add(PENDING, entry)
        rows = request_rows(container, domains, entry, bool(given.get("BinaryEncoded")))
        if "RequestFile" not in given:
            return rows
        at.server.files[str(given["RequestFile"]).lower()] = rows[0].get("FileData") or rows[0]["Text"].encode()
        return []
    if not given.get("Force"):
        await at.ask(NEW)
    state.keys.add(container)
    state.stores.add("My", entry)
    state.stores.add("Root", Entry(entry.der, name))
    wanted = given.get("Services") or ["IMAP", "POP", "SMTP"]
    await enable_certificate(at, {"Thumbprint": entry.thumbprint, "Services": wanted, "Force": True, **_where(given)})
    return shown(at, state, [row(state, entry)])


def _where(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"Server": given["Server"]} if given.get("Server") else {}


def _self_signed(
    state: ExchangeState, container: Container, subject: x509.Name, domains: list[str], friendly: str
) -> Entry:
    now = state.clock.now().replace(microsecond=0)
    assert isinstance(container.key, rsa.RSAPrivateKey)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(container.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=5 * 365))
        .add_extension(x509.BasicConstraints(False, None), True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(d) for d in domains]), False)
        .sign(container.key, hashes.SHA256())
    )
    return Entry(certificate.public_bytes(serialization.Encoding.DER), friendly, container.name)


async def remove_certificate(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
    """Remove-ExchangeCertificate: refused while in use, or while a Send connector names issuer and subject."""
    at.only(REMOVE, given, "Thumbprint", "Identity")
    state, entry, store = wanted_entry(at, REMOVE, given)
    if given.get("WhatIf"):
        return []
    await at.confirm(REMOVE, given)
    if entry.thumbprint == state.internal_thumbprint:
        raise exchange_error(
            REMOVE,
            f"A special Rpc error occurs on server {state.computer}: The internal transport "
            "certificate cannot be removed because that would cause the Microsoft Exchange "
            "Transport service to stop. To replace the internal transport certificate, create a new certificate. The "
            "new certificate will automatically become the internal transport certificate. You can then remove the "
            "existing certificate.",
        )
    tagged = [c.name for c in state.organization.send_connectors if c.tls_certificate_name == _identifier(entry)]
    if tagged and store == "My":
        raise exchange_error(
            REMOVE,
            f"A special Rpc error occurs on server {state.computer}: These certificates are tagged with following "
            f"Send Connectors : {', '.join(tagged)}. Removing and replacing certificates from Send Connector would "
            "break the mail flow. If you still want to proceed then replace or remove these certificates from Send "
            "Connector and "
            "then try this command.",
        )
    ports = sorted({p for (_, p), b in state.bindings.items() if b.thumbprint == entry.thumbprint})
    if ports and not (ports == [444] and state.behaviour.remove_back_end == "removed"):
        text = f"The certificate with thumbprint {entry.thumbprint} can't be removed because it's being used by IIS."
        raise exchange_error(REMOVE, text)
    state.stores.remove(store, entry.thumbprint)
    state.enabled.pop(entry.thumbprint, None)
    state.keys.delete(entry.container)
    return []


def _identifier(entry: Entry) -> str:
    return names.identifier(entry.certificate)
