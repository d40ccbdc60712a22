# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A first look at a host before anything is trusted to it: what is judged, and the text that goes into an issue. Pure.

The text names no host, no user and no certificate: whoever pastes it gives nothing away.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..products.interface import Verified
from ..stores.store import Stores, stores_from_rows
from ..windows.calls import HostFacts, Reply

MAX_OFFSET = 60.0
"""Seconds; a rollout refuses members whose clocks differ by more."""
WINDOWS = {
    "6.0": "Windows Server 2008",
    "6.1": "Windows Server 2008 R2",
    "6.2": "Windows Server 2012",
    "6.3": "Windows Server 2012 R2",
    "10.0.14393": "Windows Server 2016",
    "10.0.17763": "Windows Server 2019",
    "10.0.20348": "Windows Server 2022",
    "10.0.26100": "Windows Server 2025",
}


@dataclass(frozen=True)
class CheckLine:
    """One line of the look."""

    id: str
    """``transport``, ``rights``, ``clock`` ..."""
    status: str
    """``ok``, ``warning``, ``error`` or ``unknown`` (it could not be looked at)."""
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class Transport:
    """The way to the host, in words."""

    kind: str
    """Such as ``winrm, https, basic``."""
    encrypted: bool
    authenticated: bool
    """Whether the server has proven who it is."""
    finding: str | None = None
    """Why it must not carry a key."""


def transport(plugin: str, scheme: str, auth: Sequence[str], finding: str | None) -> Transport:
    """The way to a host. ``finding``: why it must not carry a key; None: it is safe."""
    kind = ", ".join(part for part in (plugin, scheme, *auth) if part)
    return Transport(kind, scheme == "https" or finding is None, finding is None, finding)


@dataclass(frozen=True)
class Attempt:
    """One command to the host and what came of it."""

    seconds: float
    """Until the answer was there, on the controller's clock."""
    at: datetime
    """The controller's time in the middle of it."""
    host: HostFacts | None = None
    error: str | None = None
    """Why there is no answer."""
    lost: bool = False
    """The connection did not come about or broke: nothing was answered at all."""


@dataclass(frozen=True)
class Sample:
    """What was read as a sample."""

    stores: Stores | None = None
    uses: tuple[str, ...] = ()
    uses_error: str | None = None


def sample(plain: Reply | None, loaded: Reply | None, product: Verified[Any] | None) -> Sample:
    """What the two commands read; ``plain`` without the product's module, ``loaded`` with it."""
    answer = plain.answers.get("stores") if plain else None
    stores = stores_from_rows(answer.rows) if answer is not None and answer.ok else None
    uses = loaded.answers.get("assignments") if loaded else None
    if uses is None or loaded is None or product is None:
        return Sample(stores)
    return Sample(stores, product.sampled(loaded), uses.error.message if uses.error else None)


def checks(
    way: Transport, first: Attempt, loaded: Attempt | None, sample: Sample, product: Verified[Any] | None = None
) -> tuple[CheckLine, ...]:
    """Every line, in the order of the text. ``loaded``: the look with the module of ``product``, None when not asked
    for."""
    found = [transport_check(way)]
    if first.host is None:
        return (*found, CheckLine("answer", "error", f"no answer: {first.error}", hint(first.error or "")))
    host = first.host
    found.append(CheckLine("answer", "ok", f"after {first.seconds:.1f} s, connecting and starting PowerShell included"))
    found += [windows_check(host), process_check(host), language_check(host), rights_check(host)]
    found += [clock_check(host, first.at), store_check(sample.stores)]
    if loaded is not None:
        found += module_checks(first, loaded, sample, product)
    return tuple(found)


def transport_check(way: Transport) -> CheckLine:
    """Encrypted, authenticated, and may it carry a key."""
    encrypted = "encrypted" if way.encrypted else "NOT encrypted"
    authenticated = "authenticated" if way.authenticated else "NOT authenticated"
    said = f"{way.kind}: {encrypted}, server {authenticated}"
    if way.finding:
        return CheckLine("transport", "error", f"{said}; no private key is sent over it", way.finding)
    return CheckLine("transport", "ok", said)


def windows_check(host: HostFacts) -> CheckLine:
    """Which Windows."""
    known = (name for number, name in WINDOWS.items() if f"{host.windows}.".startswith(f"{number}."))
    name = next(known, "a Windows without a name here")
    return CheckLine("windows", "ok", f"{name} ({host.windows}), {host.culture or 'invariant culture'}")


def process_check(host: HostFacts) -> CheckLine:
    """64 bits, a PowerShell and a runtime that the script knows."""
    said = f"PowerShell {host.powershell}, .NET runtime {host.clr}, {host.bits}-bit process"
    if host.bits != 64:
        return CheckLine("process", "error", said, "Use the default 64-bit WinRM endpoint (Microsoft.PowerShell).")
    if host.powershell.startswith("2."):
        remedy = "It answered, which is what was not proven for PowerShell 2.0 so far: please tell the project."
        return CheckLine("process", "warning", said, remedy)
    return CheckLine("process", "ok", said)


def language_check(host: HostFacts) -> CheckLine:
    """The script needs the full language."""
    if host.language == "FullLanguage":
        return CheckLine("language", "ok", "FullLanguage")
    remedy = "Exempt the account or the endpoint from the policy (AppLocker, JEA)."
    return CheckLine("language", "error", host.language or "not told", remedy)


def rights_check(host: HostFacts) -> CheckLine:
    """Administrator with an unfiltered token."""
    if host.admin:
        return CheckLine("rights", "ok", "administrator, token not filtered")
    remedy = (
        "Either the account is no administrator, or UAC filters its remote token: local accounts other than the "
        "built-in Administrator get a filtered one unless LocalAccountTokenFilterPolicy is 1 (which opens every local "
        "administrator account to remote logons), domain accounts in Administrators do not."
    )
    return CheckLine("rights", "error", "the token holds no administrator rights", remedy)


def clock_check(host: HostFacts, at: datetime) -> CheckLine:
    """How far the host's clock is from the controller's."""
    if host.clock is None:
        return CheckLine("clock", "error", "the host did not tell its time", "Run the check again.")
    offset = (host.clock - at).total_seconds()
    said = "as the controller's"
    if abs(offset) >= 1:
        said = f"{abs(offset):.0f} s {'ahead of' if offset > 0 else 'behind'} the controller's"
    if abs(offset) <= MAX_OFFSET:
        return CheckLine("clock", "ok", said)
    remedy = (
        "Mend time synchronisation on the host or on the controller: a rollout refuses members that differ by more "
        "than a minute."
    )
    return CheckLine("clock", "warning", said, remedy)


def store_check(stores: Stores | None) -> CheckLine:
    """The sample of LocalMachine\\My: counts only."""
    if stores is None:
        return CheckLine("store", "error", "LocalMachine\\My could not be read", "Missing rights are the usual cause.")
    entries = stores.machine("My")
    keys = [entry.key for entry in entries if entry.key]
    cng = sum(1 for key in keys if key.cng)
    broken = sum(1 for key in keys if key.error)
    count = f"{len(entries)} certificate(s), {len(keys)} with a key ({len(keys) - cng} CryptoAPI, {cng} CNG)"
    if broken:
        remedy = "A key that an administrator cannot open has lost its file or its rights."
        return CheckLine("store", "warning", f"LocalMachine\\My: {count}, {broken} key(s) cannot be opened", remedy)
    return CheckLine("store", "ok", f"LocalMachine\\My: {count}")


def module_checks(
    first: Attempt, loaded: Attempt, sample: Sample, product: Verified[Any] | None
) -> Sequence[CheckLine]:
    """The product's module: does it load, how long does it take, does a read work."""
    by_hand = product.by_hand if product else "its command for certificates"
    title = product.title if product else "server of the product"
    is_it = f"Is this {'an' if title[0] in 'AEIOU' else 'a'} {title}?"
    if loaded.host is None:
        remedy = (
            "Without the module there was an answer: the shell's memory or time quota is the first suspect "
            "(winrm get winrm/config/winrs)."
        )
        return (CheckLine("module", "error", f"no answer with the product's module loaded: {loaded.error}", remedy),)
    if loaded.host.load_error:
        remedy = f"{is_it} Does {by_hand} work in its Management Shell, under this account?"
        return (CheckLine("module", "error", f"its module does not load: {loaded.host.load_error}", remedy),)
    names = ", ".join(f"{module.name} {module.version}" for module in loaded.host.loaded) or "nothing"
    took = max(loaded.seconds - first.seconds, 0.0)
    module = CheckLine("module", "ok", f"{names}, about {took:.1f} s more than a command without it")
    if sample.uses_error:
        return (module, CheckLine("product", "error", f"{by_hand} failed: {sample.uses_error}"))
    if not sample.uses:
        return (module, CheckLine("product", "warning", "no use has a certificate", is_it))
    return (module, CheckLine("product", "ok", f"{by_hand}: {', '.join(sample.uses)}"))


_TRUST = (
    "The CA of the WinRM listener's certificate is not trusted here: set ansible_winrm_ca_trust_path (winrm) or "
    "ansible_psrp_ca_cert (psrp)."
)
_LOGON = "User, password or authentication method are not accepted; a local user is .\\name or HOST\\name for NTLM."
_SILENT = "No answer from that address: firewall, routing, or a host that is down."
_SEALED = "Unencrypted messages are not accepted: use NTLM with message encryption, or https."
HINTS: Mapping[str, str] = {
    r"certificate.verify.failed": _TRUST,
    r"hostname": "The listener's certificate does not carry the name that Ansible connects to; see ansible_host.",
    r"credentials|unauthorized|authenticate the user|\b401\b": _LOGON,
    r"refused": "Nothing listens there: look at winrm enumerate winrm/config/listener, and at ansible_port.",
    r"timed out|no route": _SILENT,
    r"name or service not known|name resolution": "The name of the host cannot be resolved: set ansible_host.",
    r"not encrypt": _SEALED,
    r"\b500\b": f"WinRM refused the request. {_SEALED} Or a quota is used up.",
    r"language": "A language mode policy (AppLocker, JEA) keeps scripts from running.",
    r"no PowerShell behind": "Set ansible_connection to winrm or psrp, or ansible_shell_type to powershell for ssh.",
}
NO_HINT = "Try the connection alone: ansible HOST -m ansible.builtin.raw -a hostname"


def hint(message: str) -> str:
    """What to try, by the words of a connection error."""
    return next((text for words, text in HINTS.items() if re.search(words, message, re.IGNORECASE)), NO_HINT)


def names(task_vars: Mapping[str, Any], reply: Reply | None) -> dict[str, str]:
    """What the text must not say, and what it says instead."""
    hosts = {str(task_vars.get(name) or ""): "HOST" for name in ("inventory_hostname", "ansible_host")}
    users = {str(task_vars.get(name) or ""): "USER" for name in ("ansible_user", "ansible_psrp_user")}
    said = {reply.host.computer: "HOST", reply.host.user: "USER"} if reply is not None else {}
    return hosts | users | said


def without(text: str, names: Mapping[str, str]) -> str:
    """``text`` without the names of a host and its users, each replaced by its word; very short names are left."""
    for name in sorted((name for name in names if len(name) > 2), key=len, reverse=True):
        text = re.sub(rf"(?<![\w.]){re.escape(name)}(?!\w)", names[name], text, flags=re.IGNORECASE)
    return text


def text_block(found: Sequence[CheckLine], versions: Mapping[str, str]) -> str:
    """What a user pastes into an issue."""
    lines = ["host_check: " + ", ".join(f"{name} {version}" for name, version in versions.items())]
    width = max(len(check.id) for check in found)
    for check in found:
        lines.append(f"  {check.status.upper():<7}  {check.id:<{width}}  {check.text}")
        if check.remedy and check.status != "ok":
            lines.append(f"  {'':<7}  {'':<{width}}  -> {check.remedy}")
    lines.append("  Not looked at: WinRM quotas. Nothing was changed.")
    return "\n".join(lines)
