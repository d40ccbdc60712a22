"""What ports present follows the stores, by OpenSSL's path building and Schannel's rules."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from lab.member import schannel
from lab.member.host import EdgeMember
from lab.member.keys import NETWORK_SERVICE
from lab.scenarios import EdgePool

from .member_tools import ask, ask_later, call, order, pool, put, restart, set_certificate, thumb


@pytest.fixture
def lab(tmp_path: Path) -> EdgePool:
    return pool(tmp_path, members="1")


@pytest.fixture
def member(lab: EdgePool) -> EdgeMember:
    return lab.members[0]  # type: ignore[return-value]


def presented(lab: EdgePool, member: EdgeMember, name: str) -> list[str | None]:
    entry = member.state.stores.get("My", thumb(lab, name))
    assert entry
    return [lab.pki.name_of(d) for d in schannel.presented(member.state, entry)]


def test_intermediate_comes_from_the_computers_ca_store_only(lab: EdgePool, member: EdgeMember) -> None:
    put(member, "My", "external-new", key=True)
    assert presented(lab, member, "external-new") == ["external-new"]
    put(member, "CA", "issuing-new", location="CurrentUser")
    assert presented(lab, member, "external-new") == ["external-new"]
    put(member, "CA", "issuing-new")
    assert presented(lab, member, "external-new") == ["external-new", "issuing-new"]


def test_systems_own_store_counts_where_told(lab: EdgePool, member: EdgeMember) -> None:
    put(member, "My", "external-new", key=True)
    put(member, "CA", "issuing-new", location="S-1-5-18")
    assert presented(lab, member, "external-new") == ["external-new"]
    order(member, system_ca="used")
    assert presented(lab, member, "external-new") == ["external-new", "issuing-new"]


def test_shortest_chain_wins_and_the_longer_one_is_sent_when_it_is_the_only_one(
    lab: EdgePool, member: EdgeMember
) -> None:
    put(member, "CA", "root-cross")
    put(member, "Root", "root-legacy")
    assert presented(lab, member, "external-old") == ["external-old", "issuing-old"]
    order(member, store={"store": "Root", "remove": ["root"]})
    assert presented(lab, member, "external-old") == ["external-old", "issuing-old", "root-cross"]


def test_of_an_incomplete_chain_what_could_be_found_is_sent(lab: EdgePool, member: EdgeMember) -> None:
    order(member, store={"store": "Root", "remove": ["root"]})
    assert presented(lab, member, "external-old") == ["external-old", "issuing-old"]
    entry = member.state.entry(thumb(lab, "external-old"))
    assert entry and not schannel.complete(member.state, entry)


def test_root_is_not_sent_and_a_root_in_ca_is_no_anchor(lab: EdgePool, member: EdgeMember) -> None:
    assert presented(lab, member, "internal-old") == ["internal-old"]
    order(member, store={"store": "Root", "remove": ["corp-root"]})
    put(member, "CA", "corp-root")
    entry = member.state.entry(thumb(lab, "internal-old"))
    assert entry and not schannel.complete(member.state, entry)


def test_time_of_judgement_is_the_members_clock(lab: EdgePool, member: EdgeMember) -> None:
    entry = member.state.entry(thumb(lab, "external-old"))
    assert entry and schannel.complete(member.state, entry)
    member.advance(21 * 86400)
    assert presented(lab, member, "external-old") == ["external-old", "issuing-old"]  # sent all the same


def flight_names(lab: EdgePool, row: dict[str, Any]) -> list[str]:
    flight = base64.b64decode(row["Flight"]["$bytes"])
    assert flight[0] == 0x16 and flight[1] == 3
    return [n for n in ("external-new", "issuing-new", "root") if lab.pki[n].der in flight]


def test_tls_presented_is_a_real_flight(lab: EdgePool, member: EdgeMember) -> None:
    put(member, "My", "external-new", key=True)
    put(member, "My", "av-new")
    asked = call(
        "Test-TlsPresented", Store="My", Thumbprints=[thumb(lab, n) for n in ("external-new", "av-new", "root")]
    )
    rows = ask(member, asked)[0]["rows"]
    assert flight_names(lab, rows[0]) == ["external-new"]
    assert rows[1]["Flight"] is None and "not recognized" in rows[1]["Error"]
    assert rows[2] == {"Thumbprint": thumb(lab, "root"), "Present": False, "Flight": None, "Error": None}
    put(member, "CA", "issuing-new")
    assert flight_names(lab, ask(member, asked)[0]["rows"][0]) == ["external-new", "issuing-new"]


# -- listeners ------------------------------------------------------------------------------------


def handshake(host: str, port: int, ca: str | None = None) -> str:
    """``ok``, or the kind of failure, of a TLS 1.2 client without a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_REQUIRED if ca else ssl.CERT_NONE
    if ca:
        context.load_verify_locations(cadata=ca)
    try:
        with socket.create_connection((host, port), 5) as raw, context.wrap_socket(raw):
            return "ok"
    except ssl.SSLCertVerificationError:
        return "not verified"
    except ConnectionRefusedError:
        return "refused"
    except (ssl.SSLError, ConnectionError):
        return "alert"


async def probe(member: EdgeMember, name: str, ca: str | None = None) -> str:
    endpoint = next(e for e in member.listeners.endpoints if e.name == name)
    return await asyncio.to_thread(handshake, endpoint.host, endpoint.port, ca)


def test_ports_follow_services_stores_and_keys(lab: EdgePool, member: EdgeMember) -> None:
    root = lab.pki["root"].pem.decode()

    async def story() -> list[str]:
        seen = []
        await member.start()
        try:
            seen.append(await probe(member, "Access Edge", root))
            await member.control({"store": {"store": "CA", "remove": ["issuing-old"]}})
            seen.append(await probe(member, "Access Edge", root))
            await member.control({"store": {"store": "CA", "add": ["issuing-old"]}})
            seen.append(await probe(member, "Access Edge", root))
            await ask_later(member, call("Stop-CsWindowsService", Name="RTCSRV"))
            seen.append(await probe(member, "Access Edge", root))
            seen.append(await probe(member, "Web Conferencing Edge", root))
            await ask_later(member, call("Start-CsWindowsService", Name="RTCSRV"))
            seen.append(await probe(member, "Access Edge", root))
            await member.control({"key": {"certificate": "external-old", "revoke": NETWORK_SERVICE}})
            seen.append(await probe(member, "Access Edge", root))
        finally:
            await member.stop()
        return seen

    assert asyncio.run(story()) == ["ok", "not verified", "ok", "refused", "ok", "ok", "alert"]
    assert [e["id"] for e in member.describe()["events"] if e["log"] == "System"] == [36870]


def test_an_intermediate_in_root_breaks_mutual_tls_since_2012(tmp_path: Path) -> None:
    async def story(member: EdgeMember) -> list[str]:
        await member.start()
        try:
            before = await probe(member, "Internal SIP")
            await member.control({"store": {"store": "Root", "add": ["issuing-new"]}})
            return [before, await probe(member, "Internal SIP"), await probe(member, "Access Edge")]
        finally:
            await member.stop()

    new = pool(tmp_path, members="1").members[0]
    assert asyncio.run(story(new)) == ["ok", "alert", "ok"]  # type: ignore[arg-type]
    restart(new, "RTCSRV")  # type: ignore[arg-type]
    assert 61029 in {e["id"] for e in new.describe()["events"]} and new.describe()["mutual_tls"] == "broken"
    old = pool(tmp_path, members="1", windows="2008r2").members[0]
    assert asyncio.run(story(old)) == ["ok", "ok", "ok"]  # type: ignore[arg-type]


def test_av_edge_shows_no_certificate(member: EdgeMember) -> None:
    endpoint = next(e for e in member.listeners.endpoints if e.pseudo)

    async def story() -> bytes:
        await member.start()
        try:
            reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
            writer.write(b"\x16\x03\x01\x00\x04" + b"\x01\x00\x00\x00")
            answer = await reader.readexactly(5)
            answer += await reader.readexactly(int.from_bytes(answer[3:5], "big"))
            writer.close()
            return answer
        finally:
            await member.stop()

    answer = asyncio.run(story())
    assert answer[5] == 2 and answer.endswith(b"\x0e\0\0\0") and len(answer) < 100
    assert endpoint.name not in {e["name"] for e in member.inventory_vars()["rollout_endpoints"]}


@pytest.mark.parametrize(("applies", "expected"), [("at-once", "external-new"), ("on-restart", "external-old")])
def test_when_an_assignment_reaches_the_port(lab: EdgePool, member: EdgeMember, applies: str, expected: str) -> None:
    put(member, "My", "external-new", key=True)
    put(member, "CA", "issuing-new")
    order(member, applies=applies)
    set_certificate(member, thumb(lab, "external-new"), "AccessEdgeExternal", "DataEdgeExternal")
    access = member.listeners.endpoints[0]
    now = member.listeners.certificate(access)
    assert now and lab.pki.name_of(now.der) == expected
    restart(member, "RTCSRV")
    now = member.listeners.certificate(access)
    assert now and lab.pki.name_of(now.der) == "external-new"
