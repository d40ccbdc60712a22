# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connectors that name their certificate: which are renamed, when, and how a name is written."""

from __future__ import annotations

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.names import (
    change_of,
    renames,
    same_name,
    tls_certificate_name,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.exchange.state import Connector
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.exchange.exchange_rows import (
    made,
    state,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import authority, issue, name

OLD = "<I>CN=Gone CA<S>CN=mail.contoso.example"


def test_a_name_as_windows_writes_it() -> None:
    """Most specific part first, S for the state, quotes where a character asks for them."""
    root = authority(
        "Root",
        subject=name(("C", "US"), ("2.5.4.8", "Washington"), ("O", 'Example "Trust", Inc.'), ("CN", "Issuing = 1")),
    )
    leaf = issue("mail.contoso.example", root).certificate
    text = tls_certificate_name(leaf)
    assert text.startswith('<I>CN="Issuing = 1", O="Example ""Trust"", Inc.", S=Washington, C=US<S>CN=mail.contoso')


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (OLD, "<i>cn=Gone CA<s>CN=MAIL.contoso.example", True),
        (OLD, '<I>CN="Gone CA"<S>CN=mail.contoso.example', True),
        (OLD, "<I>CN=Gone CA 2<S>CN=mail.contoso.example", False),
        (OLD, None, False),
        (None, None, True),
        ("<I>A<S>B", "<I>AB<S>", False),
    ],
)
def test_names_that_say_the_same(one: str | None, other: str | None, same: bool) -> None:
    assert same_name(one, other) is same


def test_only_connectors_that_name_what_is_replaced() -> None:
    old = made("old")
    named = tls_certificate_name(old)
    connectors = (
        Connector("receive", "Front", "mail.contoso.example", named, ""),
        Connector("receive", "Other", "", OLD, ""),
        Connector("receive", "None", "", None, ""),
        Connector("send", "Out", "", named, "", ("EX1",)),
    )
    here = state(connectors=connectors)
    new = authority("Another CA")
    leaf = issue("mail.contoso.example", new).certificate
    assert [r.connector.name for r in renames("receive", leaf, [old], here)] == ["Front"]
    assert [r.connector.name for r in renames("send", leaf, [old], here)] == ["Out"]
    assert renames("send", made("new"), [old], here) == (), "issuer and subject are the same: nothing to rename"
    change = change_of(renames("receive", leaf, [old], here)[0], "EX1")
    assert change.calls[0].name == "Set-ReceiveConnector"
    assert change.calls[0].parameters["Identity"] == "EX1\\Front"
    assert change.calls[0].parameters["TlsCertificateName"] == tls_certificate_name(leaf)
