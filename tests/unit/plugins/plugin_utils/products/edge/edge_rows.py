# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates of a small Edge pool, and the rows in which an Edge server answers about them."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import hypothesis

from ansible_collections.ucops.certificates.plugins.plugin_utils.products.edge import state as edge
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.readiness import Presented
from ansible_collections.ucops.certificates.tests.unit.zoo import DAY, NOW, Issued, authority, fresh_key, issue, rsa_key

UNHURRIED = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
"""For property tests: a busy machine is no fault of the code."""
CAPI = "Microsoft Enhanced Cryptographic Provider v1.0"
NAMES = ("sip.contoso.example", "webconf.contoso.example")
ACCESS, DATA, AV, INTERNAL = "AccessEdgeExternal", "DataEdgeExternal", "AudioVideoAuthentication", "Internal"
SERVICES = ("REPLICA", "RTCSRV", "RTCDATAPROXY", "RTCMRAUTH", "RTCMEDIARELAY")


@cache
def root() -> Issued:
    """What clients trust."""
    return authority("Contoso Root")


@cache
def issuing() -> Issued:
    """The intermediate that the incident was about."""
    return authority("Contoso Issuing CA", root())


@cache
def old_issuing() -> Issued:
    """The intermediate of the certificate in use: another one, so that its presence helps nobody."""
    return authority("Contoso Old CA", root())


@cache
def old() -> Issued:
    """In use today."""
    return issue(NAMES[0], old_issuing(), names=NAMES, not_before=NOW - 330 * DAY, not_after=NOW + 30 * DAY,
                 key=rsa_key(which=1), serial=0x1122334455667788)  # fmt: skip


@cache
def new() -> Issued:
    """The renewal."""
    return issue(NAMES[0], issuing(), names=NAMES, not_before=NOW - DAY, not_after=NOW + 365 * DAY,
                 key=rsa_key(which=2), serial=0xF1A2B3C4D5E60718)  # fmt: skip


@cache
def internal() -> Issued:
    """Of the internal interface: a common name and no alternative name, as Microsoft recommends."""
    return issue("edgepool.contoso.example", old_issuing(), names=(), key=rsa_key(which=3), not_before=NOW - 300 * DAY)


def blob(der: bytes, *before: tuple[int, bytes]) -> bytes:
    """A registry-serialized store element, with properties before the certificate."""
    return b"".join(struct.pack("<III", kind, 1, len(value)) + value for kind, value in (*before, (32, der)))


def flight(*issued: Issued) -> bytes:
    """The TLS records in which a server presents certificates."""
    chain = b"".join(len(one.der).to_bytes(3, "big") + one.der for one in issued)
    body = len(chain).to_bytes(3, "big") + chain
    message = b"\x0b" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x03" + struct.pack(">H", len(message)) + message


def stored(issued: Issued, store: str = "My", location: str = "LocalMachine", **key: Any) -> dict[str, Any]:
    """A row of Get-StoreCertificate; any keyword gives it a private key with these facts."""
    row: dict[str, Any] = {"Location": location, "Store": store, "RawData": issued.der, "Blob": None,
                           "FriendlyName": "", "HasPrivateKey": bool(key)}  # fmt: skip
    if location.startswith("S-1-5-"):
        row |= {"RawData": None, "Blob": blob(issued.der)}
    if key:
        row |= {"Provider": CAPI, "Container": "c-1", "KeySpec": "Exchange", "MachineKeySet": True, "Exportable": True,
                "KeyError": None} | key  # fmt: skip
    return row


def keyed(issued: Issued, **facts: Any) -> dict[str, Any]:
    """A certificate with its key in LocalMachine\\My."""
    return stored(issued, Provider=facts.pop("Provider", CAPI), **facts)


def key_test(issued: Issued, signs: bool = True, error: str | None = None) -> dict[str, Any]:
    """A row of Test-StoreKey."""
    return {"Thumbprint": issued.certificate.thumbprint, "Present": True, "Signs": signs, "Error": error}


def allowed(issued: Issued, sid: str, kind: str = "Allow") -> dict[str, Any]:
    """A row of Get-StoreKeyAccess."""
    return {"Thumbprint": issued.certificate.thumbprint, "Sid": sid, "Rights": "Read, Synchronize", "Type": kind}


def assigned(use: str, issued: Issued, effective: datetime | None = None, previous: Issued | None = None,
             **more: Any) -> dict[str, Any]:  # fmt: skip
    """A row of Get-CsCertificate."""
    certificate = issued.certificate
    return {"Use": use, "Thumbprint": certificate.thumbprint, "SerialNumber": certificate.serial_hex,
            "Subject": certificate.subject, "Issuer": certificate.issuer, "NotBefore": certificate.not_before,
            "NotAfter": certificate.not_after, "AlternativeNames": list(certificate.dns_names),
            "EffectiveDate": effective, "PreviousThumbprint": previous.certificate.thumbprint if previous else None,
            } | more  # fmt: skip


def running(*names: str, **other: str) -> list[dict[str, Any]]:
    """Rows of Get-CsWindowsService."""
    return [{"Name": name, "Status": other.get(name, "Running")} for name in (names or SERVICES)]


def store_rows(*more: dict[str, Any]) -> list[dict[str, Any]]:
    """What lies on a member before its renewal, and ``more``."""
    return [stored(root(), "Root"), stored(old_issuing(), "CA"), keyed(old()), keyed(internal()), *more]


def staged_rows() -> list[dict[str, Any]]:
    """What lies there after staging."""
    return store_rows(stored(issuing(), "CA"), keyed(new()))


def use_rows(external: Issued, av: Issued | None = None) -> list[dict[str, Any]]:
    """Every use with a certificate."""
    return [assigned(ACCESS, external), assigned(DATA, external), assigned(AV, av or external),
            assigned(INTERNAL, internal())]  # fmt: skip


def state(
    stores: Sequence[Mapping[str, Any]] | None = None,
    uses: Sequence[Mapping[str, Any]] | None = None,
    *,
    clock: datetime = NOW,
    windows: Sequence[int] = (6, 3, 9600),
    version: str = "5.0.8308.1068",
    presented: Mapping[str, Presented] | None = None,
    **rows: Sequence[Mapping[str, Any]],
) -> edge.EdgeState:
    """The state of a member, read from rows: one before its renewal unless something is said."""
    read: dict[str, Sequence[Mapping[str, Any]]] = {
        "stores": store_rows() if stores is None else stores,
        "assignments": use_rows(old()) if uses is None else uses,
        "services": running(),
        "version": [{"Name": "RTCSRV", "FileVersion": version}] if version else [],
    }
    return edge.state_from(read | rows, clock, windows, presented or {})


def many_roots(count: int) -> list[dict[str, Any]]:
    """That many roots, told apart by their names only."""
    key = fresh_key()
    return [stored(authority(f"Root {number}", key=key), "Root") for number in range(count)]
