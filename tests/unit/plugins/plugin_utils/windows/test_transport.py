# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which connections may carry a key, from their options to the sentence that says what to set."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.transport import (
    TransportOptions,
    transport_finding,
    transport_options,
)


class FakeConnection:
    """A connection plugin's options; one it does not know is a KeyError."""

    def __init__(self, plugin: str, **options: Any) -> None:
        self.transport = plugin
        self.options = options

    def get_option(self, option: str) -> Any:
        return self.options[option]


def winrm(**options: Any) -> FakeConnection:
    extras = {f"ansible_winrm_{key[2:]}": options.pop(key) for key in list(options) if key.startswith("x_")}
    return FakeConnection("winrm", **{"_extras": extras, "port": 5986, "remote_user": "admin", **options})


def psrp(**options: Any) -> FakeConnection:
    defaults = {"auth": "negotiate", "cert_validation": "validate", "message_encryption": "auto"}
    return FakeConnection("psrp", **{"protocol": None, "port": None, **defaults, **options})


SAFE = [
    winrm(),
    winrm(transport=["basic"]),
    winrm(transport=["certificate"]),
    winrm(transport=["ntlm"], port=5985),
    winrm(transport=["ntlm", "kerberos"], scheme="http", x_message_encryption="always"),
    winrm(remote_user="admin@contoso.example", port=5985),
    winrm(transport=["credssp"], port=5985),
    winrm(transport=["ntlm"], x_server_cert_validation="ignore", x_message_encryption="always"),
    psrp(),
    psrp(port=5985),
    psrp(auth="basic"),
    psrp(auth="certificate", protocol="https"),
    psrp(auth="ntlm", protocol="http"),
    psrp(auth="kerberos", cert_validation="ignore", message_encryption="always"),
    FakeConnection("ssh", host_key_checking=True),
    FakeConnection("ssh"),
]
UNSAFE = [
    (winrm(port=5985), "ansible_winrm_transport: ntlm"),
    (winrm(transport=["basic"], scheme="http"), "ansible_winrm_scheme: https"),
    (winrm(transport=["ssl"], scheme="http"), "readable"),
    (winrm(transport=["ntlm", "basic"], port=5985), "readable"),
    (winrm(transport=["ntlm"], port=5985, x_message_encryption="never"), "ansible_winrm_message_encryption: auto"),
    (winrm(transport=["basic"], x_server_cert_validation="ignore"), "ansible_winrm_server_cert_validation: validate"),
    (winrm(transport=["certificate"], x_server_cert_validation="ignore"), "not verified"),
    (winrm(transport=["ntlm"], x_server_cert_validation="ignore"), "ansible_winrm_message_encryption: always"),
    (winrm(transport=["ntlm"], x_server_cert_validation=None), "not verified"),
    (psrp(auth="basic", protocol="http"), "ansible_psrp_protocol: https"),
    (psrp(auth="ntlm", port="5985", message_encryption="never"), "ansible_psrp_message_encryption: auto"),
    (psrp(auth="ntlm", cert_validation="ignore"), "ansible_psrp_message_encryption: always"),
    (psrp(auth="basic", cert_validation="ignore", message_encryption="always"), "not verified"),
    (FakeConnection("ssh", host_key_checking=False), "host_key_checking"),
    (FakeConnection("local"), "'local'"),
    (FakeConnection("somebody.elses.plugin"), "'plugin'"),
    (FakeConnection(""), "ansible_connection"),
]


@pytest.mark.parametrize("connection", SAFE)
def test_a_key_may_pass(connection: FakeConnection) -> None:
    assert transport_finding(transport_options(connection)) is None


@pytest.mark.parametrize(("connection", "advice"), UNSAFE)
def test_no_key_passes_and_the_reason_says_what_to_set(connection: FakeConnection, advice: str) -> None:
    assert advice in (transport_finding(transport_options(connection)) or "")


def test_defaults_are_computed_as_the_plugins_do() -> None:
    assert transport_options(winrm()) == TransportOptions("winrm", "https", ("basic",))
    assert transport_options(winrm(port="5985")).auth == ("basic",)
    assert transport_options(winrm(remote_user="a@b")).auth == ("kerberos",)
    assert transport_options(psrp()).scheme == "https"
    assert transport_options(FakeConnection("winrm")).scheme == "https"
