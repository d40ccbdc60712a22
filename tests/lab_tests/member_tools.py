"""A pool in this process, without transport: documents in, replies out."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from collections.abc import Coroutine
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from lab.interfaces import Options
from lab.member.host import EdgeMember
from lab.pki import Pki
from lab.scenarios import EdgePool

T = TypeVar("T")
NONCE = "00112233445566778899aabbccddeeff"


def quiet(event: str, /, **facts: Any) -> None:
    """A log that keeps nothing."""


def pool(folder: Path, /, **extra: str) -> EdgePool:
    """An Edge pool whose ports are closed. What is not product, windows or powershell is a setting of the scenario."""
    versions = {k: extra.pop(k) for k in ("product", "windows", "powershell") if k in extra}
    options = Options("edge-pool", folder, "127.99.0", "labadmin", "secret", quiet, extra=extra, **versions)
    return EdgePool(options, shared_pki())


@lru_cache(maxsize=1)
def shared_pki() -> Pki:
    """One set of certificates for all tests of a process."""
    return Pki(datetime.now(timezone.utc))


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a loop of its own."""
    return asyncio.run(work)


def packed(document: dict[str, Any]) -> bytes:
    """A document as it arrives on standard input."""

    def pack(text: str) -> bytes:
        return base64.b64encode(gzip.compress(text.encode()))

    return pack("the script") + b"\n" + pack(json.dumps(document)) + b"\n"


def document(*calls: dict[str, Any], load: tuple[str, ...] = ("lync",)) -> dict[str, Any]:
    """A document of calls that are numbered here."""
    numbered = [{"id": str(n), **c} for n, c in enumerate(calls, 1)]
    return {"nonce": NONCE, "load": list(load), "calls": numbered}


def call(name: str, /, keep: tuple[str, ...] = (), optional: bool = False, **parameters: Any) -> dict[str, Any]:
    """One call."""
    return {"name": name, "with": parameters, "keep": list(keep), "optional": optional}


async def ask_later(member: EdgeMember, *calls: dict[str, Any], load: tuple[str, ...] = ("lync",)) -> dict[str, Any]:
    """Run a document on a member; the whole reply."""
    result = await member.execute("bootstrap", packed(document(*calls, load=load)), "winrs")
    lines = result.stdout.decode("ascii").split("\r\n")
    begin, end = lines.index(f"ucops-begin {NONCE}"), lines.index(f"ucops-end {NONCE}")
    found: dict[str, Any] = json.loads("".join(lines[begin + 1 : end]))
    return found


def ask(member: EdgeMember, *calls: dict[str, Any], load: tuple[str, ...] = ("lync",)) -> list[dict[str, Any]]:
    """Run a document on a member; the replies."""
    replies: list[dict[str, Any]] = run(ask_later(member, *calls, load=load))["replies"]
    return replies


def order(member: EdgeMember, **body: Any) -> None:
    """A control request."""
    run(member.control(body))


def switch(on: bool = True) -> dict[str, bool]:
    """A switch parameter on the wire."""
    return {"$switch": on}


def moment(when: datetime) -> dict[str, str]:
    """A date on the wire."""
    return {"$datetime": when.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")}


def from_now(member: EdgeMember, **distance: float) -> datetime:
    """A moment by the member's clock."""
    return member.state.clock.now() + timedelta(**distance)


def put(member: EdgeMember, store: str, *names: str, **how: Any) -> None:
    """Lab certificates into a store."""
    order(member, store={"store": store, "add": list(names), **how})


def thumb(lab: EdgePool, name: str) -> str:
    """Thumbprint of a lab certificate."""
    return lab.pki[name].thumbprint


def set_certificate(member: EdgeMember, thumbprint: str, *uses: str, **more: Any) -> dict[str, Any]:
    """Set-CsCertificate; its reply."""
    return ask(member, call("Set-CsCertificate", Type=list(uses), Thumbprint=thumbprint, **more))[0]


def restart(member: EdgeMember, service: str) -> dict[str, Any]:
    """Stop and start a service; the reply of the start."""
    return ask(member, call("Stop-CsWindowsService", Name=service), call("Start-CsWindowsService", Name=service))[1]


def session_key_events(member: EdgeMember) -> list[str]:
    """Texts of the shared session key events."""
    return [e["message"] for e in member.describe()["events"] if "shared session key" in e["message"]]
