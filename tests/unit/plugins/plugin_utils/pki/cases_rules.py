# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hard cases: what makes a certificate unusable in its place. Each is one chain of leaf, intermediate and root."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from ansible_collections.ucops.certificates.tests.unit.zoo import (
    ANY,
    CA_USAGE,
    CLIENT,
    DAY,
    MAIL,
    NOW,
    SERVER,
    authority,
    ec_key,
    extension,
    fresh_key,
    issue,
    rsa_key,
    tlv,
)

from .chain_case import Case, case, cases, wrong

PAST, LATER, HALF = NOW - DAY, NOW + DAY, timedelta(milliseconds=500)
INCLUSIVE = "OpenSSL takes the last second as over, RFC 5280 as valid"


def chain(
    *ids: str,
    leaf: dict[str, Any] | None = None,
    middle: dict[str, Any] | None = None,
    root: dict[str, Any] | None = None,
    **rest: Any,
) -> Callable[[], Case]:
    """A chain of three with some knobs turned, and the findings that this makes."""

    def make() -> Case:
        top = authority("Root", **made(root))
        issuing = authority("Issuing", top, **made(middle))
        return Case(issue(issuer=issuing, **made(leaf)), [issuing], [top], wrong(*ids), **rest)

    return make


def made(knobs: dict[str, Any] | None) -> dict[str, Any]:
    """Keys are made only when the case is run."""
    return {knob: value() if callable(value) else value for knob, value in (knobs or {}).items()}


CRITICAL, NOT_CRITICAL = (extension("1.3.6.1.4.1.99999.1", tlv(5), critical) for critical in (True, False))
POISON = extension("1.3.6.1.4.1.11129.2.4.3", tlv(5), True)
TEMPLATE = extension("1.3.6.1.4.1.311.20.2", tlv(0x1E, "WebServer".encode("utf-16-be")))

cases("dates", {
    "leaf_expired": chain("expired", leaf={"not_after": PAST}),
    "leaf_not_yet_valid": chain("not-yet-valid", leaf={"not_before": LATER}),
    "leaf_at_its_first_second": chain(leaf={"not_before": NOW}),
    "leaf_at_its_last_second": chain(leaf={"not_after": NOW}, openssl=INCLUSIVE),
    "leaf_within_its_last_second": chain(leaf={"not_after": NOW}, at=NOW + HALF, openssl=INCLUSIVE),
    "leaf_one_second_after_its_last": chain("expired", leaf={"not_after": NOW}, at=NOW + 2 * HALF),
    "leaf_half_a_second_before_its_first": chain("not-yet-valid", leaf={"not_before": NOW}, at=NOW - HALF - HALF / 2),
    "leaf_half_a_second_before_its_last": chain(leaf={"not_after": NOW}, at=NOW - HALF),
    "leaf_never_valid": chain("expired", "not-yet-valid", leaf={"not_before": LATER, "not_after": PAST}),
    "intermediate_expired": chain("expired", middle={"not_after": PAST}),
    "intermediate_not_yet_valid": chain("not-yet-valid", middle={"not_before": LATER}),
    "root_expired": chain("expired", root={"not_after": PAST}),
    "root_not_yet_valid": chain("not-yet-valid", root={"not_before": LATER}),
    "leaf_outlives_its_issuer": chain(leaf={"not_after": NOW + 400 * DAY}, middle={"not_after": NOW + 10 * DAY}),
    "far_future": chain(root={"not_after": datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc)}),
    "distant_past": chain(root={"not_before": datetime(1950, 1, 1, tzinfo=timezone.utc)}),
    "everything_expired": chain("expired", leaf={"not_after": PAST}, middle={"not_after": PAST},
                                root={"not_after": PAST}),
}.items())  # fmt: skip

cases("ca", {
    "intermediate_says_it_is_none": chain("not-a-ca", middle={"ca": False, "usage": CA_USAGE, "extended": None}),
    "intermediate_without_basic_constraints": chain(
        "not-a-ca", middle={"ca": None, "usage": CA_USAGE, "extended": None}),
    "intermediate_with_uncritical_basic_constraints": chain(middle={"ca_critical": False}),
    "intermediate_version_1": chain("not-a-ca", middle={"version": 1}),
    "intermediate_may_not_sign_certificates": chain("key-usage", middle={"usage": ("crl_sign",)}),
    "intermediate_without_key_usage": chain(middle={"usage": None}),
    "root_version_1": chain(root={"version": 1}),
    "root_with_uncritical_basic_constraints": chain(root={"ca_critical": False}),
    "root_without_key_usage": chain(root={"usage": None}),
    "root_says_it_is_none": chain("not-a-ca", root={"ca": False, "usage": CA_USAGE, "extended": None}),
    "root_without_basic_constraints": chain(
        "not-a-ca", root={"ca": None, "usage": None, "extended": None}),
    "root_may_not_sign_certificates": chain("key-usage", root={"usage": ("crl_sign",)}),
    "leaf_is_a_ca": chain(leaf={"ca": True, "names": ["leaf.example"], "usage": None}),
    "leaf_version_1": chain(leaf={"version": 1}),
}.items())  # fmt: skip

cases("usage", {
    "leaf_for_clients_only": chain("usage", leaf={"extended": [CLIENT]}),
    "leaf_for_mail_only": chain("usage", leaf={"extended": [MAIL]}),
    "leaf_for_anything": chain(leaf={"extended": [ANY]}, openssl="OpenSSL does not take any purpose for this one"),
    "leaf_for_servers_only": chain(leaf={"extended": [SERVER]}),
    "leaf_unrestricted": chain(leaf={"extended": None, "usage": None}),
    "leaf_server_gated": chain(leaf={"extended": ["1.3.6.1.4.1.311.10.3.3"]}),
    "leaf_key_signs_certificates_only": chain("key-usage", leaf={"usage": ("key_cert_sign",)}),
    "leaf_key_agreement_only": chain(leaf={"usage": ("key_agreement",)}),
    "intermediate_for_clients_only": chain("usage", middle={"extended": [CLIENT]}),
    "intermediate_for_servers": chain(middle={"extended": [SERVER, CLIENT]}),
    "root_for_mail_only": chain("usage", root={"extended": [MAIL]}),
    "client_wanted_and_given": chain(leaf={"extended": [CLIENT]}, purpose="client"),
    "client_wanted_and_not_given": chain("usage", leaf={"extended": [SERVER]}, purpose="client"),
    "client_key_may_only_encipher": chain(
        "key-usage", leaf={"usage": ("key_encipherment",)}, purpose="client",
        library="it does not look at the key usage of a leaf"),
    "no_purpose_asked": chain(leaf={"extended": [MAIL], "usage": ("crl_sign",)}, purpose=None),
}.items())  # fmt: skip

cases("critical", {
    "unknown_in_leaf": chain("unknown-critical", leaf={"extra": [CRITICAL]}),
    "unknown_in_intermediate": chain("unknown-critical", middle={"extra": [CRITICAL]}),
    "unknown_in_root": chain("unknown-critical", root={"extra": [CRITICAL]}),
    "unknown_but_not_critical": chain(leaf={"extra": [NOT_CRITICAL]}, middle={"extra": [NOT_CRITICAL]}),
    "precertificate": chain("unknown-critical", leaf={"extra": [POISON]}),
    "template_of_windows": chain(leaf={"extra": [TEMPLATE]}),
}.items())  # fmt: skip

cases("weak", {
    "sha1_leaf": chain("weak-signature", leaf={"hashed": "sha1"}),
    "sha1_intermediate": chain("weak-signature", middle={"hashed": "sha1"}),
    "sha1_root": chain(root={"hashed": "sha1"}),
    "md5_leaf": chain("weak-signature", middle={"key": rsa_key}, leaf={"hashed": "md5"}),
    "rsa_1024_leaf": chain("weak-key", leaf={"key": lambda: rsa_key(1024)},
                           library="it looks at the key lengths of issuers only"),
    "rsa_1024_intermediate": chain("weak-key", middle={"key": lambda: rsa_key(1024)}),
    "rsa_1024_root": chain("weak-key", root={"key": lambda: rsa_key(1024)}),
    "p192_leaf": chain("weak-key", leaf={"key": lambda: ec_key("weak", ec.SECP192R1)},
                       library="it looks at the key lengths of issuers only"),
    "rsa_2048": chain(leaf={"key": rsa_key}, middle={"key": rsa_key}),
    "rsa_pss": chain(middle={"key": rsa_key}, leaf={"pss": True}),
    "sha512": chain(leaf={"hashed": "sha512"}, middle={"hashed": "sha512"}, root={"hashed": "sha512"}),
    "p384": chain(middle={"key": lambda: ec_key("p384", ec.SECP384R1)}, leaf={"hashed": "sha384"}),
    "p521": chain(root={"key": lambda: ec_key("p521", ec.SECP521R1)}),
    "ed25519": chain(middle={"key": ed25519.Ed25519PrivateKey.generate}),
    "md5_and_expired": chain("weak-signature", "expired", middle={"key": rsa_key},
                             leaf={"hashed": "md5", "not_after": PAST}),
}.items())  # fmt: skip


@case
def weak_way_beside_a_good_one() -> Case:
    root, key = authority("Root"), fresh_key()
    pool = [authority("Issuing", root, key=key, hashed="sha1"), authority("Issuing", root, key=key)]
    return Case(issue(issuer=pool[1]), pool, [root], length=3, paths=2, openssl="OpenSSL takes the first it finds")
