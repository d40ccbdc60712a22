"""Ansible's own way of running a PowerShell module, taken apart: what it sends, and the module in it.

The wrapper itself is not run: its C# and its logon as another user (``become``) exist on Windows only. So whose account
the module would have run as is not played; what it is given, and what it answers, is.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

_BETWEEN = b"\n\0\0\0\0\n"


@dataclass(frozen=True)
class Module:
    """A module on its way."""

    name: str
    """With its collection: ``ucops.certificates.remote_calls``."""
    text: str
    """Its script."""
    arguments: dict[str, Any]
    become: bool
    """Whether the wrapper was to run it as another user."""


def module_of(script: str, stdin: bytes) -> Module | None:
    """The module that Ansible's bootstrap is to run; None when this is something else.

    ansible-core 2.19 and newer send frames: the wrapper, then a manifest of scripts and actions, of which the last one
    is the module. Before, the frame behind the wrapper was one object with the module's text in ``module_entry``.
    """
    frames = stdin.split(_BETWEEN)
    if "`0`0`0`0" not in script or len(frames) < 2:
        return None
    try:
        manifest = json.loads(frames[1] if frames[1].strip() else frames[-1])
    except ValueError:
        return None
    if "module_entry" in manifest:
        text = base64.b64decode(manifest["module_entry"]).decode()
        name = str(manifest["module_args"].get("_ansible_module_name", ""))
        return Module(name, text, _own(manifest["module_args"]), "become" in manifest.get("actions", ()))
    actions = manifest.get("actions") or [{}]
    if actions[-1].get("name") != "module_wrapper.ps1":
        return None
    given = actions[-1]["params"]
    arguments = {v["Name"]: v["Value"] for v in given.get("Variables", [])}.get("complex_args", {})
    name = given["Script"].removeprefix("ansible_collections.").removesuffix(".ps1").replace(".plugins.modules.", ".")
    text = base64.b64decode(manifest["scripts"][given["Script"]]["script"]).decode()
    return Module(name, text, _own(arguments), any("become" in action["name"] for action in actions))


def _own(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if not name.startswith("_ansible_")}
