# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What crosses the wire: the document that goes to a host, and the framed reply that comes back.

Both are ASCII JSON. Values that JSON has no form for are one-key objects: ``{"$bytes": base64}``, ``{"$datetime": ISO
8601 UTC}``, ``{"$secure": text}``, ``{"$switch": bool}``, ``{"$int64": digits}``, ``{"$computer": true}`` (the host's
own NetBIOS name). docs/remote-calls.md shows a whole exchange.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from ..text import clean
from .calls import (
    Answer,
    Call,
    CallError,
    Credential,
    HostFacts,
    LoadedModule,
    OutcomeUnknown,
    RemoteError,
    Reply,
    Secure,
    Switch,
    ThisComputer,
    check_calls,
)

# JSON numbers are doubles to many readers: integers beyond this travel as text.
_EXACT = 2**53
NOT_WRITTEN = "ucops.NotWritten"
"""The error of a call that was made, and whose answer holds a value that cannot be written."""
_INSTANT = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)
_NONCE = re.compile(r"[0-9a-f]{16,64}\Z")


def document(nonce: str, load: Sequence[str], calls: Sequence[Call], credential: Credential | None = None) -> str:
    """The document for a host, as ASCII JSON. ``credential``: for a session of its own, where one is loaded.

    `nonce` is 16 to 64 lower-case hex digits, new for every document; it frames the reply.
    Raises CallError for what cannot be sent.
    """
    if not _NONCE.match(nonce):
        raise CallError("the nonce must be 16 to 64 lower-case hexadecimal digits")
    check_calls(load, calls)
    sent = [
        {
            "id": call.id,
            "name": call.name,
            "with": {key: encode(value, f"{call.name} -{key}") for key, value in call.parameters.items()},
            "keep": list(call.keep),
            "optional": call.optional,
        }
        for call in calls
    ]
    whole: dict[str, Any] = {"nonce": nonce, "load": list(load), "calls": sent}
    if credential is not None:
        whole["credential"] = {"user": credential.user, "password": encode(credential.password, "credential")}
    return json.dumps(whole, ensure_ascii=True, separators=(",", ":"))


def encode(value: Any, where: str) -> Any:
    """One parameter value in its form on the wire; `where` names it in an error, which never shows the value."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return value if -_EXACT <= value <= _EXACT else {"$int64": str(value)}
    if isinstance(value, float):
        return value
    if isinstance(value, (bytes, bytearray)):
        return {"$bytes": base64.b64encode(value).decode("ascii")}
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise CallError(f"{where}: a time without a zone cannot be sent; give it in UTC")
        return {"$datetime": value.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
    if isinstance(value, Secure):
        return {"$secure": value.text}
    if isinstance(value, Switch):
        return {"$switch": value.on}
    if isinstance(value, ThisComputer):
        return {"$computer": True}
    if isinstance(value, (list, tuple)):
        return [encode(item, where) for item in value]
    raise CallError(f"{where}: a value of type {type(value).__name__} has no form on the wire")


def decode(value: Any) -> Any:
    """One value of a reply as Python knows it: bytes, aware datetime in UTC, int, list, dict or a JSON scalar.

    Raises ValueError for a malformed typed value.
    """
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        tag, inner = next(iter(value.items()))
        if tag == "$bytes":
            return base64.b64decode(inner, validate=True)
        if tag == "$datetime":
            return parse_time(inner)
        if tag == "$int64":
            return int(inner)
        if tag == "$switch":
            return Switch(bool(inner))
    return {key: decode(item) for key, item in value.items()}


def parse_time(text: str) -> datetime:
    """An instant from .NET's round-trip format, "2026-11-23T12:00:00.0000000Z"; seven decimals are cut to six."""
    match = _INSTANT.fullmatch(text)
    if not match:
        raise ValueError(f"not an instant in UTC: {text!r}")
    *whole, fraction = match.groups("0")
    year, month, day, hour, minute, second = map(int, whole)  # a reply has dozens of them, and strptime is slow
    return datetime(year, month, day, hour, minute, second, int(fraction.ljust(6, "0")[:6]), timezone.utc)


def parse_reply(nonce: str, stdout: str) -> Reply:
    """The reply out of everything a host wrote.

    Only what stands between the two lines with the nonce counts: banners, warnings and host output around it are
    noise, and line ends within it are not part of it (a console host may wrap long lines; the script leaves no blank
    that wrapping could eat). Raises OutcomeUnknown when the frame is not whole or what it holds cannot be read.
    """
    begin, end = f"ucops-begin {nonce}", f"ucops-end {nonce}"
    start = stdout.find(begin)
    stop = stdout.find(end, start + len(begin))
    if start < 0 or stop < 0:
        missing = "no reply arrived" if start < 0 else "the reply was cut off"
        raise OutcomeUnknown(f"{missing}: whether the calls took effect is not known", said=_tail(stdout))
    body = re.sub(r"[\r\n]+", "", stdout[start + len(begin) : stop])
    try:
        try:
            reply = json.loads(body)
        except ValueError:
            reply = json.loads(re.sub(r"\s+", "", body))
        answers = {str(item["id"]): _answer(item) for item in reply["replies"]}
        return Reply(_facts(reply["host"]), answers)
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error, OverflowError) as error:
        raise OutcomeUnknown(
            f"the reply cannot be read ({type(error).__name__}: {error}): whether the calls took effect is not known",
            said=_tail(stdout),
        ) from None


def _answer(item: Mapping[str, Any]) -> Answer:
    if item.get("not_run"):
        return Answer(not_run=True)
    told = item.get("error")
    error = None
    if told:
        message, kind, fqid, category = (
            clean(str(told.get(key) or "")) for key in ("message", "type", "fqid", "category")
        )
        if fqid == NOT_WRITTEN:
            message = f"the call was made, but its answer cannot be written: {message}"
        error = RemoteError(message, kind, fqid, category)
    return Answer(
        rows=tuple(decode(row) for row in item.get("rows") or ()),
        error=error,
        warnings=tuple(clean(str(text)) for text in item.get("warnings") or ()),
        seconds=float(item.get("seconds") or 0),
    )


def _facts(host: Mapping[str, Any]) -> HostFacts:
    clock = host.get("clock")
    if isinstance(clock, dict):
        clock = clock.get("$datetime")
    texts = ("computer", "powershell", "clr", "windows", "user", "language", "culture")
    return HostFacts(
        **{key: clean(str(host.get(key) or "")) for key in texts},
        bits=int(host.get("bits") or 0),
        clock=parse_time(clock) if clock else None,
        admin=bool(host.get("admin")),
        loaded=tuple(
            LoadedModule(
                clean(str(entry["name"])),
                clean(str(entry["version"])),
                tuple(clean(str(one)) for one in entry.get("lacks") or ()),
            )
            for entry in host.get("loaded") or ()
        ),
        load_error=clean(str(host["load_error"])) if host.get("load_error") else None,
    )


def _tail(text: str, size: int = 600) -> str:
    """The last words of a host, for an error message."""
    text = text.strip()
    return clean(text if len(text) <= size else "... " + text[-size:])
