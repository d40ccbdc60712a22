"""The chain that the collection predicts from the stores is the one that OpenSSL sends and reads, in random layouts.

Two witnesses without common code: the prediction is the collection's own chain builder, the wire is OpenSSL's path
building and handshake in the lab. Cross-signs, renewed, expired and foreign twins, certificates that are missing, in
the wrong store, or cached in the stores of SYSTEM and of the administrator.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.module_utils.tls_probe import certificates_in_flight
from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.certificate import load_der
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores import in_use, readiness
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.store import Stores, stores_from_rows
from lab.member import control, schannel
from lab.member.state import State
from lab.member.versions import host_of

from .member_tools import shared_pki

PLACES: Mapping[str, tuple[str, str] | None] = {
    "absent": None,
    "CA": ("CA", "LocalMachine"),
    "Root": ("Root", "LocalMachine"),
    "My": ("My", "LocalMachine"),
    "SYSTEM": ("CA", "S-1-5-18"),
    "admin": ("CA", "CurrentUser"),
}
INTERMEDIATES = ("issuing-old", "issuing-old-expired", "issuing-old-renewed", "issuing-old-other", "root-cross")
ROOTS = ("root", "root-legacy")
# Where each may lie; what is usual comes more often.
LAYOUTS = st.fixed_dictionaries(
    {
        "leaf": st.sampled_from(["external-old", "external-new", "internal-old", "expired"]),
        "issuing-new": st.sampled_from(["CA", "CA", "absent", "SYSTEM", "My"]),
        "corp-root": st.sampled_from(["Root", "Root", "CA", "absent"]),
        **{name: st.sampled_from(["CA", "CA", *PLACES]) for name in INTERMEDIATES},
        **{name: st.sampled_from(["Root", "Root", "CA", "absent"]) for name in ROOTS},
    }
)
SEVERAL = {"more": 0, "one": 0, "none": 0}


def member(layout: Mapping[str, str]) -> State:
    """A member whose stores are laid out so."""
    state = State("edge1", "edge1.corp.contoso.example", host_of("lync2013", None, None))
    control.put(state, shared_pki(), "My", layout["leaf"], key=True)
    for name, where in layout.items():
        place = PLACES.get(where) if name != "leaf" else None
        if place is not None:
            control.put(state, shared_pki(), place[0], name, place[1])
    return state


def as_read(state: State) -> Stores:
    """The stores as a read of the member shows them."""
    names = {"ca": "CA", "root": "Root", "my": "My"}
    return stores_from_rows(
        [
            {"Location": location, "Store": names[store], "RawData": entry.der, "HasPrivateKey": False}
            for location, store, entry in state.stores.everywhere()
        ]
    )


def predicted_and_sent(layout: Mapping[str, str]) -> None:
    """One layout."""
    state = member(layout)
    entry = state.entry(shared_pki()[layout["leaf"]].thumbprint)
    assert entry is not None
    wire = tuple(load_der(der).sha256 for der in certificates_in_flight(schannel.flight(state, entry)))
    leaf = load_der(entry.der)
    paths = in_use.judge(leaf, as_read(state), datetime.now(timezone.utc)).paths
    chains = {tuple(c.sha256 for c in readiness.sendable(path)) for path in paths if in_use.complete(path)}
    SEVERAL["more" if len(chains) > 1 else "one" if chains else "none"] += 1
    if chains:
        assert wire in chains, "another chain was sent than any that was predicted"
    else:
        # What is sent of a chain that does not end in a root is not documented; it must not be called complete.
        names = [shared_pki().name_of(e.der) for e in state.stores.entries("Root")]
        assert not valid_now(state, entry), f"nothing was predicted, and the chain is complete; roots: {names}"


def valid_now(state: State, entry: schannel.Entry) -> bool:
    """Whether what OpenSSL found ends in a root and every link above the leaf is within its dates."""
    if not schannel.complete(state, entry):
        return False
    links = [load_der(der) for der in schannel.path(state, entry)[0][1:]]
    now = datetime.now(timezone.utc)
    return all(link.not_before <= now <= link.not_after for link in links)


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(LAYOUTS)
def test_what_is_predicted_is_what_is_sent(layout: dict[str, str]) -> None:
    predicted_and_sent(layout)


@pytest.mark.whole
@settings(max_examples=3000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(LAYOUTS)
def test_what_is_predicted_is_what_is_sent_in_many_layouts(layout: dict[str, str]) -> None:
    predicted_and_sent(layout)


def test_the_layouts_are_of_every_kind() -> None:
    """Complete, ambiguous and incomplete ones: otherwise the tests before this one would show nothing."""
    for kind, layout in (
        ("one", {"leaf": "external-old", "issuing-old": "CA", "root": "Root"}),
        (
            "more",
            {"leaf": "external-old", "issuing-old": "CA", "root": "Root", "root-cross": "CA", "root-legacy": "Root"},
        ),
        ("none", {"leaf": "external-old", "issuing-old": "SYSTEM", "root": "Root"}),
    ):
        before = dict(SEVERAL)
        predicted_and_sent(layout)
        assert SEVERAL[kind] == before[kind] + 1
