"""Labs whose members also answer the modules of ansible.windows that tests/bench/plays uses, each with a fixed answer.

Transport, authentication, chunks and counting are the lab's own, so requests, commands and bytes sent are what the real
client sends. What is sent back is about as long as a real answer; nothing is done, and no time passes on the member.
That is in favour of those playbooks. A module that is not here is refused.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

from lab.exchange.scenario import ExchangeArray
from lab.interfaces import Lab, Options, Result, Shell
from lab.member.wrapper import Module, module_of
from lab.scenarios import EdgePool

BETWEEN = b"\n\0\0\0\0\n"
TIDIED = re.compile(r"\s*(?:[^\n]*\n)*?Remove-Item '[^'\n]*ansible-tmp[^'\n]*' -Force")
"""Ansible's shell plugin removes its folder with a line of its own."""
CERTIFICATE = {
    "subject": "CN=sip.contoso.example, O=Contoso, L=Redmond, S=Washington, C=US",
    "issuer": "CN=Example Trust Secure Certificate Authority - G2, O=Example Trust, L=Springfield, C=US",
    "extensions": [
        {"critical": False, "field": "Subject Alternative Name", "value": "DNS Name=sip.contoso.example " * 8}
    ]
    * 7,
    "public_key": "AB" * 270,
    "thumbprint": "AB" * 20,
}
PLAYED: dict[str, dict[str, Any]] = {
    "win_certificate_info": {"changed": False, "exists": True, "certificates": [CERTIFICATE] * 3},
    "win_certificate_store": {"changed": True, "thumbprints": ["AB" * 20]},
    "win_file": {"changed": True},
    "win_powershell": {
        **dict.fromkeys(("error", "warning", "verbose", "debug", "information"), []),
        **{"changed": True, "result": {}, "host_out": "", "host_err": "", "output": ["x" * 600]},
    },
    "win_service": {
        **{"changed": True, "exists": True, "name": "RTCSRV", "display_name": "x" * 40, "state": "running"},
        **{
            "path": "x" * 80,
            "description": "x" * 120,
            "start_mode": "auto",
            "username": r"NT AUTHORITY\NETWORK SERVICE",
        },
        **{"dependencies": [], "depended_by": [], "desktop_interact": False, "can_pause_and_continue": False},
    },
}


def edge(options: Options) -> Lab:
    """The Edge pool with stand-ins."""
    return with_modules(EdgePool(options))


def exchange(options: Options) -> Lab:
    """The Exchange array with stand-ins."""
    return with_modules(ExchangeArray(options))


def with_modules(lab: Any) -> Lab:
    """Have every member answer the modules; whatever else arrives is the member's own to answer."""
    for member in lab.members:

        async def execute(script: str, stdin: bytes, shell: Shell, own: Any = member.execute) -> Result:
            module = module_of(script, stdin)
            if module is not None and module.name.startswith("ansible.windows."):
                return of_module(module)
            if module is None and (helper := helper_of(stdin)):
                return of_helper(helper, stdin)
            if TIDIED.match(script) and not stdin.strip():
                return Result(0)
            result: Result = await own(script, stdin, shell)
            return result

        member.execute = execute
    return lab  # type: ignore[no-any-return]


def of_module(module: Module) -> Result:
    """The answer of a module."""
    name = module.name.rpartition(".")[2]
    if name == "win_copy":
        return said(copied(module.arguments))
    if name not in PLAYED:
        return refused(module.name)
    return said(PLAYED[name])


def copied(arguments: dict[str, Any]) -> dict[str, Any]:
    """win_copy asks what there is already, and is told that nothing is; then it says what it copied."""
    if arguments.get("_copy_mode") == "query":
        return {"changed": True, "files": arguments["files"], "directories": [], "symlinks": []}
    done = {"operation": "file_copy", "checksum": "0" * 40, "size": 4000, "original_basename": "new.pfx"}
    return {"changed": True, "src": "x" * 60, "dest": arguments.get("dest"), **done}


def helper_of(stdin: bytes) -> str:
    """The script of Ansible's own that its bootstrap is to run, such as ``winrm_put_file.ps1``; empty: none."""
    frames = stdin.split(BETWEEN)
    try:
        found = json.loads(frames[1])["actions"][-1]["name"] if len(frames) > 1 else ""
    except (ValueError, LookupError, TypeError):
        return ""
    return str(found)


def of_helper(name: str, stdin: bytes) -> Result:
    """The answer of one of Ansible's own scripts."""
    if name.endswith("put_file.ps1"):
        lines = stdin.split(BETWEEN)[2].split()
        data = b"".join(base64.b64decode(line) for line in lines)
        return said({"sha1": hashlib.sha1(data, usedforsecurity=False).hexdigest()})
    if name == "powershell_expand_user.ps1":
        return Result(0, b"C:\\Users\\labadmin\r\n")
    if name == "powershell_mkdtemp.ps1":
        return Result(0, b"C:\\Users\\labadmin\\AppData\\Local\\Temp\\ansible-tmp\r\n")
    return refused(name)


def said(answer: dict[str, Any]) -> Result:
    """An answer as a module writes it."""
    return Result(0, json.dumps(answer).encode() + b"\r\n")


def refused(what: str) -> Result:
    """No answer is invented for what is not played."""
    return Result(1, b"", f"the stand-in does not play {what}".encode())
