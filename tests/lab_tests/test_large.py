"""A lab of two hundred members: they have addresses of their own, and each answers."""

from __future__ import annotations

import dataclasses
import resource
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import winrm
import yaml

from lab import scenarios
from lab.client import LabProcess
from lab.interfaces import Options
from lab.network import CLAIM_PORT, Network

from .member_tools import quiet

USUAL_LIMIT = 1024
"""Open files that most systems let a process have, unless it asks for more."""


def options(**more: Any) -> Options:
    """Options of a lab in 127.99.0."""
    return Options("edge-pool", Path(), "127.99.0", "labadmin", "secret", quiet, **more)


@contextmanager
def usual_limit() -> Iterator[None]:
    """What is started within has the usual limit of open files, and may raise it."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (USUAL_LIMIT, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_addresses_go_on_in_further_networks() -> None:
    many = options(further=lambda number: f"127.{number}.0")
    assert [many.address(host) for host in (1, 249, 251, 2004)] == [
        "127.99.0.1",
        "127.99.0.249",
        "127.1.0.1",
        "127.8.0.4",
    ]
    found = {many.address(10 * member + n) for member in range(1, 202) for n in (1, 2, 3, 4)}
    assert len(found) == 4 * 201
    for host in (0, -1, 250, 500):
        with pytest.raises(ValueError, match=f"found {host}$"):
            many.address(host)
    with pytest.raises(ValueError, match="expected a host below 250, as there is one network; found 251"):
        options().address(251)


def test_further_networks_are_held_and_given_back() -> None:
    with Network.claim() as network:
        second, first = network.further(2), network.further(1)
        assert len({network.prefix, first, second}) == 3 and network.further(2) == second
        for prefix in (first, second):
            with pytest.raises(OSError):
                Network.claim(prefix)
    for prefix in (first, second):
        Network.claim(prefix).close()


def test_two_hundred_members_answer() -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 3000:
        pytest.skip("this system lets a process have fewer than 3000 open files, whatever it asks for")
    with usual_limit():
        lab = LabProcess(settings={"members": "200"}, connection="winrm-basic-https").start()
    try:
        inventory = yaml.safe_load(lab.inventory.read_text(encoding="utf-8"))["all"]
        hosts, common = inventory["children"]["edge"]["hosts"], inventory["vars"]
        assert len(hosts) == 200
        assert len({host["ansible_host"] for host in hosts.values()}) == 200
        ports = [(port["host"], port["port"]) for host in hosts.values() for port in host["rollout_endpoints"]]
        assert len(ports) == len(set(ports)) == 1400
        for name in ("edge1", "edge24", "edge25", "edge200"):
            assert said_by(hosts[name]["ansible_host"], common) == name.upper()
            assert presented(hosts[name]["rollout_endpoints"][0])
        assert sum(counts["commands"] for counts in lab.counts().values()) == 4
    finally:
        lab.stop()
    with pytest.raises(OSError), socket.create_connection((hosts["edge200"]["ansible_host"], CLAIM_PORT), 2):
        pass


def said_by(address: str, common: dict[str, Any]) -> str:
    """What a member says it is called, over WinRM."""
    session = winrm.Session(
        f"https://{address}:{common['ansible_port']}/wsman",
        auth=(common["ansible_user"], common["ansible_password"]),
        transport="basic",
        ca_trust_path=common["ansible_winrm_ca_trust_path"],
        proxy=None,
    )
    return str(session.run_cmd("hostname").std_out.decode().strip())


def presented(port: dict[str, Any]) -> bytes | None:
    """The certificate that a port presents."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((port["host"], port["port"]), 10) as line,
        context.wrap_socket(line, server_hostname=port["server_name"]) as secure,
    ):
        return secure.getpeercert(True)


@pytest.mark.parametrize("scenario", ["edge-pool", "exchange-array"])
@pytest.mark.parametrize("members", ["0", "201", "-1", "three", ""])
def test_what_is_no_size(scenario: str, members: str) -> None:
    wanted = dataclasses.replace(options(extra={"members": members}), scenario=scenario)
    with pytest.raises(ValueError, match=f"^expected members to be 1 to 200, found '{members}'$"):
        scenarios.build(wanted)
