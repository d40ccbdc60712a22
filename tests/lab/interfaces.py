"""What the transport (``lab.wsman``) and the members (``lab.member``, ``lab.scenarios``) ask of each other.

The transport knows HTTP, authentication, SOAP, WinRS and PSRP; it knows nothing of certificates.
A member knows what a Windows host is and does; it knows nothing of HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from .faults import FaultPlan

A_NETWORK = 250
"""Addresses of one network that members use; the last ones are the lab's own (``lab.network.CLAIM_HOST``)."""

Shell = Literal["winrs", "psrp"]


@dataclass(frozen=True)
class Result:
    """How a command ended.

    ``stdout`` and ``stderr`` are UTF-8 text with ``\\r\\n`` line ends. ``stderr`` is plain text, one
    error record a line: the transport turns it into CLIXML (WinRS) or error records (PSRP).
    """

    rc: int
    stdout: bytes = b""
    stderr: bytes = b""


@dataclass
class WinrmSettings:
    """How a member's WinRM service is set up; ``POST /members/M`` may change each by its name at any time."""

    allow_unencrypted: bool = False
    """False: a message that is neither under TLS nor sealed is answered with HTTP 500, as Windows does."""
    basic: bool = True
    """Whether Basic is offered. (Windows' own default is no.)"""
    max_envelope_kb: int = 500
    """Largest request taken, in KiB: 150 up to Windows Server 2008 R2 as delivered, 500 since."""
    max_shells: int = 30
    """MaxShellsPerUser: 5 with WinRM 2.0, 30 since. A client that leaves shells open runs into it."""
    max_operations: int = 1500
    """Commands one shell takes before the quota fault 0x803381A6."""
    latency: float = 0.0
    """Seconds that every HTTP request waits before it is worked on."""
    progress: bool = True
    """Whether powershell.exe's stderr carries its usual "Preparing modules for first use." progress record."""


class Log(Protocol):
    """The lab's log: one line an event. Never give it stdin, documents, passwords or replies."""

    def __call__(self, event: str, /, **facts: str | int | float | bool | None) -> None: ...


@dataclass(frozen=True)
class Options:
    """What a scenario is built from."""

    scenario: str
    directory: Path
    """Where inventory, vendor deliveries and trust go; exists and is empty."""
    net: str
    """First three octets of the lab's own loopback network, such as ``127.70.3``."""
    user: str
    password: str
    log: Log
    engine: str = "python"
    powershell: str | None = None
    product: str | None = None
    windows: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    """``--set key=value`` of the command line: options of one scenario."""
    further: Callable[[int], str] | None = None
    """Prefix of the n-th network beside ``net``, from 1, where a scenario needs more than one (``lab.network``)."""

    def address(self, host: int) -> str:
        """``127.a.b.<host>``, and from 250 on one of the next network. ``host``: from 1, no multiple of 250."""
        network, last = divmod(host, A_NETWORK)
        if host < 1 or not last:
            raise ValueError(f"expected a host from 1 that is no multiple of {A_NETWORK}, found {host}")
        if not network:
            return f"{self.net}.{last}"
        if self.further is None:
            raise ValueError(f"expected a host below {A_NETWORK}, as there is one network; found {host}")
        return f"{self.further(network)}.{last}"


class Member(Protocol):
    """One simulated Windows host. Every coroutine runs on the lab's one event loop."""

    name: str
    """Inventory name, such as ``edge1``."""
    address: str
    """The loopback address its WinRM listens on (ports 5985 and 5986)."""
    users: Mapping[str, str]
    """Local accounts: lower-case name -> password. Read at every authentication."""
    groups: Sequence[str]
    """Inventory groups it is in, such as ``("edge",)``."""
    faults: FaultPlan
    """Made by the member; its engine awaits ``before`` and ``after`` around each call. DropConnection,
    HttpError and QuotaError must leave ``execute`` as they are; InjectedError is a call's error."""

    winrm: WinrmSettings
    """Optional: without it the defaults hold."""

    async def execute(self, script: str, stdin: bytes, shell: Shell) -> Result:
        """Run a PowerShell script: the decoded text of -EncodedCommand (WinRS) or the script of a pipeline (PSRP).

        Called once a command, when its stdin is complete. For PSRP, stdin is the input objects as
        text, each ended by ``\\n``. Ansible's psrp connection appends ``\\nexit $LASTEXITCODE`` to
        the script of an exec_command.
        """

    async def command_line(self, line: str, stdin: bytes) -> Result:
        """Run a plain command line through cmd.exe (WinRS only), such as ``ipconfig /all``. stderr is sent as it is."""

    def describe(self) -> dict[str, Any]:
        """This member's part of ``GET /state``; JSON-able, no secrets."""

    async def control(self, body: dict[str, Any]) -> dict[str, Any]:
        """``POST /members/M`` without the transport's own keys, or ``{"store": body}`` for ``POST /members/M/store``.

        Raises ValueError (answered 400, with its text) on what it does not know.
        """

    def advance(self, seconds: float) -> None:
        """Move this member's clock forward (``POST /clock``)."""

    def inventory_vars(self) -> dict[str, Any]:
        """Host variables of its own for the inventory, such as ``rollout_endpoints``."""

    async def start(self) -> None:
        """Open the product's TLS listeners. WinRM's are the transport's."""

    async def stop(self) -> None:
        """Close what :meth:`start` opened."""


class Lab(Protocol):
    """What ``lab.scenarios.build(options)`` returns: members made, deliveries and trust files written."""

    members: Sequence[Member]
    directory: Path

    def inventory_vars(self) -> dict[str, Any]:
        """Variables for all members, such as the bundle's path."""
