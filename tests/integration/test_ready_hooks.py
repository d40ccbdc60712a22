"""The hooks that the collection brings, around the members of a rollout: nobody is lost, and all is as it was."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from integration import balancers
from integration import exchange_array as array
from integration.test_exchange_maintenance import shown
from integration.test_renew_exchange import Start, start
from lab.client import LabProcess
from lab.exchange.client import OwaUser, starttls_problem

__all__ = ["start"]
OURS = "ucops.certificates"


def around(name: str, **variables: Any) -> dict[str, Any]:
    """A ready hook on either side, with its variables."""
    both = {f"rollout_{side}_member": f"{OURS}.{name}" for side in ("before", "after")}
    return {**both, **{f"{name}_{key}": value for key, value in variables.items()}}


def maintenance(**variables: Any) -> dict[str, Any]:
    """An Exchange server's maintenance, polled without a pause."""
    return around("exchange_maintenance", drain_poll_seconds=0.01, **variables)


@contextmanager
def balanced(lab: LabProcess) -> Iterator[Mapping[str, int]]:
    """Somebody who reads mail and hands some in all the while, by a balancer that looks at the health URL."""
    end, seen, wrong = threading.Event(), {"looks": 0, "mails": 0, "members": 0}, []
    ports = {name: host["rollout_endpoints"] for name, host in array.hosts(lab).items()}
    web = {name: next(f"{p['host']}:{p['port']}" for p in found if p["name"] == "Web") for name, found in ports.items()}
    smtp = {name: next(p for p in found if p["name"] == "SMTP") for name, found in ports.items()}
    user, used = OwaUser(list(web.values())), set()

    def well(member: str) -> bool:
        return user._send(web[member], "/owa/healthcheck.htm")[0] == 200

    def go() -> None:
        turn = 0
        while not end.is_set():
            turn += 1
            members = [member for member in web if well(member)]
            if not members:
                wrong.append("no member is well")
                continue
            member = members[turn % len(members)]
            port = smtp[member]
            shows, problem = user.open(web[member]), starttls_problem(port["host"], port["port"], port["server_name"])
            # The member may have gone between the look at its health and this one.
            if (shows not in ("inbox", "login") or problem) and well(member):
                wrong.append(f"{member}: {shows}, {problem}")
            used.add(member)
            seen["looks"] += 1
            seen["mails"] += problem is None

    thread = threading.Thread(target=go, daemon=True)
    thread.start()
    yield seen
    end.set()
    thread.join()
    seen["members"] = len(used)
    assert seen["looks"] > 10 and not wrong, wrong[:5]


def at_the_switch(lab: LabProcess, state: Mapping[str, Any]) -> list[str]:
    """Members on which Enable-ExchangeCertificate came before the server was offline, or after it was back."""
    wrong = []
    for name, member in state.items():
        ran = list(member["ran"])
        switch = ran.index("Enable-ExchangeCertificate")
        before, after = ran[:switch], ran[switch:]
        if "Redirect-Message" not in before or before.count("Set-ServerComponentState") < 2:
            wrong.append(f"{name} was not out of service")
        if "Move-ActiveMailboxDatabase" not in after or after.count("Set-ServerComponentState") < 2:
            wrong.append(f"{name} was not put back")
    return wrong


def test_an_array_is_renewed_with_every_server_in_maintenance(start: Start) -> None:
    controller = start(dag="1")
    for name in ("ex1", "ex2", "ex3"):
        controller.lab.configure(name, queue={"messages": 5}, activation={"policy": "IntrasiteOnly"})
    before = controller.lab.state()
    checked = controller.renew_exchange("--check", **maintenance()).succeeded()
    assert "into maintenance: ex1" not in checked.output and shown(controller.lab.state()) == shown(before)
    with balanced(controller.lab) as seen:
        run = controller.renew_exchange(**maintenance()).succeeded()
    assert seen["members"] == 3 and seen["mails"] > 10, seen
    after = controller.lab.state()
    assert run.verdict == "all-new" == array.truth(after)
    array.unhurt(before, after)
    assert not at_the_switch(controller.lab, after)
    assert sum(member["queue"]["messages"] for member in after.values()) == 15, "messages were lost"
    kept = ("components", "databases", "activation", "maintenance", "services")
    for name, member in after.items():
        assert {key: member[key] for key in kept} == {key: before[name][key] for key in kept}, name
    with balanced(controller.lab):
        back = {"rollout_array": "exchange", "rollout_completed": True}
        controller.rollback(**back, **maintenance()).succeeded()
    assert array.truth(controller.lab.state()) == "all-old"
    assert shown(controller.lab.state())["ex1"]["databases"] == shown(before)["ex1"]["databases"]


def test_a_member_without_another_healthy_copy_stops_the_run_before_it_is_touched(start: Start) -> None:
    controller = start(dag="1", members="2")
    controller.lab.configure("ex2", databases={"DB2": {"EX1": "Failed"}})
    before = controller.lab.state()
    run = controller.renew_exchange(**maintenance()).failed("DB2 is mounted here")
    assert run.verdict == "all-old"
    after = controller.lab.state()
    array.as_before(before, after)
    assert "Enable-ExchangeCertificate" not in after["ex2"]["ran"]
    assert shown(after) == shown(before)


@pytest.mark.whole
def test_mail_that_a_server_does_not_take_back_up_is_an_error_in_the_end(start: Start) -> None:
    """421 is let pass while a hook has the member out, and no longer."""
    controller = start(members="2", dag="1")
    only = maintenance()
    del only["rollout_after_member"]
    run = controller.renew_exchange(**only)
    assert run.rc == 2 and "421 4.3.2" in run.output, run.output[-4000:]


def test_a_ready_hook_that_is_not_there_is_refused_before_any_member_is_touched(start: Start) -> None:
    controller = start(members="1")
    before = controller.lab.counts()
    run = controller.renew_exchange(rollout_before_member=f"{OURS}.haprox").failed(
        "no ready hook ucops.certificates.haprox"
    )
    for name in ("exchange_maintenance", "haproxy", "kemp", "wait_for_balancer"):
        assert f"{OURS}.{name}" in run.output
    assert controller.lab.counts() == before


def test_haproxy_is_drained_and_put_back_to_what_it_was(start: Start, tmp_path: Path) -> None:
    controller = start(members="2")
    with balancers.Haproxy(
        tmp_path / "admin.sock", {"https": ["ex1", "ex2"], "smtp": ["ex1", "ex2", "ex3"]}
    ) as balancer:
        balancer.sessions["https", "ex1"] = 3
        balancer.admin["smtp", "ex2"] = "drain"
        given = around("haproxy", hosts=["localhost"], backends=["https", "smtp"], socket=str(tmp_path / "admin.sock"),
                       poll_seconds=0.01)  # fmt: skip
        controller.renew_exchange("--check", **given).succeeded()
        assert not balancer.set
        controller.renew_exchange(**given).succeeded()
    expected = [
        "https/ex1 drain",
        "smtp/ex1 drain",
        "https/ex1 ready",
        "smtp/ex1 ready",
        "https/ex2 drain",
        "https/ex2 ready",
    ]
    assert balancer.set == expected, "what was drained before stays so"


@pytest.mark.whole
def test_haproxy_keeps_its_last_server(start: Start, tmp_path: Path) -> None:
    controller = start(members="2")
    with balancers.Haproxy(tmp_path / "admin.sock", {"https": ["ex1", "ex2"]}) as balancer:
        balancer.down.add(("https", "ex2"))
        given = around("haproxy", hosts=["localhost"], backends=["https"], socket=str(tmp_path / "admin.sock"))
        run = controller.renew_exchange(**given).failed("no other server of backend https is up")
        assert run.verdict == "all-old" and not balancer.set
        balancer.down.clear()
        balancer.lasting = True
        run = controller.renew_exchange(**{**given, "haproxy_wait_seconds": 0}).failed("4 sessions after 0 s")
    assert balancer.set == ["https/ex1 drain", "https/ex1 ready"]


@pytest.mark.whole
def test_haproxy_takes_a_member_out_of_all_backends_or_of_none(start: Start, tmp_path: Path) -> None:
    controller = start(members="2")
    with balancers.Haproxy(tmp_path / "admin.sock", {"https": ["ex1", "ex2"], "smtp": ["ex1"]}) as balancer:
        given = around("haproxy", hosts=["localhost"], backends=["https", "smtp"], socket=str(tmp_path / "admin.sock"))
        run = controller.renew_exchange(**given).failed("no other server of backend smtp is up")
    assert run.verdict == "all-old" and balancer.set == ["https/ex1 drain", "https/ex1 ready"]


def test_a_loadmaster_is_told_by_its_api(start: Start) -> None:
    controller = start(members="2")
    with balancers.Kemp(["10.0.0.1", "10.0.0.2"], "bal", "1fourall") as balancer:
        balancer.connections["10.0.0.1"] = 2
        addresses = "{{ {'ex1': '10.0.0.1', 'ex2': '10.0.0.2'}[member] }}"
        given = around("kemp", url=balancer.url, username="bal", password="1fourall", address=addresses, poll_seconds=1)
        run = controller.renew_exchange(**given).succeeded()
        assert balancer.asked == ["disablers 10.0.0.1", "enablers 10.0.0.1", "disablers 10.0.0.2", "enablers 10.0.0.2"]
        assert "1fourall" not in run.output
        balancer.enabled["10.0.0.2"] = False
        balancer.asked.clear()
        back = {"rollout_array": "exchange", "rollout_completed": True}
        assert "expected one at least of each" in controller.rollback(**back, **given).output
        assert not [line for line in balancer.asked if line.endswith("10.0.0.1")]


@pytest.mark.whole
def test_the_balancer_is_waited_for_by_the_health_url(start: Start) -> None:
    """With hooks of several: a file of one's own includes the roles."""
    controller = start(members="2", dag="1")
    for side in ("before", "after"):
        names = ("exchange_maintenance", "wait_for_balancer")
        roles = [{"name": f"{OURS}.{name}", "tasks_from": side} for name in names]
        tasks = [{"name": f"{side} {role['name']}", "ansible.builtin.include_role": role} for role in roles]
        (controller.folder / f"{side}.yml").write_text(json.dumps(tasks), encoding="utf-8")
    port = "(hostvars[member].rollout_endpoints | selectattr('name', 'equalto', 'Web') | first)"
    given = {
        "rollout_before_member": "before.yml",
        "rollout_after_member": "after.yml",
        "exchange_maintenance_drain_poll_seconds": 0.01,
        "wait_for_balancer_url": f"https://{{{{ {port}.host }}}}:{{{{ {port}.port }}}}/owa/healthcheck.htm",
        "wait_for_balancer_validate_certs": False,
        "wait_for_balancer_poll_seconds": 1,
        "wait_for_balancer_notice_seconds": 0,
    }
    with balanced(controller.lab):
        run = controller.renew_exchange(**given).succeeded()
    answers = [row["result"]["status"] for row in run.of("uri")]
    assert answers == [503, 200, 503, 200]


@pytest.mark.parametrize("connection", ["winrm-basic-https"])
def test_a_lost_member_stops_the_run_at_its_ready_hook(start: Start, connection: str) -> None:
    controller = start(dag="1", members="2", connection=connection)
    controller.lab.fault("ex2", call="Get-Maintenance", do="down-before")
    before = controller.lab.state()
    run = controller.renew_exchange(**maintenance())
    assert run.rc == 2 and "put it into maintenance: ex2" in run.report["sentence"], run.report["sentence"]
    after = controller.lab.state()
    assert array.truth({"ex1": after["ex1"]}) == "all-old"
    assert "Enable-ExchangeCertificate" not in after["ex2"]["ran"]
    assert shown(after)["ex1"] == shown(before)["ex1"]
