"""The modules for stores, bundles, events and verdicts: as users run them, against members that the lab speaks for."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from integration.tasks import Tasks
from lab.client import LabProcess


@pytest.fixture
def tasks(lab: LabProcess, tmp_path: Path) -> Tasks:
    """Tasks for the first member."""
    return Tasks(lab, tmp_path / "tasks")


def named(state: Any, name: str) -> str:
    """The thumbprint of one of the lab's certificates by its name there."""
    return next(thumbprint for thumbprint, known in state["names"].items() if known == name)


def test_a_bundle_comes_and_goes(tasks: Tasks) -> None:
    """Leaf with key to My, intermediate to CA, root nowhere; removed again with its key."""
    new = tasks.thumbprint()
    dressed = "\u200e" + " ".join(new[i : i + 2] for i in range(0, 40, 2)).lower()
    done = tasks.story(
        {"store": {"bundle": tasks.bundle(friendly_name="the new one", exportable=False)}},
        {"store": {"state": "absent", "thumbprint": dressed, "delete_key": True}},
    )
    there, gone = (state[tasks.member] for state in done.states)
    stores = there["stores"]["LocalMachine"]
    assert new in stores["My"] and named(there, "issuing-new") in stores["CA"] and len(stores["Root"]) == 2
    assert done.rows[0]["result"]["thumbprints"] == [new, named(there, "issuing-new")]
    assert (there["keys"], there["orphan_keys"]) == (3, 0)
    assert new not in gone["stores"]["LocalMachine"]["My"]
    assert (gone["keys"], gone["orphan_keys"]) == (2, 0)


def test_what_store_info_tells_of_a_key(tasks: Tasks) -> None:
    """Provider, rights, a signature that was tried, and the chain that the machine's own stores allow."""
    options = {"bundle": tasks.bundle(friendly_name="the new one")}
    done = tasks.run({"store": options}, {"store_info": {"test_keys": True}})
    shown = done.ok(changed=False)["certificates"]
    entry = next(row for row in shown if row["thumbprint"] == tasks.thumbprint() and row["store"] == "My")
    assert entry["friendly_name"] == "the new one"
    assert {**entry["key"], "container": ""} == {
        "provider": "Microsoft Enhanced Cryptographic Provider v1.0",
        "cng": False,
        "container": "",
        "spec": "Exchange",
        "machine": True,
        "exportable": True,
        "signs": True,
        "error": None,
    }
    assert entry["chains"][0]["ok"] and len(entry["chains"][0]["subjects"]) == 3


def test_a_key_that_is_there_stays_as_it_is(tasks: Tasks) -> None:
    """Wanted otherwise than it is, it is left alone with a warning: its services' rights hang on its container."""
    done = tasks.run({"store": {"bundle": tasks.bundle()}}, {"store": {"bundle": tasks.bundle(exportable=False)}})
    assert "is there already with a key that is exportable" in " ".join(done.ok(changed=False)["warnings"])
    assert tasks.state()["ran"].count("Import-StorePfx") == 1


@pytest.mark.parametrize("flavour", ["winrm-ntlm-http", "psrp-ntlm-http", "psrp-basic-https"])
def test_every_way_to_connect(tasks: Tasks, flavour: str) -> None:
    """The same over each connection; winrm with Basic over HTTPS is what all the other tests use."""
    tasks.connection = flavour
    zipped = {**tasks.bundle("complete.zip"), "key_path": str(tasks.vendor / "external.key.pem")}
    tasks.story({"store": {"bundle": zipped}})


def test_single_certificates(tasks: Tasks) -> None:
    """PEM text and a file, each to the store named; twice the same is once."""
    file = tasks.vendor / "issuing-ca.crt"
    given = [str(file), file.read_text(encoding="ascii")]
    done = tasks.story(
        {"store": {"certificates": given}}, {"store": {"certificates": given[:1], "store": "trustedpeople"}}
    )
    stores = done.states[-1][tasks.member]["stores"]["LocalMachine"]
    issuing = named(done.states[-1][tasks.member], "issuing-new")
    assert issuing in stores["CA"]
    assert {name.lower(): held for name, held in stores.items()}["trustedpeople"] == [issuing]


def test_what_cannot_be_meant_touches_no_host(tasks: Tasks) -> None:
    """Refused on the controller, in a sentence."""
    vendor = str(tasks.vendor)
    ill: list[tuple[dict[str, Any], str | None, str]] = [
        ({"certificates": [f"{vendor}/issuing-ca.crt"], "store": "root"}, "chain.intermediate-as-root", "self-signed"),
        ({"certificates": [f"{vendor}/external.key.pem"]}, None, "holds a private key"),
        ({"certificates": [f"{vendor}/bad/html.crt"]}, "bundle.html", "web page"),
        ({"certificates": [f"{vendor}/nothing.pem"]}, "bundle.unreadable", "nothing.pem"),
        ({"certificates": [f"{vendor}/issuing-ca.crt"], "store": "My\\CA"}, None, "name of a store"),
        ({"bundle": tasks.bundle(friendly_name="x" * 64)}, None, "at most 63 characters"),
        ({"state": "absent", "thumbprint": ["ABC"]}, None, "40 hexadecimal digits"),
        ({"state": "absent"}, None, "thumbprint"),
        ({}, None, "bundle, certificates"),
    ]
    done = tasks.run(*({"store": options, "ignore_errors": True} for options, _finding, _text in ill))
    for row, (_options, finding, text) in zip(done.rows, ill, strict=True):
        assert row["status"] == "failed" and row["result"].get("finding") == finding, row
        assert text in row["result"]["msg"]
    assert tasks.lab.counts()[tasks.member]["requests"] == 0


def test_no_key_to_a_server_that_nobody_knows(tasks: Tasks) -> None:
    """Without a verified certificate the key stays here; check mode says so as well. Certificates may go."""
    key = {"store": {"bundle": tasks.bundle()}, "ignore_errors": True}
    plain = {"store": {"certificates": [str(tasks.vendor / "issuing-ca.crt")]}}
    blind = ["-e", "ansible_winrm_server_cert_validation=ignore"]
    done = tasks.run({**key, "check_mode": True}, key, plain, arguments=blind)
    done.ok(changed=True)
    for row in done.rows[:2]:
        assert row["result"]["finding"] == "transport.insecure"
        assert "ansible_winrm_server_cert_validation" in row["result"]["msg"]
    assert "Import-StorePfx" not in tasks.state()["ran"]


@pytest.mark.parametrize("do", ["drop-before", "drop-after"])
def test_a_lost_connection_leaves_nothing_behind(tasks: Tasks, do: str) -> None:
    """Unreachable in the middle of the import; the next run finds out what is there and does the rest."""
    tasks.lab.fault(tasks.member, call="Import-StorePfx", do=do)
    lost = tasks.run({"store": {"bundle": tasks.bundle()}})
    assert lost.status == "unreachable" and "only after another read" in lost.result["msg"]
    tasks.run({"store": {"bundle": tasks.bundle()}}).ok(changed=do == "drop-before")
    assert (tasks.state()["keys"], tasks.state()["orphan_keys"]) == (3, 0)


def test_bad_deliveries_are_named(tasks: Tasks) -> None:
    """bundle_info on each bad file: refused, or opened with the finding that keeps a rollout from using it."""
    key = {"key_path": str(tasks.vendor / "external.key.pem")}
    trust = {"trust": str(tasks.lab.directory / "trust" / "roots.pem"), "product": "edge"}
    refused: dict[str, dict[str, Any]] = {
        "bundle.password-wrong": {"path": "bad/wrong-password.pfx"},
        "bundle.two-leaves": {"path": "bad/two-leaves.zip", **key},
        "bundle.key-mismatch": {"path": "complete.zip", "key_path": str(tasks.vendor / "bad" / "other-key.pem")},
        "bundle.no-key": {"path": "complete.zip"},
        "bundle.ec-key": {"path": "bad/ec.pfx"},
        "bundle.zip-bomb": {"path": "bad/bomb.zip", **key},
        "bundle.truncated": {"path": "bad/truncated.p7b", **key},
        "bundle.html": {"path": "bad/html.crt", **key},
    }
    opened: dict[str, dict[str, Any]] = {
        "leaf.expired": {"path": "bad/expired.pfx"},
        "leaf.not-yet-valid": {"path": "bad/not-yet-valid.pfx"},
        "names.wildcard": {"path": "bad/wildcard.pfx"},
        "names.missing": {"path": "bad/names-missing.pfx", "names": ["sip.contoso.example", "webcon.contoso.example"]},
        "chain.incomplete": {"path": "incomplete.pfx"},
    }
    given = [{**of, **trust, "path": str(tasks.vendor / of["path"])} for of in [*refused.values(), *opened.values()]]
    play = [
        {"bundle_info": {**options, "password": "{{ vendor_password }}"}, "ignore_errors": True} for options in given
    ]
    done = tasks.run(*play)
    rows = [row["result"] for row in done.rows]
    assert [row.get("finding") for row in rows[: len(refused)]] == list(refused)
    for finding, row in zip(opened, rows[len(refused) :], strict=True):
        assert not row.get("failed"), row
        assert finding in [found["id"] for found in row["findings"]] and not row["usable"]
    assert tasks.lab.counts()[tasks.member]["requests"] == 0
    good = tasks.run({"bundle_info": {**tasks.bundle(), **trust, "names": ["sip.contoso.example"]}}).ok(changed=False)
    assert good["usable"] and good["paths"][0]["ok"] and good["leaf"]["common_name"] == "sip.contoso.example"


@pytest.mark.parametrize("flavour", ["winrm-ntlm-http", "psrp-basic-https"])
def test_no_secret_is_shown_at_any_verbosity(tasks: Tasks, flavour: str) -> None:
    """Password, key and PFX go in as options, without no_log, with -vvvvv and --diff, on success and on failure."""
    tasks.connection = flavour
    pfx = base64.b64encode((tasks.vendor / "complete.pfx").read_bytes()).decode("ascii")
    key = (tasks.vendor / "external.key.pem").read_text(encoding="ascii")
    (tasks.folder / "given").mkdir(parents=True)
    (tasks.folder / "given" / "pfx").write_text(pfx, encoding="ascii")
    content = "{{ lookup('ansible.builtin.file', 'given/pfx') }}"
    by_key = {"path": str(tasks.vendor / "complete.zip"), "password": "{{ vendor_password }}"}
    by_key["key_content"] = f"{{{{ lookup('ansible.builtin.file', '{tasks.vendor}/external.key.pem') }}}}"
    wrong = {"content": content, "password": "{{ vendor_password }}x"}
    play: list[dict[str, Any]] = [
        {"bundle_info": by_key},
        {"store": {"bundle": wrong}, "ignore_errors": True},
        {"store": {"bundle": {**wrong, "nonsense": "{{ vendor_password }}"}}, "ignore_errors": True},
        {"store": {"bundle": by_key}},
        {"store": {"state": "absent", "delete_key": True, "thumbprint": ["0" * 40]}},
        {"edge_certificate": {"use": ["AccessEdgeExternal"], "bundle": {**wrong, "password": "{{ vendor_password }}"}}},
    ]
    done = tasks.run(*play, arguments=["-vvvvv", "--diff"])
    done.ok(changed=True)
    said = done.output + str([row["result"] for row in done.rows]) + tasks.lab.log.read_text(encoding="utf-8")
    canaries = [tasks.password, *(pfx[i : i + 40] for i in range(0, len(pfx) - 40, 400)), *key.split("\n")[2:-2]]
    assert len(canaries) > 20
    assert not [canary for canary in canaries if canary in said]


def test_events_about_certificates_are_told_from_noise(tasks: Tasks) -> None:
    """The shared session key, and a serial number with its bytes reversed; partners' failures do not count."""
    old = tasks.run({"edge_info": {}}).ok(changed=False)["assignments"][0]["certificate"]
    turned = bytes.fromhex(old["serial"])[::-1].hex()
    told = f"The certificate with serial number {turned} could not be used."
    events: list[dict[str, Any]] = [
        {"id": 14397, "source": "LS Protocol Stack", "message": told, "ago": 60},
        {"id": 14599, "source": "LS Protocol Stack", "message": "failed to import a shared session key", "ago": 30},
        {"id": 14397, "source": "LS Protocol Stack", "message": told, "ago": 90000},
    ]
    tasks.lab.configure(tasks.member, events=events)
    done = tasks.run(
        {"event_info": {"pattern": "SERIAL number [0-9a-f]+"}},
        {"event_info": {"log": "No Such Log", "hours": 1}},
        {"event_info": {"pattern": "("}, "ignore_errors": True},
        {"event_info": {"since": "2026-11-24 02:00"}, "ignore_errors": True},
    )
    result, none, wrong, local = (row["result"] for row in done.rows)
    assert [event["id"] for event in result["events"]] == [14397] and result["read"] > 2
    assert [event["id"] for event in result["certificate_events"]] == ["event.certificate", "event.session-key"]
    assert not none["events"] and "No Such Log" in " ".join(none["warnings"])
    assert "a ( without its ) at character 1 of '('" in wrong["msg"] and local["finding"] == "input.instant"
