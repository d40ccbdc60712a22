# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates without a key into a machine store, wherever the user wants them. Pure.

Bundles are planned in ``store``; this is for what is named by store: ``CA``, ``Root``, ``TrustedPeople`` ...
"""

from __future__ import annotations

from collections.abc import Sequence

from ..pki.certificate import Certificate
from ..windows.calls import Call
from .problem import Problem
from .store import Change, Stores, label


def refusals(certificates: Sequence[Certificate], store: str) -> tuple[Problem, ...]:
    """Only self-signed ones belong into Root: since Windows Server 2012 another one breaks mutual TLS of Lync."""
    if store.lower() != "root":
        return ()
    return tuple(
        Problem(
            "chain.intermediate-as-root",
            label(certificate),
            f"is not self-signed (issuer {certificate.issuer}) and does not belong into LocalMachine\\Root, where it "
            "would break mutual TLS of Lync and Skype for Business; put it into store: CA",
            {"thumbprint": certificate.thumbprint},
        )
        for certificate in certificates
        if not certificate.self_issued
    )


def plan_certificates(certificates: Sequence[Certificate], store: str, stores: Stores) -> tuple[Change, ...]:
    """What of ``certificates`` is missing in ``LocalMachine\\<store>``, each once."""
    changes = []
    for certificate in {c.sha256: c for c in certificates}.values():
        if stores.find(store, certificate.sha256) is None:
            parameters = {"Store": store, "RawData": certificate.der, "FriendlyName": None}
            call = Call(f"add-{store}-{certificate.thumbprint}", "Add-StoreCertificate", parameters)
            changes.append(Change("add-certificate", f"LocalMachine\\{store}", "", label(certificate), (call,)))
    return tuple(changes)


def thumbprints(texts: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Thumbprints as Windows prints them, and what of ``texts`` is none.

    Spaces, colons and the invisible mark that comes along when one copies from the certificate viewer are taken off.
    """
    good, bad = [], []
    for text in texts:
        plain = "".join(c for c in text.upper() if not c.isspace() and c not in ":-\u200e\u200f\ufeff")
        (good if len(plain) == 40 and set(plain) <= set("0123456789ABCDEF") else bad).append(plain)
    return tuple(dict.fromkeys(good)), tuple(bad)
