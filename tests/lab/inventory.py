"""Inventories of a lab: one a way to connect, and ``inventory.yml`` with the one that was asked for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from .interfaces import Lab, Options
from .wsman.endpoint import HTTP_PORT, HTTPS_PORT

DEFAULT_FLAVOUR = "winrm-ntlm-http"
FLAVOURS = ("winrm-basic-https", "winrm-ntlm-http", "winrm-ntlm-https", "psrp-ntlm-http", "psrp-basic-https")


def connection_vars(flavour: str, authority: Path) -> dict[str, Any]:
    """Ansible's variables for one way to connect. HTTPS is verified with ``authority``, HTTP is sealed by NTLM."""
    plugin, authentication, scheme = flavour.split("-")
    secure = scheme == "https"
    found: dict[str, Any] = {"ansible_connection": plugin, "ansible_port": HTTPS_PORT if secure else HTTP_PORT}
    if plugin == "winrm":
        found["ansible_winrm_scheme"] = scheme
        found["ansible_winrm_transport"] = authentication
        # None: no proxy for loopback, whatever the environment says
        found["ansible_winrm_proxy"] = None
        if secure:
            found["ansible_winrm_server_cert_validation"] = "validate"
            found["ansible_winrm_ca_trust_path"] = str(authority)
        else:
            found["ansible_winrm_message_encryption"] = "always"
    else:
        found["ansible_psrp_protocol"] = scheme
        found["ansible_psrp_auth"] = authentication
        found["ansible_psrp_ignore_proxy"] = True
        if secure:
            found["ansible_psrp_cert_validation"] = "validate"
            found["ansible_psrp_ca_cert"] = str(authority)
        else:
            found["ansible_psrp_message_encryption"] = "always"
    return found


def write_inventories(lab: Lab, options: Options, flavour: str, authority: Path) -> Path:
    """Write every flavour's inventory into the lab's folder (mode 0600: they hold the password).

    Returns the path of ``inventory.yml``.
    """
    groups: dict[str, Any] = {}
    for member in lab.members:
        host = {"ansible_host": member.address, **member.inventory_vars()}
        for group in member.groups:
            groups.setdefault(group, {"hosts": {}})["hosts"][member.name] = host
    main = options.directory / "inventory.yml"
    for each in FLAVOURS:
        common = {
            "ansible_user": options.user,
            "ansible_password": options.password,
            **connection_vars(each, authority),
            **lab.inventory_vars(),
        }
        document = {"all": {"vars": common, "children": groups}}
        _write(options.directory / f"inventory-{each}.yml", document)
        if each == flavour:
            _write(main, document)
    return main


class _Plain(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Without anchors: what two groups share is written out twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _write(path: Path, document: dict[str, Any]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        yaml.dump(document, stream, Dumper=_Plain, sort_keys=False)
