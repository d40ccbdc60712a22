"""Bad input: each kind has its own clear error, and no host is touched; where only a host can tell, it is only read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration import truth
from integration.conftest import Start
from integration.controller import Controller, Run
from lab.client import LabProcess


@dataclass(frozen=True)
class Row:
    """One kind of bad input, and words of the error that a user has to read."""

    name: str
    bundle: str = "complete.zip"
    key: str | None = "external.key.pem"
    told: tuple[str, ...] = ()


DELIVERIES = (
    Row("wrong-password", "bad/wrong-password.pfx", None, ("expected the password that opens", "check the variable")),
    Row("key-of-another", "complete.zip", "bad/other-key.pem", ("found RSA 2048 for another certificate",)),
    Row("costly-key", "complete.zip", "bad/costly.key.pem", ("PBKDF2 of 2,147,483,647 rounds", "export the key again")),
    Row("no-key", "complete.zip", None, ("found no key at all", "add the key file")),
    Row("two-leaves", "bad/two-leaves.zip", told=("expected one server certificate, found 2", "mail.contoso.example")),
    Row("expired", "bad/expired.pfx", None, ("leaf.expired", "found expired since")),
    Row("not-yet-valid", "bad/not-yet-valid.pfx", None, ("leaf.not-yet-valid", "found valid only from")),
    Row("wildcard", "bad/wildcard.pfx", None, ("names.wildcard", "*.contoso.example", "lists every name")),
    Row("ec-key", "bad/ec.pfx", None, ("expected an RSA key", "found EC 256")),
    Row("only-intermediate", "bad/intermediate-as-root.pem", told=("found only certificates of CAs",)),
    Row("zip-bomb", "bad/bomb.zip", told=("it was not unpacked", "67108864 octets")),
    Row("zip-with-paths", "bad/paths.zip", told=("found one that leads outside", "../../")),
    Row("truncated-p7b", "bad/truncated.p7b", told=("expected the line 'END PKCS7'", "download the file again")),
    Row("html-as-crt", "bad/html.crt", told=("found a web page saved under that name",)),
    Row("no-such-file", "nowhere.zip", told=("nowhere.zip cannot be read", "No such file")),
)
JUDGED_BY_MEMBERS = (
    Row("older-than-current", "bad/older-than-current.pfx", None, ("leaf.older-than-current", "a step back")),
    Row("names-missing", "bad/names-missing.pfx", None, ("names.missing", "webcon.contoso.example")),
    Row("sha512-on-old-windows", "bad/sha512.pfx", None, ("leaf.sha512", "6.3.9600")),
)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabProcess]:
    """One lab for all: whatever is tried here, it stays as it is."""
    with LabProcess(directory=tmp_path_factory.mktemp("bad") / "lab", connection="winrm-basic-https") as lab:
        before = truth.lasting(lab.state())
        yield lab
        assert truth.lasting(lab.state()) == before


@pytest.fixture
def bad(untouched: LabProcess, tmp_path: Path) -> Iterator[Controller]:
    """A controller; nothing may write on any member."""
    untouched.reset_counts()
    yield Controller(tmp_path / "controller", untouched)
    assert not writes(untouched), writes(untouched)


def writes(lab: LabProcess) -> set[str]:
    """Calls that change a member, begun on any."""
    reading = ("Get-", "Test-", "Find-")
    return {call for member in lab.state().values() for call in member["ran"] if not call.startswith(reading)}


def commands(lab: LabProcess) -> int:
    """Remote commands since the reset, on all members."""
    return sum(int(counts["commands"]) for counts in lab.counts().values())


def untold(run: Run, lab: LabProcess, *told: str) -> None:
    """Refused with these words before any member was asked anything."""
    run.failed(*told)
    assert commands(lab) == 0, "a member was touched"


@pytest.mark.parametrize("row", DELIVERIES, ids=lambda row: row.name)
def test_a_delivery_that_cannot_do(row: Row, bad: Controller) -> None:
    run = bad.renew(rollout_bundles={"external": bad.bundle(row.bundle, key=row.key)})
    untold(run, bad.lab, *row.told)
    assert len(run.failures.splitlines()) <= 12, "an error is a sentence, not a trace"


@pytest.mark.parametrize("row", JUDGED_BY_MEMBERS, ids=lambda row: row.name)
def test_a_delivery_that_cannot_do_there(row: Row, bad: Controller) -> None:
    run = bad.renew(rollout_bundles={"external": bad.bundle(row.bundle, key=row.key)}).failed(*row.told)
    assert run.verdict == "all-old"
    assert {counts["commands"] for counts in bad.lab.counts().values()} == {1}


def test_no_bundle(bad: Controller) -> None:
    untold(bad.renew(rollout_bundles=None), bad.lab, "rollout_bundles is empty")
    both = {"external": bad.bundle(content="aGVsbG8=")}
    untold(bad.renew(rollout_bundles=both), bad.lab, "exactly one of path and content")


def test_an_intermediate_as_trusted_root(bad: Controller) -> None:
    trust = str(bad.vendor / "bad" / "intermediate-as-root.pem")
    run = bad.renew(rollout_trust=trust, rollout_install_root=True)
    untold(run, bad.lab, "chain.intermediate-as-root", "expected a self-signed certificate")


def test_variables_that_mean_nothing(bad: Controller) -> None:
    untold(bad.renew(rollout_drain_expired="never"), bad.lab, "rollout_drain_expired", "continue, abort")
    untold(bad.renew(rollout_roll_at="2026-11-24 02:00"), bad.lab, "rollout_roll_at", "has no time zone")
    untold(bad.renew(rollout_roll_at="tonight"), bad.lab, "rollout_roll_at", "2026-11-24T02:00:00Z")


def test_an_array_that_is_none(bad: Controller) -> None:
    untold(bad.renew(rollout_array="nobody"), bad.lab, "array.empty", "'nobody' is not in the inventory")
    empty = changed_inventory(bad, {"edge": {"hosts": {}}})
    bad.warned = ["provided hosts list is empty"]  # Ansible's own, and true
    untold(bad.play("renew_edge_pool", inventory=empty), bad.lab, "array.empty")
    everybody = {name: "away" for name in bad.lab.state()}
    untold(bad.renew(rollout_excluded=everybody), bad.lab, "every member of 'edge' is excluded")


def test_a_host_in_two_arrays(bad: Controller) -> None:
    edge = yaml.safe_load(bad.lab.inventory.read_text(encoding="utf-8"))["all"]["children"]["edge"]
    file = changed_inventory(bad, {"edge": edge, "branch": {"hosts": {"edge2": {}}}})
    run = bad.play("renew_edge_pool", inventory=file, variables={"rollout_arrays": ["edge", "branch"]})
    untold(run, bad.lab, "array.member-twice", "edge2", "'branch'")


def test_part_of_an_array(bad: Controller) -> None:
    untold(bad.renew(rollout_size=4), bad.lab, "array.incomplete-run", "rollout_size says 4 members, this run sees 3")
    untold(bad.renew("--limit", "edge1,edge2,localhost"), bad.lab, "--limit", "never")
    unknown = bad.renew(rollout_excluded={"edge9": "gone"})
    untold(unknown, bad.lab, "rollout_excluded names edge9")


def test_ansible_settings_that_hide_failures(bad: Controller) -> None:
    bad.environment = {"ANSIBLE_ANY_ERRORS_FATAL": "true"}
    untold(bad.renew(), bad.lab, "any_errors_fatal")


def test_clocks_that_differ(bad: Controller) -> None:
    bad.lab.clock("edge3", -90)
    try:
        run = bad.renew("--tags", "plan,gate").failed("array.clock-differs", "edge3", "90 s", "60 s are allowed")
        assert run.verdict == "all-old"
    finally:
        bad.lab.clock("edge3", 0)


def test_an_account_without_rights(bad: Controller) -> None:
    bad.lab.configure("edge2", admin=False)
    try:
        run = bad.renew("--tags", "plan,gate").failed("member.not-admin", "edge2", "LocalAccountTokenFilterPolicy")
        assert run.verdict == "all-old"
    finally:
        bad.lab.configure("edge2", admin=True)


def changed_inventory(controller: Controller, groups: Mapping[str, Any]) -> Path:
    """The lab's inventory with other groups."""
    inventory = yaml.safe_load(controller.lab.inventory.read_text(encoding="utf-8"))
    inventory["all"]["children"] = dict(groups)
    file = controller.folder / "other.yml"
    file.write_text(yaml.safe_dump(inventory), encoding="utf-8")
    return file


INSECURE: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "winrm-unverified": ("winrm-basic-https", {"ansible_winrm_server_cert_validation": "ignore"}),
    "winrm-ntlm-unverified": ("winrm-ntlm-https", {"ansible_winrm_server_cert_validation": "ignore"}),
    "winrm-plain": (
        "winrm-basic-https",
        {"ansible_winrm_scheme": "http", "ansible_port": 5985, "ansible_winrm_message_encryption": "never"},
    ),
    "psrp-unverified": ("psrp-basic-https", {"ansible_psrp_cert_validation": "ignore"}),
    "psrp-plain": (
        "psrp-ntlm-http",
        {"ansible_psrp_auth": "basic", "ansible_psrp_message_encryption": "never"},
    ),
}


OTHERS = ("winrm-ntlm-unverified", "psrp-plain")
TRANSPORTS = [pytest.param(name, marks=pytest.mark.whole) if name in OTHERS else name for name in INSECURE]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_no_key_over_a_transport_that_anybody_could_answer(transport: str, start_lab: Start, tmp_path: Path) -> None:
    lab = start_lab(members=2)
    flavour, variables = INSECURE[transport]
    for member in lab.state():
        lab.configure(member, allow_unencrypted=True)
    controller = Controller(tmp_path / "controller", lab, connection=flavour)
    run = controller.renew(**variables).failed("private key is not sent over this connection")
    assert run.verdict == truth.array_truth(lab.state()) == "all-old"
    assert not {"Import-StorePfx", "Set-CsCertificate"} & writes(lab)
    assert all(member["keys"] == 2 and member["lock"] is None for member in lab.state().values())
