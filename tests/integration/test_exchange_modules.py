"""The modules for Exchange servers, as users run them, on the lab: what springs by hand does not spring with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration.tasks import READS, Done, Tasks
from lab.client import LabProcess
from lab.exchange.client import StarttlsWatch

EVERY = ["IIS", "SMTP", "POP", "IMAP"]
# In `make test` the oldest (rollouts are tested on the newest), the others in the whole.
VERSIONS = [
    "exchange2010",
    *(pytest.param(f"exchange{name}", marks=pytest.mark.whole) for name in ("2013", "2016", "2019", "se")),
]
START = Callable[..., Tasks]
STAGE = "ucops.certificates"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[START]:
    """Starts Exchange labs of one server: ``start("exchange2010", services_shape="null")``."""
    with ExitStack() as stack:
        count = 0

        def begin(product: str = "exchange2019", member: str = "ex1", **options: str) -> Tasks:
            nonlocal count
            count += 1
            settings = {"members": "1", "second_hop": "delegates", **options}
            lab = LabProcess(
                "exchange-array",
                directory=tmp_path / f"lab{count}",
                product=product,
                connection="winrm-basic-https",
                settings=settings,
            )
            return Tasks(stack.enter_context(lab), tmp_path / f"tasks{count}", member)

        yield begin


def lasting(state: Mapping[str, Any]) -> dict[str, Any]:
    """All of a server that a read must not change."""
    kept = ("stores", "keys", "orphan_keys", "services", "bindings", "default_smtp", "require_ssl", "smtp_enabled")
    more = ("connectors", "client_names", "um", "edge_sync", "leaves", "journal", "lock", "events")
    return {key: state[key] for key in (*kept, *more)}


def thumb(tasks: Tasks, name: str) -> str:
    """Thumbprint of a lab certificate that lies on the server."""
    return next(thumbprint for thumbprint, known in tasks.state()["names"].items() if known == name)


def three_times(tasks: Tasks, options: Mapping[str, Any]) -> Done:
    """Check run, run, unchanged run; the check run announces what the run does and sends nothing but reads."""
    before = tasks.state()
    task = {"exchange_services": options, "diff": True}
    done = tasks.run({**task, "check_mode": True}, task, task)
    assert done.rc == 0, done.output[-6000:]
    checked, ran, again = (row["result"] for row in done.rows)
    after_check, after, in_the_end = (state[tasks.member] for state in done.states)
    assert (checked["changed"], ran["changed"], again["changed"]) == (True, True, False), done.output[-6000:]
    assert lasting(after_check) == lasting(before), "the check run changed something"
    sent = after_check["ran"][len(before["ran"]) :]
    assert sent and all(name.startswith(READS) for name in sent), sent
    assert (checked["changes"], checked["diff"]) == (ran["changes"], ran["diff"]), "another was announced"
    assert lasting(after) != lasting(before)
    assert lasting(in_the_end) == lasting(after), "the unchanged run changed something"
    assert not again["changes"]
    return done


def back_end(state: Mapping[str, Any]) -> dict[str, str]:
    """The bindings of port 444."""
    return {where: what for where, what in state["bindings"].items() if where.endswith(":444")}


def unhurt(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """What must be the same afterwards, whatever was enabled."""
    for key in ("default_smtp", "edge_sync", "client_names", "require_ssl", "orphan_keys", "back_end", "connectors"):
        assert after[key] == before[key], key
    assert back_end(after) == back_end(before)
    assert after["visits"]["tls_failures"] == before["visits"]["tls_failures"]


@pytest.mark.parametrize("product", VERSIONS)
def test_a_renewal_of_one_server(start: START, product: str) -> None:
    """From the vendor's bundle: announced, done, done once; default SMTP certificate, 444 and names as they were."""
    tasks = start(product)
    before, new = tasks.state(), tasks.thumbprint()
    endpoints = _endpoints(tasks)
    with StarttlsWatch(endpoints) as watch:
        done = three_times(tasks, {"services": EVERY, "bundle": tasks.bundle()})
    assert not watch.problems, watch.problems
    after, ran = tasks.state(), done.rows[1]["result"]
    unhurt(before, after)
    assert after["bindings"]["0.0.0.0:443"] == after["leaves"]["Web"] == new
    assert new in after["smtp_enabled"] and after["leaves"]["SMTP submission"] == new
    assert set(after["stores"]["LocalMachine"]["My"]) == {*before["stores"]["LocalMachine"]["My"], new}
    assert all(new in ran["assigned"][service] for service in EVERY)
    assert ran["default_smtp"] == before["default_smtp"]
    assert "W3SVC" in ran["restart"] and "MSExchangePOP3" in ran["restart"]
    look = tasks.run({"exchange_info": {}}).ok(changed=False)
    assert look["default_smtp"] == before["default_smtp"] and look["assigned"]["IIS"] == [new]


def _endpoints(tasks: Tasks) -> list[tuple[str, int, str]]:
    """The ports of inbound mail."""
    inventory = yaml.safe_load(tasks.lab.inventory.read_text(encoding="utf-8"))
    hosts = inventory["all"]["children"]["exchange"]["hosts"]
    return [
        (port["host"], port["port"], port["server_name"])
        for port in hosts[tasks.member]["rollout_endpoints"]
        if port.get("starttls") == "smtp"
    ]


@pytest.mark.parametrize("product", VERSIONS)
def test_what_springs_by_hand_does_not_with_us(start: START, product: str) -> None:
    """One server by hand, as blog posts have it, the other with the module."""
    tasks = start(product, members="2")
    before, new = tasks.lab.state(), tasks.thumbprint()
    tasks.lab.store("ex2", store="CA", add=["issuing-new"])
    tasks.lab.store("ex2", store="My", add=["mail-new"], key=True)
    by_hand = f"Enable-ExchangeCertificate -Thumbprint {new} -Services IIS,SMTP,POP,IMAP -Force"
    typed = Tasks(tasks.lab, tasks.folder / "by-hand", "ex2")
    snapin = "Add-PSSnapin Microsoft.Exchange.Management.PowerShell.E2010"
    assert typed.run({"ansible.builtin.raw": f"{snapin}\n{by_hand}"}).rc == 0
    tasks.run({"exchange_services": {"services": EVERY, "bundle": tasks.bundle()}}).ok(changed=True)
    ours, hand = (tasks.lab.state()[name] for name in ("ex1", "ex2"))
    assert hand["default_smtp"] == new and hand["require_ssl"] and hand["client_names"] != before["ex2"]["client_names"]
    unhurt(before["ex1"], ours)
    assert ours["default_smtp"] == before["ex1"]["default_smtp"] and not ours["require_ssl"]
    assert ours["bindings"]["0.0.0.0:443"] == hand["bindings"]["0.0.0.0:443"] == new


WORLDS: list[dict[str, str]] = [
    {"services_shape": "extra"},
    {"services_shape": "null"},
    {"pop_imap_enable": "leaves-name", "pop_imap_applies": "at-once"},
    {"smtp_applies": "on-restart", "dates": "text"},
    {"enable_grants": "any-service", "starttls_choice": "enabled-only"},
    {"starttls_choice": "any", "revocation": "blocked"},
]


@pytest.mark.whole
@pytest.mark.parametrize("world", WORLDS, ids=lambda world: "-".join(world.values()))
def test_where_nobody_knows_both_ways_converge(start: START, world: Mapping[str, str]) -> None:
    tasks = start("exchange2016", **world)
    before = tasks.state()
    three_times(tasks, {"services": EVERY, "bundle": tasks.bundle()})
    unhurt(before, tasks.state())


@pytest.mark.whole
@pytest.mark.parametrize("product", ["exchange2010", "exchangese"])
def test_a_session_without_types(start: START, product: str) -> None:
    """Services null and no private key, whatever is so: known from elsewhere, or said to be unknown."""
    tasks = start(product, second_hop="refused", remote_exchange="missing")
    before, new = tasks.state(), tasks.thumbprint()
    wish = {"services": EVERY, "bundle": tasks.bundle(), "shell": "session"}
    three_times(tasks, wish)
    unhurt(before, tasks.state())
    look = tasks.run({"exchange_info": {"shell": "session"}}).ok(changed=False)
    assert {row["services_reported"] for row in look["certificates"]} == {None}
    assert all(new in look["assigned"][service] for service in EVERY) and look["findings"] == []
    tasks.lab.store(tasks.member, store="My", add=["mail-other-key"], key=True)
    tasks.lab.configure(tasks.member, smtp=["mail-other-key"], federation="mail-old")
    look = tasks.run({"exchange_info": {"shell": "session"}}).ok(changed=False)
    other = thumb(tasks, "mail-other-key")
    assert all(other in look["unknown"][service] for service in ("SMTP", "POP", "IMAP"))
    assert not any(other in held for held in look["assigned"].values()), "nobody can say so"
    assert look["protected"][thumb(tasks, "mail-old")] == "federation" and other not in look["protected"]


def test_a_broken_auth_certificate(start: START) -> None:
    """Only RawData arrives then, and that is enough; the look says what is wrong."""
    tasks = start()
    tasks.lab.configure(tasks.member, auth_certificate="auth-expired")
    before = tasks.state()
    three_times(tasks, {"services": EVERY, "bundle": tasks.bundle()})
    unhurt(before, tasks.state())
    look = tasks.run({"exchange_info": {}}).ok(changed=False)
    assert [found["id"] for found in look["findings"]] == ["exchange.auth-certificate"]
    assert {row["services_reported"] for row in look["certificates"]} == {None}


@pytest.mark.whole
def test_the_default_is_what_is_replaced(start: START) -> None:
    """Somebody once said yes: one has to choose, and each choice is carried out."""
    tasks = start()
    tasks.lab.configure(tasks.member, default_smtp="mail-old")
    before, new = tasks.state(), tasks.thumbprint()
    wish = {"services": EVERY, "bundle": tasks.bundle()}
    refused = tasks.run({"exchange_services": wish}).failed("exchange.default-smtp-choice")
    assert "keep or move" in refused["msg"] and lasting(tasks.state()) == lasting(before)
    three_times(tasks, {**wish, "default_smtp": "keep"})
    assert tasks.state()["default_smtp"] == before["default_smtp"] == thumb(tasks, "mail-old")
    three_times(tasks, {**wish, "default_smtp": "move"})
    assert tasks.state()["default_smtp"] == new


@pytest.mark.whole
def test_a_change_that_breaks_between_force_and_restore(start: START) -> None:
    """The one moment in which the default is another: the error says what it was, and with that it comes back."""
    tasks = start()
    before = tasks.state()["default_smtp"]
    wish = {"services": ["SMTP"], "bundle": tasks.bundle()}
    tasks.lab.fault(tasks.member, call="Enable-ExchangeCertificate", nth=2, do="error")
    broken = tasks.run({"exchange_services": wish}).failed()
    assert broken["default_smtp_before"] == before and before in broken["msg"]
    assert tasks.state()["default_smtp"] == tasks.thumbprint()
    back = {"services": ["SMTP"], "thumbprint": before, "default_smtp": "move", "check_ready": False}
    tasks.run({"exchange_services": back}).ok(changed=True)
    assert tasks.state()["default_smtp"] == before


def test_a_wildcard(start: START) -> None:
    """Enabled for the web site and SMTP; POP finds it by its name, which has to be one that it covers."""
    tasks = start()
    tasks.lab.store(tasks.member, store="CA", add=["issuing-new"])
    tasks.lab.store(tasks.member, store=STAGE, add=["mail-wildcard"], key=True)
    wish: dict[str, Any] = {"services": ["IIS", "SMTP", "POP"], "thumbprint": thumb(tasks, "mail-wildcard")}
    before = tasks.state()
    refused = tasks.run({"exchange_services": {**wish, "pop_name": "pop.elsewhere.example"}})
    assert "does not cover" in refused.failed("exchange.client-name")["msg"] and lasting(tasks.state()) == lasting(
        before
    )
    done = three_times(tasks, {**wish, "pop_name": "pop2.contoso.example"})
    after = tasks.state()
    assert after["client_names"]["POP"] == "pop2.contoso.example"
    assert after["default_smtp"] == before["default_smtp"] and after["leaves"]["Web"] == wish["thumbprint"]
    assert "finds the wildcard" in " ".join(done.rows[1]["result"]["warnings"])


@pytest.mark.whole
def test_ways_into_the_shell(start: START) -> None:
    """Without delegation the management shell does not open, and that is said; nothing is changed."""
    tasks = start(second_hop="refused")
    before = tasks.state()
    wish = {"services": EVERY, "bundle": tasks.bundle()}
    refused = tasks.run({"exchange_services": wish}).failed("product.not-loaded")
    assert "snapin" in refused["msg"] and lasting(tasks.state()) == lasting(before)
    three_times(tasks, {**wish, "shell": "snapin"})
    unhurt(before, tasks.state())


def test_a_shell_that_lands_on_another_server(start: START) -> None:
    tasks = start(members="2", shell_lands_on="EX2")
    before = tasks.lab.state()
    three_times(tasks, {"services": EVERY, "bundle": tasks.bundle()})
    after = tasks.lab.state()
    unhurt(before["ex1"], after["ex1"])
    assert after["ex1"]["leaves"]["Web"] == tasks.thumbprint()
    assert lasting(after["ex2"]) == lasting(before["ex2"])


@pytest.mark.whole
def test_edge_transport(start: START) -> None:
    """Only SMTP, with its own local shell; the Edge Subscription is spoken of."""
    tasks = start(member="gate1", edge_transport="1", second_hop="refused")
    before = tasks.state()
    refused = tasks.run({"exchange_services": {"services": EVERY, "bundle": tasks.bundle()}})
    refused.failed("exchange.service-absent")
    done = three_times(tasks, {"services": ["SMTP"], "bundle": tasks.bundle()})
    after = tasks.state()
    assert after["default_smtp"] == before["default_smtp"] and after["edge_sync"] == before["edge_sync"]
    assert tasks.thumbprint() in after["smtp_enabled"]
    assert "Edge Subscription" in " ".join(done.rows[1]["result"]["warnings"])
    look = tasks.run({"exchange_info": {}}).ok(changed=False)
    assert look["roles"] == ["edge_transport"] and look["bindings"] == [] and look["names"] == {}


@pytest.mark.parametrize(
    "product", ["exchange2010", pytest.param("exchange2013", marks=pytest.mark.whole), "exchange2019"]
)
def test_reading_changes_nothing_and_tells_what_is(start: START, product: str) -> None:
    tasks = start(product)
    before = tasks.state()
    look = tasks.run({"exchange_info": {}}).ok(changed=False)
    assert look["default_smtp"] == before["default_smtp"] and look["names"] == before["client_names"]
    assert {f"{b['address']}:{b['port']}": b["thumbprint"] for b in look["bindings"]} == before["bindings"]
    assert sorted(row["thumbprint"] for row in look["certificates"]) == sorted(before["stores"]["LocalMachine"]["My"])
    old, own = thumb(tasks, "mail-old"), thumb(tasks, "ex1-self")
    assert look["assigned"]["IIS"] == look["assigned"]["POP"] == look["assigned"]["IMAP"] == [old]
    assert {old, own} <= set(look["protected"]) and old in look["assigned"]["SMTP"]
    assert look["product"].endswith(product.removeprefix("exchange")) and look["findings"] == []
    named = {c["name"]: bool(c["certificate_name"]) for c in look["connectors"]}
    assert set(before["connectors"]) <= set(named) and any(named.values()) is (product != "exchange2010")
    assert lasting(tasks.state()) == lasting(before)
    if product == "exchange2010":
        return
    tasks.lab.store(tasks.member, store="CA", add=["issuing-new"])
    tasks.lab.store(tasks.member, store="My", add=["mail-new"], key=True)
    found = tasks.run({"exchange_info": {}}).ok(changed=False)["findings"]
    assert [(one["id"], one["subject"]) for one in found] == [("exchange.smtp-not-enabled", "Client Frontend EX1")]
    assert tasks.state()["leaves"]["SMTP submission"] is None, "and so it is"


def test_what_is_refused_leaves_everything_as_it_was(start: START) -> None:
    tasks = start()
    before, bundle = tasks.state(), tasks.bundle()
    wishes: list[tuple[dict[str, Any], str]] = [
        ({"services": ["IIS"], "bundle": tasks.bundle("incomplete.pfx")}, "chain.issuer-missing"),
        ({"services": ["UM"], "bundle": bundle}, "exchange.service-absent"),
        ({"services": ["IIS"], "thumbprint": "AB" * 20}, "store.leaf-missing"),
    ]
    done = tasks.run(*({"exchange_services": options, "ignore_errors": True} for options, _ in wishes))
    for row, (_, finding) in zip(done.rows, wishes, strict=True):
        assert row["status"] == "failed" and finding in [one["id"] for one in row["result"]["findings"]], row
    tasks.lab.configure(tasks.member, services={"MSExchangeServiceHost": "Stopped"})
    stopped = tasks.run({"exchange_services": {"services": ["IIS"], "bundle": bundle}}).failed()
    assert "RPC server is unavailable" in stopped["msg"] or stopped.get("finding") == "product.service-stopped"
    tasks.lab.configure(tasks.member, services={"MSExchangeServiceHost": "Running"})
    assert lasting(tasks.state())["stores"] == before["stores"] and tasks.state()["bindings"] == before["bindings"]
