# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was read, as plain data for a task's result: certificates, keys, chains, hosts. Public parts only. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from ..findings.problem import Problem
from ..pki.certificate import Certificate
from ..pki.chain import Path
from ..windows.calls import HostFacts
from .eventlog import Event
from .store import SID_NAMES, StoredCertificate, StoredKey


def instant(moment: datetime | None) -> str | None:
    """An aware instant as ISO 8601 in UTC, to the second; None stays None."""
    return None if moment is None else f"{moment.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"


def certificate_row(certificate: Certificate) -> dict[str, Any]:
    """One certificate as the modules return it."""
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "common_name": certificate.common_name,
        "names": list(certificate.dns_names),
        "serial": certificate.serial_hex,
        "thumbprint": certificate.thumbprint,
        "sha256": certificate.sha256,
        "not_before": instant(certificate.not_before),
        "not_after": instant(certificate.not_after),
        "key_type": certificate.key_type,
        "key_bits": certificate.key_bits,
        "signature_hash": certificate.signature_hash,
        "self_issued": certificate.self_issued,
        "is_ca": certificate.is_ca,
    }


def key_row(key: StoredKey) -> dict[str, Any]:
    """What is known of a key that lies on a host; never the key."""
    return {
        "provider": key.provider,
        "cng": key.cng,
        "container": key.container,
        "spec": key.spec,
        "machine": key.machine,
        "exportable": key.exportable,
        "signs": key.signs,
        "error": key.error or key.sign_error,
    }


def stored_row(entry: StoredCertificate, chains: Sequence[Path] = ()) -> dict[str, Any]:
    """One entry of a store, with the chains that were computed for it."""
    return {
        "location": entry.location,
        "location_name": SID_NAMES.get(entry.location, entry.location),
        "store": entry.store,
        "friendly_name": entry.friendly_name,
        **certificate_row(entry.certificate),
        "key": key_row(entry.key) if entry.key else None,
        "chains": [path.plain() for path in chains],
    }


def problem_row(problem: Problem) -> dict[str, Any]:
    """A problem as the modules return it."""
    return {
        "id": problem.id,
        "subject": problem.subject,
        "text": problem.text,
        "evidence": {str(key): str(value) for key, value in problem.evidence.items()},
    }


def event_row(event: Event) -> dict[str, Any]:
    """One entry of an event log."""
    return {
        "id": event.id,
        "source": event.source,
        "time": instant(event.time),
        "level": event.level,
        "message": event.message,
    }


def host_row(host: HostFacts) -> dict[str, Any]:
    """What every reply says about its host."""
    return {
        "computer": host.computer,
        "windows": host.windows,
        "powershell": host.powershell,
        "clr": host.clr,
        "bits": host.bits,
        "clock": instant(host.clock),
        "user": host.user,
        "admin": host.admin,
        "language": host.language,
        "culture": host.culture,
        "loaded": [{"name": module.name, "version": module.version} for module in host.loaded],
        "load_error": host.load_error,
    }
