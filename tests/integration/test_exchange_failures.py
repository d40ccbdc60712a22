"""An Exchange array when something goes wrong: nothing is switched past a closed gate, and what was is taken back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integration import exchange_array as array
from integration.test_renew_exchange import Start, spent, start
from lab.client import LabProcess

__all__ = ["start"]
ENABLE, RENAME = "Enable-ExchangeCertificate", "Set-SendConnector"


def tidy(lab: LabProcess, before: dict[str, Any]) -> None:
    """Every member is as it was, but for what lies staged."""
    array.as_before(before, lab.state())
    assert array.truth(lab.state()) == "all-old"


BAD: list[tuple[dict[str, Any], str]] = [
    ({"name": "incomplete.zip", "key": "mail.key.pem"}, "chain.issuer-missing"),
    ({"name": "bad/names-missing.pfx", "key": None}, "names.missing"),
    ({"name": "bad/older.pfx", "key": None}, "leaf.older-than-current"),
]


def test_what_the_gate_refuses_touches_nothing(start: Start) -> None:
    """Incomplete, names that are in use and not covered, older than what is in use; nothing is staged either."""
    controller = start(members="2")
    lab, before = controller.lab, controller.lab.state()
    for bundle, finding in BAD:
        run = controller.renew_exchange(rollout_bundles={"external": controller.bundle(**bundle)}).failed(finding)
        assert "nothing is switched" in run.output and run.report["result"] == "refused"
        assert array.lasting(lab.state()) == array.lasting(before), finding
    lab.reset_counts()
    controller.renew_exchange(rollout_bundles={"internal": controller.bundle(key="mail.key.pem")}).failed(
        "bundle.unknown-use", "named external"
    )
    controller.renew_exchange(rollout_services=["FTP"]).failed("rollout_services", "FTP")
    assert spent(lab) == {"ex1": 0, "ex2": 0}, "bad input was found only after a member was asked"


def test_a_name_that_clients_are_sent_to_is_told(start: Start) -> None:
    """Read from every member's virtual directories: a warning that names the setting, and the renewal goes on."""
    controller = start(members="1")
    controller.lab.configure("ex1", urls={"ews": {"ExternalUrl": "https://ews.contoso.example/EWS/Exchange.asmx"}})
    run = controller.renew_exchange("--check").succeeded()
    told = [f for member in run.report["members"] for f in member["findings"] if f["id"] == "exchange.name-uncovered"]
    assert [(f["subject"], f["severity"]) for f in told] == [("ews.contoso.example", "warning")]
    assert "EWS ExternalUrl" in told[0]["text"]


def test_member_2_fails_between_force_and_restore(start: Start) -> None:
    """The one moment in which the default SMTP certificate is another: all of the array goes back, the default, too."""
    controller = start()
    lab, before = controller.lab, controller.lab.state()
    lab.fault("ex2", call=ENABLE, nth=2, do="error", message="The operation could not be performed.")
    with array.watched(lab):
        run = controller.renew_exchange().failed("ex2", "The operation could not be performed.")
    assert run.verdict == "all-old"
    tidy(lab, before)
    assert "ex3" not in run.report["phases"][2]["text"], "it did not stop at the first failure"
    lab.clear_faults("ex2")
    assert controller.renew_exchange().succeeded().verdict == "all-new" == array.truth(lab.state())


@pytest.mark.parametrize("do", ["drop-before", pytest.param("drop-after", marks=pytest.mark.whole)])
@pytest.mark.whole
def test_the_connection_breaks_in_a_switch(start: Start, do: str) -> None:
    controller = start()
    lab, before = controller.lab, controller.lab.state()
    lab.fault("ex3", call=ENABLE, do=do)
    run = controller.renew_exchange().failed("ex3")
    assert run.verdict == array.truth(lab.state()) == "all-old"
    tidy(lab, before)


def test_member_3_is_lost_in_its_switch_and_comes_back(start: Start) -> None:
    """The others are taken back, nobody claims to know of the third; later it is taken back, too, from anywhere."""
    controller = start()
    lab, before = controller.lab, controller.lab.state()
    lab.fault("ex3", call=ENABLE, do="down-after")
    run = controller.renew_exchange().failed("ex3")
    assert run.verdict == "unknown" and run.report["verdict"]["lost"] == ["ex3"]
    state = lab.state()
    array.as_before({n: before[n] for n in ("ex1", "ex2")}, {n: state[n] for n in ("ex1", "ex2")})
    assert state["ex3"]["journal"] and array.named(state["ex3"], "mail-new") in state["ex3"]["smtp_enabled"]
    lab.clear_faults("ex3")
    lab.reachable("ex3", True)
    back = controller.rollback(rollout_array="exchange", rollout_take_over=run.report["run"]).succeeded()
    assert back.verdict == "all-old"
    tidy(lab, before)


@pytest.mark.whole
def test_the_last_member_renames_and_that_fails(start: Start) -> None:
    """Send connectors belong to the organization: their name goes back before the certificate leaves any store."""
    controller = start()
    lab, before = controller.lab, controller.lab.state()
    lab.fault("ex3", call=RENAME, do="drop-after")
    run = controller.renew_exchange().failed("ex3")
    assert run.verdict == "all-old"
    tidy(lab, before)


@pytest.mark.whole
def test_the_controller_dies_in_a_switch(start: Start) -> None:
    controller = start()
    lab, before = controller.lab, controller.lab.state()
    lab.fault("ex2", call=ENABLE, do="slow", seconds=600)
    variables = {"rollout_bundles": {"external": controller.bundle(key="mail.key.pem")}}
    with controller.begin("renew_exchange", variables=variables) as running:
        running.until(lambda: "Get-TlsBinding" in lab.state()["ex2"]["ran"] and _waits(lab, "ex2"), "ex2 waits")
        running.kill()
    lab.clear_faults("ex2")
    locked = lab.state()["ex2"]["lock"]
    assert locked, "a dead run leaves its lock"
    controller.renew_exchange().failed("member.locked", "rollout_take_over")
    run = json.loads(lab.state()["ex1"]["journal"])["run"]
    back = controller.rollback(rollout_array="exchange", rollout_take_over=run).succeeded()
    assert back.verdict == "all-old"
    tidy(lab, before)


def _waits(lab: LabProcess, member: str) -> bool:
    return "Copy-StoreCertificate" in lab.state()[member]["ran"]


@pytest.mark.whole
def test_the_default_is_what_is_replaced(start: Start) -> None:
    """Somebody once said yes to Exchange's question: the gate asks what shall be, and both answers are carried out."""
    controller = start(members="2")
    lab = controller.lab
    lab.configure("ex1", default_smtp="mail-old")
    before = lab.state()
    controller.renew_exchange().failed("exchange.default-smtp-choice", "rollout_default_smtp")
    assert array.truth(lab.state()) == "all-old"
    controller.renew_exchange(rollout_default_smtp="keep").succeeded()
    array.unhurt(before, lab.state())
    moved = controller.renew_exchange(rollout_default_smtp="move").succeeded()
    state = lab.state()
    assert {member["default_smtp"] for member in state.values()} == {array.named(state["ex1"], "mail-new")}
    assert moved.changed and controller.renew_exchange(rollout_default_smtp="move").succeeded().changed == 0


def test_edge_transport_is_stopped_unless_told(start: Start) -> None:
    controller = start(members="1", edge_transport="1")
    lab, before = controller.lab, controller.lab.state()
    edge = {"rollout_array": "edge_transport", "rollout_services": ["SMTP"]}
    run = controller.renew_exchange(**edge).failed("exchange.edge-subscription", "rollout_edge_subscription")
    assert run.verdict == "all-old" and lab.state()["gate1"]["leaves"] == before["gate1"]["leaves"]
    controller.renew_exchange(**edge, rollout_edge_subscription="renew").succeeded()
    state = lab.state()
    assert "SMTP" in " ".join(array.serves(state["gate1"], "mail-new"))
    assert state["gate1"]["default_smtp"] == before["gate1"]["default_smtp"]
    assert array.lasting(state)["ex1"] == array.lasting(before)["ex1"], "another array was touched"


WORLDS: list[dict[str, str]] = [
    {"services_shape": "null"},
    {"services_shape": "extra", "pop_imap_applies": "at-once"},
    {"pop_imap_enable": "leaves-name", "dates": "text"},
    {"enable_grants": "any-service", "starttls_choice": "enabled-only"},
    {"starttls_choice": "any", "revocation": "blocked"},
    {"data_signing": "on"},
]


@pytest.mark.whole
@pytest.mark.parametrize("world", WORLDS, ids=lambda world: "-".join(world.values()))
def test_where_nobody_knows_both_ways_converge(start: Start, world: dict[str, str]) -> None:
    controller = start("exchange2016", members="2", **world)
    lab, before = controller.lab, controller.lab.state()
    assert controller.renew_exchange().succeeded().verdict == "all-new" == array.truth(lab.state())
    array.unhurt(before, lab.state())
    assert controller.renew_exchange().succeeded().changed == 0
    controller.rollback(rollout_array="exchange", rollout_completed=True).succeeded()
    tidy(lab, before)


@pytest.mark.whole
def test_transport_that_looks_only_when_it_starts(start: Start) -> None:
    """The port shows it, all goes back, and with SMTP among the restarted services the next run goes through."""
    controller = start(members="2", smtp_applies="on-restart")
    lab, before = controller.lab, controller.lab.state()
    controller.renew_exchange().failed("wire.leaf-differs", "rollout_restart")
    assert array.truth(lab.state()) == "all-old"
    controller.renew_exchange(rollout_restart=["POP", "IMAP", "SMTP"]).succeeded()
    assert array.truth(lab.state()) == "all-new"
    array.unhurt(before, lab.state())


@pytest.mark.parametrize("connection", ["psrp-ntlm-http", pytest.param("winrm-ntlm-http", marks=pytest.mark.whole)])
def test_by_every_connection(start: Start, connection: str) -> None:
    controller = start("exchange2013", connection, members="2")
    assert controller.renew_exchange().succeeded().verdict == "all-new" == array.truth(controller.lab.state())


def test_a_session_of_its_own_where_the_logon_cannot_be_passed_on(start: Start) -> None:
    """With the connection's own user and password, which are nowhere to be seen in what the run says and leaves."""
    controller = start(members="2", second_hop="refused")
    lab = controller.lab
    run = controller.renew_exchange("-vvvvv", rollout_shell="session").succeeded()
    assert run.verdict == "all-new" == array.truth(lab.state())
    password = str(
        next(iter(array.hosts(lab).values())).get("ansible_password") or array.common(lab)["ansible_password"]
    )
    written = [run.output, *(path.read_text(encoding="utf-8") for path in run.report_folder.iterdir())]
    assert password and not any(password in text for text in written)


@pytest.mark.whole
def test_what_keeps_the_cmdlets_away(start: Start) -> None:
    """No second hop, a missing role, an expired auth certificate: said, or no matter; nothing is half done."""
    controller = start(members="2", second_hop="refused")
    lab, before = controller.lab, controller.lab.state()
    run = controller.renew_exchange().failed("product.not-loaded", "rollout_shell")
    assert array.lasting(lab.state()) == array.lasting(before) and run.report["result"] == "refused"
    for member in before:
        lab.configure(member, second_hop="delegates", rbac_missing=ENABLE)
    controller.renew_exchange().failed("exchange.cmdlet-missing", ENABLE, "Exchange Server Certificates")
    assert array.lasting(lab.state()) == array.lasting(before), "a missing role is found before anything is done"
    lab.configure("ex1", rbac_missing="", auth_certificate="auth-expired")
    lab.configure("ex2", rbac_missing="")
    run = controller.renew_exchange().succeeded()
    assert array.truth(lab.state()) == "all-new"
    told = {finding["id"] for member in run.report["members"] for finding in member["findings"]}
    assert "exchange.auth-certificate" in told
