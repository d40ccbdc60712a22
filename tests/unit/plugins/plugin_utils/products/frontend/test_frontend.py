# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Front End servers and Directors: each kind of fault is told, and what almost is one is not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.array.wire import Port
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.stop import PhaseFailed
from ansible_collections.ucops.certificates.plugins.plugin_utils.products import PRODUCTS, NotRolled, rolled
from ansible_collections.ucops.certificates.plugins.plugin_utils.request import plan
from ansible_collections.ucops.certificates.plugins.plugin_utils.verify.judge import Case
from ansible_collections.ucops.certificates.plugins.plugin_utils.verify.look import Look
from ansible_collections.ucops.certificates.plugins.plugin_utils.verify.read import Asked, look_at
from ansible_collections.ucops.certificates.plugins.plugin_utils.verify.report import verdict_of
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Answer, RemoteError, Reply
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import presented, reply
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    allowed,
    assigned,
    key_test,
    keyed,
    old,
    old_issuing,
    root,
    running,
    stored,
)
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.verify.verified import (
    CLIENTS,
    LIMITS,
    NETWORK_SERVICE,
    Answering,
    a_run,
    causes,
    found,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW, Issued, issue, rsa_key

FRONT = PRODUCTS["frontend"]
DEFAULT, INSIDE, OUTSIDE, OAUTH = FRONT.uses
POOL = "frontpool.contoso.example"
RUN = a_run(arrays={"front": ("fe1", "fe2")}, products={"front": "frontend"})


@cache
def own(server: str, *names: str, bits: int = 2048) -> Issued:
    """The certificate of one server."""
    covers = names or (POOL, f"{server}.contoso.example")
    return issue(covers[0], old_issuing(), names=covers, key=rsa_key(which=int(server[-1])))


@cache
def tokens(which: int = 4, bits: int = 2048) -> Issued:
    """A certificate that signs tokens: no name but the SIP domain."""
    return issue("contoso.example", old_issuing(), names=(), key=rsa_key(bits, which))


def read(server: str = "fe1", certificate: Issued | None = None, issuer: Issued | None = None, **rows: Any) -> Reply:
    """The reply of a server on which nothing is wrong, but for what is said."""
    held, signs = certificate or own(server), issuer or tokens()
    good: dict[str, Any] = {
        "stores": [stored(root(), "Root"), stored(old_issuing(), "CA"), keyed(held), keyed(signs)],
        "keys": [key_test(held), key_test(signs)],
        "access": [allowed(held, NETWORK_SERVICE), allowed(signs, NETWORK_SERVICE)],
        "presented": [presented(held, old_issuing()), presented(signs, old_issuing())],
        "assignments": [*(assigned(use, held) for use in (DEFAULT, INSIDE, OUTSIDE)), assigned(OAUTH, signs)],
        "services": running("REPLICA", "RTCSRV", "W3SVC"),
        "computer": [{"Pool": POOL, "Fqdn": f"{server}.contoso.example"}],
    }
    return reply(None, **(good | rows))


def seen(server: str = "fe1", given: Reply | None = None) -> Look:
    looked = look_at(Answering(given or read(server)), FRONT, FRONT.own({}), Asked(server, NOW, limits=LIMITS))
    return Look.from_dict(looked.to_dict())


def told(given: Reply, server: str = "fe1") -> set[str]:
    """Ids of what one server has wrong."""
    return {item.id for item in seen(server, given).findings}


def case(looks: Mapping[str, Look], ports: tuple[Port, ...] = ()) -> Case:
    return Case("front", ("fe1", "fe2"), looks, {}, {"localhost": ports})


# -- one server --------------------------------------------------------------------------------------------------------


def test_nothing_is_said_of_a_server_as_it_should_be() -> None:
    look = seen()
    assert look.findings == () and look.host.product == "Lync Server 2013" and look.rolled is None
    assert set(look.assigned) == set(FRONT.uses)


def test_every_use_has_a_certificate_and_only_tokens_may_wait_for_theirs() -> None:
    rows = [assigned(use, own("fe1")) for use in (DEFAULT, INSIDE)]
    findings = seen("fe1", read(assignments=rows)).findings
    assert {(f.id, f.subject, f.severity) for f in findings} == {
        ("product.use-unassigned", OUTSIDE, "error"),
        ("frontend.oauth-missing", OAUTH, "warning"),
    }
    gone = assigned(OAUTH, issue("gone.example", key=rsa_key(which=5)))
    rows = [*(assigned(use, own("fe1")) for use in (DEFAULT, INSIDE, OUTSIDE)), gone]
    assert told(read(assignments=rows)) == {"store.assigned-missing"}


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        ((POOL,), "fe1.contoso.example"),
        (("fe1.contoso.example",), POOL),
        (("sip.contoso.example",), f"{POOL}, fe1.contoso.example"),
    ],
)
def test_default_has_the_names_of_pool_and_server(names: tuple[str, ...], missing: str) -> None:
    (finding,) = seen("fe1", read(certificate=own("fe1", *names))).findings
    assert finding.id == "frontend.default-names" and finding.evidence["missing"] == missing


def test_names_are_compared_as_dns_does_and_a_standard_edition_has_one() -> None:
    alone = [{"Pool": "FE1.contoso.example", "Fqdn": "fe1.Contoso.example"}]
    assert not told(read(certificate=own("fe1", "fe1.contoso.example"), computer=alone))


@pytest.mark.parametrize(
    "computer",
    [[], [{"Pool": POOL, "Fqdn": None}], Answer(error=RemoteError("denied", "x", "y", "z"))],
    ids=["no row", "half a row", "an error"],
)
def test_names_that_were_not_read_are_told_and_not_judged(computer: Any) -> None:
    (finding,) = seen("fe1", read(certificate=own("fe1", "sip.contoso.example"), computer=computer)).findings
    assert (finding.id, finding.severity) == ("frontend.names-unread", "info")


def test_a_short_key_signs_no_tokens() -> None:
    short = tokens(bits=1024)
    assert "frontend.oauth-short" in told(read(issuer=short))
    assert "frontend.oauth-short" not in told(read(issuer=tokens()))


def test_a_successor_of_the_token_issuer_is_told_with_its_instant() -> None:
    instant = NOW + timedelta(hours=30)
    waiting = assigned(OAUTH, tokens(5), instant, tokens())
    rows = [*(assigned(use, own("fe1")) for use in (DEFAULT, INSIDE, OUTSIDE)), waiting]
    (finding,) = seen("fe1", read(assignments=rows)).findings
    assert (finding.id, finding.severity) == ("frontend.oauth-pending", "info")
    assert tokens(5).certificate.thumbprint in finding.text and f"{instant:%Y-%m-%d %H:%M}" in finding.text
    assert seen("fe1", read(assignments=rows)).assigned[OAUTH] == (tokens().certificate.thumbprint,)


def test_services_that_present_certificates_run() -> None:
    down = read(services=running("RTCSRV", "W3SVC", "RTCAVMCU", W3SVC="Stopped", RTCAVMCU="Stopped"))
    (finding,) = seen("fe1", down).findings
    assert (finding.id, finding.subject) == ("product.service-stopped", "W3SVC (World Wide Web Publishing)")
    assert not told(read(services=running("RTCSRV"))), "IIS is judged where the cmdlet shows it"


def test_a_server_of_another_role_is_not_judged_as_one() -> None:
    with pytest.raises(PhaseFailed, match="AccessEdgeExternal and none of Default"):
        seen("fe1", read(assignments=[assigned(ACCESS, old())]))
    both = [assigned("External", own("fe1")), *read().rows("assignments")]
    assert not told(read(assignments=both)), "another use beside them is nothing to stumble over"
    assert "product.use-unassigned" in told(read(assignments=[])), "a server that was never set up is one all the same"


# -- the pool ----------------------------------------------------------------------------------------------------------


def test_each_server_may_have_its_own_certificate_but_for_the_tokens() -> None:
    looks = {name: seen(name) for name in ("fe1", "fe2")}
    assert looks["fe1"].assigned[DEFAULT] != looks["fe2"].assigned[DEFAULT]
    findings = found(case(looks), RUN)
    verdict = verdict_of(RUN, case(looks), findings)
    assert not findings and verdict.verdict == "alike"
    assert verdict.text == "All 2 members carry the same OAuthTokenIssuer; of the rest each may have its own."

    looks["fe2"] = seen("fe2", read("fe2", issuer=tokens(5)))
    findings = found(case(looks), RUN)
    assert causes(findings) == {("frontend.oauth-differs", "front")}
    assert verdict_of(RUN, case(looks), findings).verdict == "mixed"


def test_ports_of_servers_that_were_not_read_may_differ_as_well() -> None:
    ports = tuple(
        Port(server, "SIP", "192.0.2.1", 5061, use, (own(server).certificate, old_issuing().certificate), None, "")
        for server in ("fe1", "fe2")
        for use in (DEFAULT, "")
    )
    alone = a_run(arrays=RUN.arrays, products=RUN.products, wire_only=True)
    assert not found(case({}, ports), alone, CLIENTS)
    pool = a_run(arrays=RUN.arrays, products={"front": "edge"}, wire_only=True)
    assert "array.thumbprint-differs" in {item.id for item in found(case({}, ports), pool, CLIENTS)}


def test_a_port_that_presents_something_else_is_told() -> None:
    looks = {name: seen(name) for name in ("fe1", "fe2")}
    sends = (own("fe2").certificate, old_issuing().certificate)
    port = Port("fe1", "SIP", "192.0.2.1", 5061, DEFAULT, sends, None, POOL)
    assert causes(found(case(looks, (port,)), RUN)) == {("wire.leaf-differs", "fe1")}


# -- nothing but verification ------------------------------------------------------------------------------------------


def test_it_is_refused_in_a_sentence_with_the_variable_to_set() -> None:
    with pytest.raises(
        NotRolled, match="rollout_product: expected edge or exchange, found frontend: a Front End server"
    ):
        rolled("frontend")
    with pytest.raises(NotRolled, match="found 'lync'"):
        rolled("lync")
    order = {
        "product": "frontend", "array": "front", "members": ["fe1"], "excluded": {}, "names": ["fe1.contoso.example"],
        "subject": {}, "accept_missing": [], "answer": "", "on": "server", "server": "",
    }  # fmt: skip
    (sentence,) = plan.problems(order)
    assert sentence.startswith("request_product: expected edge or exchange, found frontend")
