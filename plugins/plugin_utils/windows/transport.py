# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a connection may carry a private key.

A key goes only to a server that has proven who it is, over a channel nobody else can read: TLS with a verified
certificate, or the message encryption of NTLM, Kerberos and CredSSP (whose session key only a server that knows the
account can have). Sources: the option documentation of Ansible's ``winrm`` and ``psrp`` connection plugins; pywinrm
``transport.py`` (Basic, certificate and plain text have no message encryption; "auto" encrypts messages on http only).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Authentications whose protocol can encrypt messages itself.
_SEALING = frozenset({"ntlm", "kerberos", "credssp", "negotiate"})
# Names for Basic: pywinrm calls it "plaintext" on http and "ssl" on https; "ssl" with a client certificate is
# certificate authentication.
_BASIC = frozenset({"basic", "plaintext", "ssl"})
_SSH = frozenset({"ssh", "paramiko", "paramiko_ssh", "libssh"})
# Per plugin, the variables of authentication, verification, message encryption and scheme.
_NAMES = {
    "winrm": tuple(
        f"ansible_winrm_{name}" for name in ("transport", "server_cert_validation", "message_encryption", "scheme")
    ),
    "psrp": tuple(f"ansible_psrp_{name}" for name in ("auth", "cert_validation", "message_encryption", "protocol")),
}


@dataclass(frozen=True)
class TransportOptions:
    """What of a connection's options decides whether a key may pass."""

    plugin: str  # short name of the connection plugin: "winrm", "psrp", "ssh", ...
    scheme: str = ""  # "http" or "https"; empty for plugins without
    auth: tuple[str, ...] = ()  # authentications that may be tried, lower case
    verify: bool = True  # whether the server's certificate (winrm, psrp) or host key (ssh) is verified
    encryption: str = "auto"  # message encryption: "auto", "always", "never"


def transport_options(connection: Any) -> TransportOptions:
    """The effective options of an Ansible connection object, defaults computed as the plugins compute them."""
    plugin = str(getattr(connection, "transport", "") or getattr(connection, "_load_name", "")).rsplit(".", 1)[-1]
    if plugin == "winrm":
        return _winrm(connection)
    if plugin == "psrp":
        return _psrp(connection)
    if plugin in _SSH:
        return TransportOptions(plugin, verify=_truth(_option(connection, "host_key_checking"), default=True))
    return TransportOptions(plugin)


def transport_finding(options: TransportOptions) -> str | None:
    """Why no key may pass this connection and what to set, as one paragraph; None when a key may pass."""
    if options.plugin in _SSH:
        if options.verify:
            return None
        return (
            "The ssh connection does not check the host's key, so the server is not authenticated. "
            "Turn host_key_checking on."
        )
    if options.plugin not in _NAMES:
        return (
            f"Whether the connection plugin {options.plugin!r} encrypts, and authenticates the server, is not known. "
            "Use winrm, psrp or ssh (ansible_connection)."
        )
    auth_name, verify_name, encryption_name, scheme_name = _NAMES[options.plugin]
    sealed = bool(options.auth) and all(auth in _SEALING for auth in options.auth)
    encrypted = options.encryption == "always" or (options.encryption == "auto" and options.scheme == "http")
    if (sealed and encrypted) or (options.scheme == "https" and options.verify):
        return None
    tls = f"use {scheme_name}: https with a certificate that is verified ({verify_name}: validate)"
    seal = f"{auth_name}: ntlm (or kerberos) with {encryption_name}"
    if options.scheme == "https":
        return (
            f"The server's certificate is not verified ({verify_name}: ignore), so anybody could answer in its place. "
            f"Either {tls} and give the connection its CA, or set {seal}: always."
        )
    if not sealed:
        used = ", ".join(options.auth) or "none"
        return f"Over http, {used} leaves what is sent readable to anybody. Either {tls}, or set {seal}: auto."
    return (
        f"Message encryption is off ({encryption_name}: {options.encryption}) and the scheme is http. "
        f"Either {tls}, or set {seal}: auto."
    )


def _winrm(connection: Any) -> TransportOptions:
    """As Ansible's winrm plugin and pywinrm do: scheme from the port, transport from user and scheme, the rest from
    extras."""
    extras = _option(connection, "_extras")
    extras = extras if isinstance(extras, Mapping) else {}
    scheme = _scheme(connection, "scheme")
    given = _option(connection, "transport") or []
    auth = tuple(str(name).lower() for name in ([given] if isinstance(given, str) else given) if name)
    if not auth:
        kerberos = "@" in str(_option(connection, "remote_user") or "")
        auth = ("kerberos",) if kerberos else ("ssl",) if scheme == "https" else ("plaintext",)
    return TransportOptions(
        "winrm",
        scheme,
        tuple("basic" if name in _BASIC else name for name in auth),
        str(extras.get("ansible_winrm_server_cert_validation", "validate")).lower() == "validate",
        str(extras.get("ansible_winrm_message_encryption", "auto")).lower(),
    )


def _psrp(connection: Any) -> TransportOptions:
    """As Ansible's psrp plugin does: https unless the port is 5985."""
    return TransportOptions(
        "psrp",
        _scheme(connection, "protocol"),
        (str(_option(connection, "auth") or "negotiate").lower(),),
        str(_option(connection, "cert_validation") or "validate").lower() == "validate",
        str(_option(connection, "message_encryption") or "auto").lower(),
    )


def _scheme(connection: Any, option: str) -> str:
    """As both plugins compute it: what is set, else http on port 5985 and https on any other."""
    return str(
        _option(connection, option) or ("http" if str(_option(connection, "port")) == "5985" else "https")
    ).lower()


def _option(connection: Any, name: str) -> Any:
    """One option of a connection; None where the plugin or its version does not know it (a KeyError or an
    AnsibleError)."""
    try:
        return connection.get_option(name)
    except Exception:  # the type differs between versions of ansible-core
        return None


def _truth(value: Any, *, default: bool) -> bool:
    if value is None:
        return default
    return str(value).strip().lower() in ("true", "yes", "on", "1")
