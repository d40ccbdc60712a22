# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection whose host is a few dictionaries: what an action sends is decoded, and answered in the wire's form."""

from __future__ import annotations

import base64
import gzip
import importlib
import json
from collections.abc import Mapping
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from ansible_collections.ucops.certificates.tests.unit.zoo import NOW, Issued

PACKAGE = "ansible_collections.ucops.certificates.plugins.action"
USES = ("AccessEdgeExternal", "DataEdgeExternal", "AudioVideoAuthentication", "Internal")
PROVIDER = "Microsoft Enhanced Cryptographic Provider v1.0"
WRITES = ("Add-", "Import-", "Remove-", "Set-", "Stop-", "Start-", "Grant-", "Lock-", "Unlock-")


def thumb(issued: Issued) -> str:
    """SHA-1 in upper-case hexadecimal."""
    return issued.certificate.thumbprint


class Member:
    """A host: stores by name, uses, services; ``forgetful`` accepts changes and does not make them."""

    transport = "winrm"

    def __init__(self, stores: Mapping[str, list[Issued]], keys: list[Issued], uses: Mapping[str, Issued]) -> None:
        self.stores = {name: {thumb(c): c.der for c in held} for name, held in stores.items()}
        self.keys = {thumb(c) for c in keys}
        self.assigned = {use: thumb(c) for use, c in uses.items()}
        self.services = dict.fromkeys(("REPLICA", "RTCSRV", "RTCDATAPROXY", "RTCMRAUTH", "RTCMEDIARELAY"), "Running")
        self.options: dict[str, Any] = {"scheme": "https", "transport": ["basic"], "port": 5986, "_extras": {}}
        self.documents: list[list[str]] = []
        self.forgetful = False
        self.busy = 0
        """How many looks at the services a graceful stop takes."""
        self.fails: dict[str, str] = {}
        self.breaks_at: int | None = None
        """The number of the command at which the connection breaks."""
        self.connected = True
        self.become = None
        self._shell = SimpleNamespace(_IS_WINDOWS=True, tmpdir="unused")

    @property
    def written(self) -> list[str]:
        """The names of all calls that change something."""
        return [name for document in self.documents for name in document if name.startswith(WRITES)]

    def get_option(self, name: str) -> Any:
        return self.options[name]

    def exec_command(self, cmd: str, in_data: Any = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        document = json.loads(gzip.decompress(base64.b64decode(in_data.splitlines()[1])))
        self.documents.append([call["name"] for call in document["calls"]])
        if self.breaks_at == len(self.documents):
            raise OSError("the line is dead")
        replies: list[dict[str, Any]] = []
        for call in document["calls"]:
            if any("error" in reply for reply in replies):
                replies.append({"id": call["id"], "not_run": True})
            elif call["name"] in self.fails:
                error = {"message": self.fails[call["name"]], "type": "System.Exception", "fqid": "x", "category": "y"}
                replies.append({"id": call["id"], "error": error})
            else:
                rows = getattr(self, "_" + call["name"].replace("-", "_").lower())(call["with"]) or []
                replies.append({"id": call["id"], "rows": rows, "warnings": [], "seconds": 0.0})
        host = {"computer": "EDGE1", "powershell": "4.0", "windows": "6.3.9600", "bits": 64, "admin": True}
        host |= {"clock": f"{NOW:%Y-%m-%dT%H:%M:%S}Z", "language": "FullLanguage", "user": "EDGE1\\admin"}
        body = json.dumps({"host": host, "replies": replies})
        return 0, f"ucops-begin {document['nonce']}\n{body}\nucops-end {document['nonce']}\n".encode(), b""

    def _get_storecertificate(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        rows = []
        for store in given["Stores"]:
            for thumbprint, der in self.stores.get(store, {}).items():
                data = {"$bytes": base64.b64encode(der).decode()}
                row = {"Location": "LocalMachine", "Store": store, "RawData": data, "Blob": None, "FriendlyName": ""}
                row["HasPrivateKey"] = store == "My" and thumbprint in self.keys
                key = {"Provider": PROVIDER, "Container": "c", "KeySpec": "Exchange", "MachineKeySet": True}
                rows.append({**row, **(key | {"Exportable": True, "KeyError": None} if row["HasPrivateKey"] else {})})
        return rows

    def _add_storecertificate(self, given: dict[str, Any]) -> None:
        der = base64.b64decode(given["RawData"]["$bytes"])
        if not self.forgetful:
            self.stores.setdefault(given["Store"], {})[Issued(der, None, b"").certificate.thumbprint] = der

    def _import_storepfx(self, given: dict[str, Any]) -> None:
        pfx = base64.b64decode(given["Pfx"]["$bytes"])
        leaf = pkcs12.load_pkcs12(pfx, given["Password"]["$secure"].encode()).cert
        assert leaf is not None
        if not self.forgetful:
            thumbprint = leaf.certificate.fingerprint(hashes.SHA1()).hex().upper()
            self.keys.add(thumbprint)
            self.stores[given["Store"]][thumbprint] = leaf.certificate.public_bytes(serialization.Encoding.DER)

    def _remove_storecertificate(self, given: dict[str, Any]) -> None:
        self.stores[given["Store"]].pop(given["Thumbprint"])

    def _test_storekey(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            {"Thumbprint": t, "Present": t in self.keys, "Signs": t in self.keys, "Error": None}
            for t in given["Thumbprints"]
        ]

    def _get_cscertificate(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        ends = {"$datetime": f"{NOW + timedelta(days=20):%Y-%m-%dT%H:%M:%S}Z"}
        return [{"Use": use, "Thumbprint": of, "NotAfter": ends} for use, of in self.assigned.items()]

    def _set_cscertificate(self, given: dict[str, Any]) -> None:
        if not self.forgetful and "Roll" not in given:
            self.assigned |= dict.fromkeys(given["Type"], given["Thumbprint"])

    def _remove_cscertificate(self, given: dict[str, Any]) -> None:
        for use in given["Type"]:
            self.assigned.pop(use)

    def _get_csavedgeconfiguration(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"Identity": "Global", "MaxTokenLifetime": "08:00:00"}]

    def _get_cswindowsservice(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        self.busy -= 1
        if self.busy <= 0:
            self.services = {name: "Stopped" if of == "Paused" else of for name, of in self.services.items()}
        return [{"Name": name, "Status": status} for name, status in self.services.items()]

    def _stop_cswindowsservice(self, given: dict[str, Any]) -> None:
        self.services[given["Name"]] = "Paused" if "Graceful" in given and self.busy > 0 else "Stopped"

    def _start_cswindowsservice(self, given: dict[str, Any]) -> None:
        self.services[given["Name"]] = "Running"

    def _get_serviceversion(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"Name": "RTCSRV", "Path": "", "FileVersion": "5.0.8308.1068", "Status": "Running"}]


def run(
    name: str,
    member: Any,
    check: bool = False,
    hostvars: Mapping[str, Mapping[str, Any]] | None = None,
    /,
    **options: Any,
) -> dict[str, Any]:
    """One task of the action ``name`` on a member; the result as Ansible gets it.

    ``hostvars``: host to its variables.
    """
    module = importlib.import_module(f"{PACKAGE}.{name}")
    task = MagicMock(args=options, check_mode=check, diff=False, async_val=0, no_log=False, delegate_to=None)
    task.action = f"ucops.certificates.{name}"
    action = module.ActionModule(task, member, MagicMock(), MagicMock(), MagicMock(), MagicMock())
    action._load_name = task.action  # as Ansible's loader does
    every = SimpleNamespace(raw_get=lambda host: (hostvars or {}).get(host, {}))
    result: dict[str, Any] = action.run(task_vars={"inventory_hostname": "edge1", "hostvars": every})
    return result
