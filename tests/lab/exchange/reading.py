"""Get-ExchangeCertificate and Export-ExchangeCertificate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from ..member import schannel
from ..member.keys import NETWORK_SERVICE, Container
from ..member.product import dns_names, serial_text, windows_name
from ..member.stores import Entry
from ..member.values import Secure
from . import names, selection
from .binding import SERVICES
from .context import ExchangeContext, Row
from .errors import exchange_error
from .state import PENDING, ExchangeState

GET, EXPORT = "Get-ExchangeCertificate", "Export-ExchangeCertificate"


def services_of(state: ExchangeState, entry: Entry) -> list[str]:
    """Services as the cmdlet shows them: partly what was enabled, partly what access and names suggest."""
    found = set(state.enabled.get(entry.thumbprint, set()))
    if state.behaviour.services_shape == "extra" and schannel.usable(state, entry):
        found |= {"IMAP", "POP", "IIS", "SMTP"}
    if any(b.thumbprint == entry.thumbprint for b in state.bindings.values()):
        found.add("IIS")
    if schannel.usable(state, entry, NETWORK_SERVICE):
        found.add("SMTP")
    for protocol, settings in state.client_settings.items():
        if schannel.usable(state, entry) and names.covers(
            entry.certificate, settings.certificate_name, wildcards=False
        ):
            found.add(protocol)
    return [s for s in SERVICES if s in found]


def status(state: ExchangeState, entry: Entry, pending: bool) -> str:
    """Status as the cmdlet shows it."""
    certificate, now = entry.certificate, state.clock.now()
    if pending:
        return "PendingRequest"
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        return "DateInvalid"
    if not entry.self_signed and not schannel.complete(state, entry):
        return "Untrusted"
    if state.behaviour.revocation == "blocked" and not entry.self_signed:
        return "RevocationCheckFailure"
    return "Valid"


def _root_type(state: ExchangeState, entry: Entry) -> str:
    found, complete = schannel.path(state, entry)
    if entry.self_signed or not complete:
        return "None" if entry.self_signed else "Unknown"
    return "Enterprise" if b"Corp" in Entry(found[-1]).certificate.subject.public_bytes() else "ThirdParty"


def row(state: ExchangeState, entry: Entry, pending: bool = False) -> Row:
    """One certificate with all properties that the lab knows."""
    certificate, container = entry.certificate, state.keys.get(entry.container)
    public = certificate.public_key()
    bits = public.key_size if isinstance(public, rsa.RSAPublicKey) else 256
    found = services_of(state, entry)
    web = [
        f"IIS://{state.computer}/W3SVC/{1 if p == 443 else 2}"
        for (_, p), b in state.bindings.items()
        if b.thumbprint == entry.thumbprint
    ]
    shown: Any = ", ".join(found) or "None"
    if state.behaviour.services_shape == "null":
        shown = None
    return {
        "AccessRules": [f"{a.sid}: {a.rights}" for a in container.acl] if container else [],
        "CertificateDomains": names.certificate_names(certificate),
        "FriendlyName": entry.friendly_name,
        "HasPrivateKey": entry.container is not None,
        "Identity": f"{state.fqdn}\\{entry.thumbprint}",
        "IISServices": sorted(set(web)),
        "IsSelfSigned": entry.self_signed and not pending,
        "Issuer": windows_name(certificate.issuer),
        "NotAfter": certificate.not_valid_after_utc,
        "NotBefore": certificate.not_valid_before_utc,
        "PrivateKeyExportable": bool(container and container.exportable),
        "PublicKeySize": bits,
        "RawData": entry.der,
        "RootCAType": _root_type(state, entry),
        "SerialNumber": serial_text(certificate),
        "Services": shown,
        "ServicesStringForm": None if shown is None else letters(found),
        "Status": status(state, entry, pending),
        "Subject": windows_name(certificate.subject),
        "Thumbprint": entry.thumbprint,
    }


def letters(services: list[str]) -> str:
    """Services in the form of the table: ``IP.WS..``."""
    places = (("IMAP", "I"), ("POP", "P"), ("UM", "U"), ("IIS", "W"), ("SMTP", "S"), ("Federation", "F"))
    return "".join(letter if name in services else "." for name, letter in places)


#: What a certificate that is made of its bytes has of the properties in :func:`row`. The rest are Exchange's own.
PLAIN = ("Issuer", "NotAfter", "NotBefore", "RawData", "SerialNumber", "Subject", "Thumbprint")


def plain(found: Row) -> Row:
    """A certificate that arrived without Exchange's types: RawData is all that is sent of it beside serialised data
    that nobody can read, so it becomes an X509Certificate2 of its bytes, which knows of no key and no friendly name."""
    return {**{name: found[name] for name in PLAIN}, "HasPrivateKey": False, "FriendlyName": ""}


def shown(at: ExchangeContext, state: ExchangeState, rows: list[Row]) -> list[Row]:
    """What arrives through the loaded shell: a plain certificate where Exchange's types are not loaded, and only
    RawData when the signature of the data cannot be checked."""
    if not at.shell.remote:
        return rows
    if not at.shell.types:
        return [plain(r) for r in rows]
    if state.signs_data and not auth_works(state):
        return [{"RawData": r["RawData"]} for r in rows]
    if state.behaviour.dates == "text":
        form = "%m/%d/%Y %I:%M:%S %p"
        return [
            {**r, "NotAfter": r["NotAfter"].strftime(form), "NotBefore": r["NotBefore"].strftime(form)} for r in rows
        ]
    return rows


def auth_works(state: ExchangeState) -> bool:
    """Whether the auth certificate is there, has its key and is valid."""
    entry = state.entry(state.auth_certificate)
    return (
        schannel.usable(state, entry)
        and entry is not None
        and (entry.certificate.not_valid_after_utc > state.clock.now())
    )


async def get_certificate(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
    """Get-ExchangeCertificate. An Identity that is $null or names nothing returns everything."""
    at.only(GET, given, "Thumbprint", "Identity", "DomainName")
    state = at.target(GET, given)
    every = [(e, False) for e in state.stores.entries("My")] + [(e, True) for e in state.stores.entries(PENDING)]
    if "Thumbprint" in given:
        wanted = str(given["Thumbprint"] or "").replace(" ", "").upper()
        every = [(e, p) for e, p in every if e.thumbprint == wanted]
        if not every:
            raise no_certificate(GET, state, wanted)
    elif given.get("Identity"):
        server, _, thumb = str(given["Identity"]).rpartition("\\")
        state = at.target(GET, {"Server": server}) if server else state
        entry = state.entry(thumb)
        every = [(entry, False)] if entry else every
    for name in given.get("DomainName") or ():
        chosen = selection.best(state, [e for e, p in every if not p and names.covers(e.certificate, name)]).entry
        fitting = [(e, p) for e, p in every if names.covers(e.certificate, name)]
        every = sorted(fitting, key=lambda pair: pair[0] is not chosen)
    return shown(at, state, [row(state, e, p) for e, p in every])


def no_certificate(cmdlet: str, state: ExchangeState, thumb: str) -> Exception:
    """No certificate of that thumbprint."""
    text = f"The certificate with thumbprint {thumb} was not found on server {state.computer}."
    return exchange_error(cmdlet, text, "ArgumentException", "InvalidArgument")


def wanted_entry(at: ExchangeContext, cmdlet: str, given: Mapping[str, Any]) -> tuple[ExchangeState, Entry, str]:
    """The certificate that -Thumbprint or -Identity means, and the store it is in. Raises CallError."""
    server, _, thumb = str(given.get("Identity") or "").rpartition("\\")
    thumb = str(given.get("Thumbprint") or thumb).replace(" ", "").upper()
    state = at.target(cmdlet, {**given, "Server": server} if server else given)
    for store in ("My", PENDING):
        entry = state.stores.get(store, thumb)
        if entry:
            return state, entry, store
    raise no_certificate(cmdlet, state, thumb)


async def export_certificate(at: ExchangeContext, given: Mapping[str, Any]) -> list[Row]:
    """Export-ExchangeCertificate: certificate and key as PFX, or a pending request once more."""
    at.only(EXPORT, given, "Thumbprint", "Identity", "BinaryEncoded", "Password")
    state, entry, store = wanted_entry(at, EXPORT, given)
    container = state.keys.get(entry.container)
    if store == PENDING and container:
        return request_rows(container, dns_names(entry.certificate), entry, bool(given.get("BinaryEncoded")))
    password = given.get("Password")
    if container is None or not container.exportable:
        text = f"The private key of the certificate with thumbprint {entry.thumbprint} isn't exportable."
        raise exchange_error(EXPORT, text)
    if not isinstance(password, Secure):
        raise exchange_error(EXPORT, "A password is needed to export a private key.", "ArgumentException")
    if not isinstance(container.key, rsa.RSAPrivateKey):
        raise exchange_error(EXPORT, "The key algorithm isn't supported.")
    return [{"FileData": pfx_of(container.key, entry, password.text)}]


def pfx_of(key: rsa.RSAPrivateKey, entry: Entry, password: str) -> bytes:
    """Certificate and key as an old Windows exports them."""
    encryption = (
        serialization.PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(2000)
        .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        .hmac_hash(hashes.SHA1())
        .build(password.encode())
    )
    return pkcs12.serialize_key_and_certificates(None, key, entry.certificate, None, encryption)


def request_rows(container: Container, domains: list[str], entry: Entry, binary: bool) -> list[Row]:
    """A request as the cmdlet returns it: a string, or with -BinaryEncoded an object with FileData (DER)."""
    from . import requests

    made = requests.encode(container.key, entry.certificate.subject, domains)
    if binary:
        return [{"FileData": made.public_bytes(serialization.Encoding.DER)}]
    text = requests.text(made)
    return [{"Length": len(text), "Text": text}]
