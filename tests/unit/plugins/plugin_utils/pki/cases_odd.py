# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hard cases: path length, name constraints, and what odd software has written into certificates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.ucops.certificates.tests.unit.zoo import (
    Issued,
    authority,
    extension,
    fresh_key,
    general_name,
    integer,
    issue,
    name,
    oid,
    seq,
    tlv,
)

from .cases_rules import chain
from .chain_case import Case, case, cases, wrong


def stack(*ids: str, limits: tuple[int | None, ...], **rest: Any) -> Callable[[], Case]:
    """A chain whose CAs, from the root downwards, have these path lengths."""

    def make() -> Case:
        made: list[Issued] = []
        for place, limit in enumerate(limits):
            made.append(authority(f"CA {place}", made[-1] if made else None, path_length=limit))
        return Case(issue(issuer=made[-1]), made[1:], made[:1], wrong(*ids), **rest)

    return make


cases("path_length", {
    "zero_above_a_leaf": stack(limits=(None, 0)),
    "zero_above_a_ca": stack("path-length", limits=(None, 0, None)),
    "one_above_a_ca": stack(limits=(None, 1, None)),
    "one_above_two_cas": stack("path-length", limits=(None, 1, None, None)),
    "root_zero": stack("path-length", limits=(0, None)),
    "root_zero_above_a_leaf": stack(limits=(0,)),
    "exact_all_the_way": stack(limits=(3, 2, 1, 0)),
    "lower_one_allows_more": stack("path-length", limits=(1, 5, None)),
}.items())  # fmt: skip


@case
def path_length_does_not_count_self_issued() -> Case:
    """The CA has changed its key and signed the new one with the old: RFC 5280 does not count that certificate."""
    root = authority("Root")
    old = authority("Issuing", root, path_length=0)
    new = authority("Issuing", old, key=fresh_key())
    return Case(issue(issuer=new), [old, new], [root], length=4)


@case
def path_length_got_around_by_a_cross_signature() -> Case:
    root, key = authority("Root"), fresh_key()
    tight = authority("Policy", root, path_length=0, key=key)
    wide = authority("Policy", root, key=key)
    lower = authority("Issuing", tight)
    return Case(issue(issuer=lower), [tight, wide, lower], [root], length=4, paths=2,
                openssl="OpenSSL takes the first it finds")  # fmt: skip


def limited(*ids: str, permitted: Any = (), excluded: Any = (), names: Any = ("www.contoso.example",), **rest: Any
            ) -> Callable[[], Case]:  # fmt: skip
    """A leaf with these names below an intermediate with these name constraints."""
    openssl = rest.pop("openssl", "")
    limits = {"permitted": permitted, "excluded": excluded}
    return chain(*ids, middle=limits, leaf={"names": names, **rest}, openssl=openssl)


IN_4, OUT_4, NET_4 = bytes((10, 1, 2, 3)), bytes((11, 1, 2, 3)), bytes((10, 1, 0, 0, 255, 255, 0, 0))
IN_6, NET_6 = b"\x20\x01" + bytes(14), b"\x20\x01" + bytes(14) + b"\xff\xff" + bytes(14)
CONTOSO, FABRIKAM = name(O="Contoso"), name(O="Fabrikam")
UPN = seq(oid("1.3.6.1.4.1.311.20.2.3"), tlv(0xA0, tlv(0x0C, b"a@b")))[2:]
BAD = ("name-constraint",)

cases("names", {
    "dns_permitted": limited(permitted=["contoso.example"]),
    "dns_not_permitted": limited(*BAD, permitted=["fabrikam.example"]),
    "dns_permitted_itself": limited(permitted=["contoso.example"], names=["contoso.example"]),
    "dns_permitted_no_part_of_a_label": limited(*BAD, permitted=["contoso.example"], names=["evilcontoso.example"]),
    "dns_permitted_in_another_case": limited(permitted=["CONTOSO.Example"]),
    "dns_one_of_two_not_permitted": limited(
        *BAD, permitted=["contoso.example"], names=["a.contoso.example", "b.other"]),
    "dns_two_permitted": limited(permitted=["contoso.example", "b.other"], names=["a.contoso.example", "b.other"]),
    "dns_excluded": limited(*BAD, excluded=["contoso.example"]),
    "dns_other_excluded": limited(excluded=["fabrikam.example"]),
    "dns_excluded_within_permitted": limited(*BAD, permitted=["contoso.example"], excluded=["www.contoso.example"]),
    "dns_leading_dot": limited(permitted=[".contoso.example"]),
    "dns_leading_dot_not_itself": limited(*BAD, permitted=[".contoso.example"], names=["contoso.example"]),
    "dns_everything_permitted": limited(permitted=[""]),
    "dns_everything_excluded": limited(*BAD, excluded=[""]),
    "wildcard_permitted": limited(permitted=["contoso.example"], names=["*.contoso.example"]),
    "wildcard_may_stand_for_an_excluded_name": limited(
        *BAD, excluded=["www.contoso.example"], names=["*.contoso.example"],
        openssl="OpenSSL compares the wildcard as it is written"),
    "wildcard_beside_an_excluded_name": limited(excluded=["a.www.contoso.example"], names=["*.contoso.example"]),
    "common_name_not_permitted": limited(
        *BAD, permitted=["contoso.example"], names=[("email", "a@b.example")], cn="www.fabrikam.example"),
    "common_name_ignored_beside_names": limited(permitted=["contoso.example"], cn="www.fabrikam.example"),
    "ip_permitted": limited(permitted=[("ip", NET_4)], names=[("ip", IN_4)]),
    "ip_not_permitted": limited(*BAD, permitted=[("ip", NET_4)], names=[("ip", OUT_4)]),
    "ip_excluded": limited(*BAD, excluded=[("ip", NET_4)], names=[("ip", IN_4)]),
    "ip_of_the_other_family_not_permitted": limited(*BAD, permitted=[("ip", NET_4)], names=[("ip", IN_6)]),
    "ip_6_permitted": limited(permitted=[("ip", NET_6)], names=[("ip", IN_6)]),
    "dns_under_ip_constraint": limited(permitted=[("ip", NET_4)]),
    "mail_host_permitted": limited(
        permitted=[("email", "contoso.example")], names=["x.y", ("email", "a@contoso.example")]),
    "mail_host_not_permitted": limited(
        *BAD, permitted=[("email", "contoso.example")], names=["x.y", ("email", "a@mail.contoso.example")]),
    "mailbox_permitted": limited(permitted=[("email", "a@x.example")], names=["x.y", ("email", "a@X.example")]),
    "mailbox_not_permitted": limited(
        *BAD, permitted=[("email", "a@x.example")], names=["x.y", ("email", "b@x.example")]),
    "mail_domain_permitted": limited(permitted=[("email", ".x.example")], names=["x.y", ("email", "b@m.x.example")]),
    "uri_host_permitted": limited(permitted=[("uri", ".x.example")], names=["x.y", ("uri", "https://a.x.example/p")]),
    "uri_host_not_permitted": limited(
        *BAD, permitted=[("uri", "x.example")], names=["x.y", ("uri", "sip://a.x.example")]),
    "directory_permitted": limited(permitted=[("directory", CONTOSO)], subject=name(O="CONTOSO", CN="www")),
    "directory_not_permitted": limited(*BAD, permitted=[("directory", CONTOSO)], subject=name(O="Fabrikam", CN="www")),
    "directory_excluded": limited(*BAD, excluded=[("directory", FABRIKAM)], subject=name(O="Fabrikam", CN="www")),
    "directory_excluded_is_longer": limited(
        excluded=[("directory", name(O="Fabrikam", OU="x"))], subject=name(O="Fabrikam", CN="www")),
    "other_kind_excluded": limited(*BAD, excluded=[("other", UPN)], names=["x.y", ("other", UPN)]),
    "in_the_root": chain(*BAD, root={"permitted": ["fabrikam.example"]}),
    "in_root_and_intermediate": chain(
        *BAD, root={"permitted": ["example"]}, middle={"permitted": ["other.example"]}),
    "of_the_intermediate_itself": chain(
        *BAD, root={"excluded": [("directory", name(CN="Issuing"))]}),
    "ip_mask_with_holes": limited(permitted=[("ip", bytes((10, 0, 2, 0, 255, 0, 255, 0)))], names=[("ip", IN_4)]),
    "ip_outside_a_mask_with_holes": limited(
        *BAD, permitted=[("ip", bytes((10, 0, 3, 0, 255, 0, 255, 0)))], names=[("ip", IN_4)]),
    "malformed": chain("malformed", middle={"constraints": seq(tlv(0xA0, tlv(4, b"x")))}),
    "with_a_minimum": chain("malformed", middle={"constraints": seq(
        tlv(0xA0, seq(general_name("example"), b"\x80\x01\x01")))}, library="it does not look at the minimum"),
}.items())  # fmt: skip


@case
def names_of_self_issued_intermediates_are_free() -> Case:
    root = authority("Root")
    allowed = ["leaf.example", ("directory", name(CN="leaf.example"))]
    old = authority("x", root, subject=name(O="Odd"), permitted=allowed)
    new = authority("x", old, subject=name(O="Odd"), key=fresh_key())
    return Case(issue(issuer=new), [old, new], [root], length=4)


BASIC = extension("2.5.29.19", seq(tlv(1, b"\xff")), True)

cases("odd", {
    "serial_zero": chain(leaf={"serial": 0}, root={"serial": 0}),
    "serial_negative": chain(leaf={"serial": -5}, middle={"serial": -(1 << 70)}),
    "serial_of_thirty_octets": chain(leaf={"serial": 1 << 230}),
    "extension_repeated": chain("malformed", middle={"extra": [BASIC]}),
    "names_unreadable": chain("malformed", leaf={"names": [], "extra": [extension("2.5.29.17", b"\x05\x00")]}),
    "basic_constraints_unreadable": chain("malformed", "not-a-ca", middle={
        "ca": None, "usage": ("key_cert_sign",), "extended": None, "extra": [extension("2.5.29.19", b"\x02\x01")]}),
    "key_identifiers_unreadable": chain(leaf={"aki": False, "extra": [extension("2.5.29.35", b"\x04\x01a")]},
                                        openssl="OpenSSL refuses unreadable hints too"),
    "negative_path_length": chain("malformed", "not-a-ca", middle={
        "ca": None, "usage": ("key_cert_sign",), "extended": None,
        "extra": [extension("2.5.29.19", seq(tlv(1, b"\xff"), integer(-1)))]}),
    "algorithms_contradict": chain("malformed", leaf={"inner_algorithm": seq(oid("1.2.840.113549.1.1.11"), tlv(5))}),
    "name_in_utf16": chain(middle={"subject": name(("CN", "Ausgestellt für", 0x1E))}),
    "name_with_a_line_break": chain(leaf={"subject": name(CN="a\nchain.ok \u202e")}),
    "name_without_text": chain(leaf={"subject": seq(tlv(0x31, seq(oid("2.5.4.3"), tlv(5)))), "names": ["leaf.example"]},
                               openssl="OpenSSL refuses a name that is no string"),
}.items())  # fmt: skip


@case
def odd_issuer_without_a_name() -> Case:
    root = authority("x", subject=name())
    return Case(issue(issuer=root), [], [root], wrong("malformed"), length=2, openssl="OpenSSL does not mind")


@case
def odd_algorithm_unknown() -> Case:
    """The last octet of the algorithm's identifier is changed to one that nobody knows, in both places."""
    root = authority("Root")
    known, unknown = oid("1.2.840.10045.4.3.2"), oid("1.2.840.10045.4.3.99")
    leaf = issue(issuer=root)
    changed = Issued(leaf.der.replace(known, unknown), leaf.key, leaf.subject)
    return Case(changed, [], [root], wrong("signature-unknown"), length=2)
