"""What the lab's members really are, told from the lab's own state: nothing of the product is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lab.client import LabProcess

ACCESS, DATA, AV, INTERNAL = "AccessEdgeExternal", "DataEdgeExternal", "AudioVideoAuthentication", "Internal"
OLD: Mapping[str, str] = {ACCESS: "external-old", DATA: "external-old", AV: "external-old"}
NEW: Mapping[str, str] = {ACCESS: "external-new", DATA: "external-new", AV: "external-new"}
State = Mapping[str, Any]


def carried(member: State) -> dict[str, str]:
    """Use -> the lab's name of the certificate it has; a rolled successor counts, as it will take over by itself."""
    names = member["names"]
    found = {use: names.get(thumbprint, "?") for use, thumbprint in member["assigned"].items()}
    if member["av_pending"]:
        found[AV] = names.get(member["av_pending"]["thumbprint"], "?")
    return found


def member_truth(member: State, new: Mapping[str, str] = NEW, old: Mapping[str, str] = OLD) -> str:
    """``new``, ``old`` or ``partly``. A rolled successor goes with the rest: it is neither in force nor absent."""
    has = carried(member)
    telling = [use for use in new if not (use == AV and member["av_pending"])]
    if all(has[use] == new[use] for use in telling):
        return "new"
    return "old" if all(has[use] == old[use] for use in telling) else "partly"


def array_truth(
    state: Mapping[str, State],
    members: Iterable[str] | None = None,
    new: Mapping[str, str] = NEW,
    old: Mapping[str, str] = OLD,
) -> str:
    """``all-new``, ``all-old`` or ``mixed``; rolled on some members only is mixed, too."""
    found = {(member_truth(state[name], new, old), bool(state[name]["av_pending"])) for name in members or state}
    word, _rolled = next(iter(found))
    return f"all-{word}" if len(found) == 1 and word != "partly" else "mixed"


def lasting(state: Mapping[str, State]) -> dict[str, Any]:
    """All that a read must not change, by member."""
    kept = ("assigned", "av_pending", "av_previous", "stores", "keys", "orphan_keys", "services", "in_use", "calls")
    more = ("dropped", "refused_tokens", "events", "presented", "journal", "lock")
    return {name: {key: member[key] for key in (*kept, *more)} for name, member in state.items()}


def serves_nobody_wrong(lab: LabProcess) -> None:
    """No call was dropped, no token refused, no key left without its certificate, mutual TLS works."""
    for name, member in lab.state().items():
        assert member["dropped"] == 0, f"{name} dropped {member['dropped']} call(s)"
        assert member["refused_tokens"] == 0, f"{name}: tokens refused"
        assert member["orphan_keys"] == 0, f"{name}: {member['orphan_keys']} key container(s) without a certificate"
        assert member["mutual_tls"] == "works"


def all_running(lab: LabProcess) -> None:
    """Every service of every member runs."""
    for name, member in lab.state().items():
        assert set(member["services"].values()) == {"Running"}, f"{name}: {member['services']}"
