"""Members out of the load balancer one by one, and what users of Outlook on the web notice of a renewal."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from integration import exchange_array as array
from integration.controller import Controller
from integration.test_renew_exchange import Start, start
from lab.client import LabProcess
from lab.exchange.client import OwaUser

__all__ = ["start"]


def hooks(controller: Controller) -> tuple[dict[str, str], Path]:
    """Two files of tasks that write down who is taken out and put back, and where they write it."""
    log = controller.folder / "balancer.log"
    for when in ("before", "after"):
        here = {"ansible_connection": "local"}
        task = {"name": f"{when} {{{{ member }}}}", "ansible.builtin.shell": f"echo {when} {{{{ member }}}} >> {log}"}
        (controller.folder / f"{when}.yml").write_text(json.dumps([{**task, "vars": here}]), encoding="utf-8")
    # one by a path from where the playbook is started, one by a whole path
    return {
        "rollout_before_member": "before.yml",
        "rollout_after_member": str(controller.folder / "after.yml"),
    }, log


def lines(log: Path) -> list[str]:
    """What was written down so far."""
    return log.read_text(encoding="utf-8").splitlines() if log.exists() else []


def test_hooks_around_every_member_and_none_for_one_that_failed(start: Start) -> None:
    controller = start()
    given, log = hooks(controller)
    controller.renew_exchange("--check", **given).succeeded()
    assert not log.exists(), "a hook ran in check mode"
    controller.renew_exchange(**given).succeeded()
    assert lines(log) == [f"{when} {name}" for name in ("ex1", "ex2", "ex3") for when in ("before", "after")]
    log.unlink()
    controller.lab.fault("ex2", call="Remove-StoreCertificate", do="error")
    back = {"rollout_array": "exchange", "rollout_completed": True}
    controller.rollback(**back, **given).failed("ex2")
    expected = ["before ex3", "after ex3", "before ex2", "before ex1", "after ex1"]
    assert lines(log) == expected, "ex2 went back into the balancer"


def test_a_hook_that_fails_stops_before_its_member(start: Start) -> None:
    controller = start(members="2")
    before = controller.lab.state()
    (controller.folder / "no.yml").write_text(
        json.dumps([{"name": "Drain", "ansible.builtin.fail": {"msg": "the balancer does not answer"}}])
    )
    run = controller.renew_exchange(rollout_before_member="no.yml").failed("the balancer does not answer")
    assert run.verdict == "all-old"
    array.as_before(before, controller.lab.state())


@contextmanager
def somebody(lab: LabProcess, log: Path, sticky: bool) -> Iterator[OwaUser]:
    """A user all the while: ``sticky`` stays on a member until it is taken out, the other goes from one to the next."""
    hosts = dict(zip(array.hosts(lab), array.user(lab).hosts, strict=True))
    user, end, seen = OwaUser(list(hosts.values())), threading.Event(), []

    def use() -> None:
        current, turn = next(iter(hosts)), 0
        while not end.is_set():
            out = {line.split()[1] for line in lines(log)[-1:] if line.startswith("before")}
            if current in out or not sticky:
                turn += 1
                current = [name for name in hosts if name not in out][turn % (len(hosts) - len(out))]
            seen.append(user.open(hosts[current]))

    thread = threading.Thread(target=use, daemon=True)
    thread.start()
    yield user
    end.set()
    thread.join()
    # Who comes just when a member changes may see the form a second time.
    assert len(seen) > 10 and set(seen) <= ({"inbox"} if sticky else {"inbox", "login"}), set(seen)


@pytest.mark.parametrize(
    "drained", [pytest.param(True, id="drained"), pytest.param(False, id="as it comes", marks=pytest.mark.whole)]
)
def test_how_often_a_user_logs_in_again(start: Start, drained: bool) -> None:
    """The cookie is encrypted with the certificate of IIS: once it must be made anew. Out of the balancer while it is
    switched, and with users that stay where they are, no member costs anybody more than that."""
    controller = start()
    given, log = hooks(controller)
    with somebody(controller.lab, log, sticky=drained) as user:
        restart = {"rollout_restart": ["POP", "IMAP", "IIS"]}
        controller.renew_exchange(**(given if drained else {}), **restart).succeeded()
    assert user.logins == 2 if drained else user.logins > 2, user.logins
