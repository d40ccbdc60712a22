"""`python floor.py INVENTORY floor|judged`: reads every member and every port of an inventory in one process.

``floor``: the same document to each member, through pywinrm in threads, its reply read as JSON; the same ports, each
twice as a verification reads them (with and without a name), in threads with Python's own TLS. Nothing is judged.
``judged``: the same, and each reply becomes what a verification keeps of a member, by the collection's own code. What a
verification costs beyond it are Ansible, the judgement of all members together, and the report.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import winrm
import yaml

from ansible_collections.ucops.certificates.plugins.module_utils.tls_probe import probe_many
from ansible_collections.ucops.certificates.plugins.plugin_utils.products import PRODUCTS
from ansible_collections.ucops.certificates.plugins.plugin_utils.verify.read import Asked, look_at
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.host import Host, HostLost
from bench.plain import read_plainly

THREADS = 50
TIMEOUT = 10.0
EDGE = PRODUCTS["edge"]


class Line:
    """What a Host needs of a connection, by pywinrm alone."""

    transport = "winrm"

    def __init__(self, host: dict[str, Any]) -> None:
        self.connected = False
        self._host = host

    def _connect(self) -> None:
        self.connected = True

    def get_option(self, option: str) -> Any:
        """None is set here."""
        raise KeyError(option)

    def exec_command(self, cmd: str, in_data: Any = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """One command in a shell of its own."""
        out, err, code = run(self._host, cmd, in_data)
        return code, out, err


def run(host: dict[str, Any], script: str, stdin: str) -> tuple[bytes, bytes, int]:
    """Run PowerShell on a member, with something on its standard input."""
    line = winrm.Protocol(
        endpoint=f"https://{host['ansible_host']}:{host['ansible_port']}/wsman",
        transport="basic",
        username=host["ansible_user"],
        password=host["ansible_password"],
        ca_trust_path=host["ansible_winrm_ca_trust_path"],
        proxy=None,
    )
    shell = line.open_shell(codepage=65001)
    try:
        encoded = base64.b64encode(script.encode("utf-16-le")).decode()
        command = line.run_command(shell, f"powershell -NoProfile -NonInteractive -EncodedCommand {encoded}")
        line.send_command_input(shell, command, stdin.encode(), end=True)
        answered = line.get_command_output(shell, command)
        line.cleanup_command(shell, command)
    finally:
        line.close_shell(shell)
    found: tuple[bytes, bytes, int] = answered
    return found


class Recorded(Exception):
    """The command and its input, instead of an answer."""


def document(host: dict[str, Any]) -> tuple[str, str]:
    """What a verification sends: made once, since it is the same for every member."""
    sent: list[tuple[str, str]] = []

    class Recorder(Line):
        def exec_command(self, cmd: str, in_data: Any = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
            sent.append((cmd, in_data))
            raise Recorded

    with suppress(HostLost):
        judged_by(Recorder(host))
    return sent[0]


def judged_by(line: Line) -> Any:
    """What a verification keeps of a member."""
    asked = Asked("member", datetime.now(timezone.utc))
    return look_at(Host(line, lambda: secrets.token_hex(16)), EDGE, EDGE.own({}), asked).to_dict()


def plainly(host: dict[str, Any], sent: tuple[str, str]) -> Any:
    """What a member answers, read as JSON."""
    out, err, code = run(host, *sent)
    if code:
        raise SystemExit(f"a member answered {code}: {err.decode()[-500:]}")
    body = out.decode().split("ucops-begin ", 1)[1].split("ucops-end ", 1)[0].partition("\n")[2]
    return json.loads("".join(body.split("\n")).replace("\r", ""))


def main() -> None:
    """Reads, and says how much was read."""
    inventory = yaml.load(Path(sys.argv[1]).read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    hosts = [host for group in inventory["all"]["children"].values() for host in group["hosts"].values()]
    named = [port for host in hosts for port in host["rollout_endpoints"]]
    ports = named + [{**port, "server_name": None} for port in named if port.get("server_name")]
    # requests sets this variable for the moment of each request, which threads may not do where it is not set already.
    os.environ["no_proxy"] = "*"
    judged = sys.argv[2] == "judged"
    sent = ("", "") if judged else document(hosts[0])

    def one(host: dict[str, Any]) -> Any:
        return judged_by(Line(host)) if judged else plainly(host, sent)

    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(one, hosts))
    if judged:
        read = sum(port["ok"] for port in probe_many(ports, TIMEOUT))
    else:
        read = sum(bool(chain) for chain in read_plainly(ports, TIMEOUT, THREADS))
    print(json.dumps({"members": len([answer for answer in answers if answer]), "ports": read}))


if __name__ == "__main__":
    main()
