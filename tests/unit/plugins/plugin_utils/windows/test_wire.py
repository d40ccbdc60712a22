# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents and replies: every typed value both ways, the frame, and what cannot be sent."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.products import PRODUCTS
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import (
    ALLOWED,
    Call,
    CallError,
    OutcomeUnknown,
    Secure,
    Switch,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.wire import (
    decode,
    document,
    encode,
    parse_reply,
    parse_time,
)

CMDLETS = {name for product in PRODUCTS.values() for name in product.cmdlets}
"""What may be sent beside the functions of the script itself: the products say so when they are loaded."""
NONCE = "0123456789abcdef"
HOST = {
    "computer": "EDGE1",
    "powershell": "2.0",
    "clr": "2.0.50727.5485",
    "windows": "6.1.7601",
    "bits": 64,
    "clock": "2026-11-23T12:00:00.1234567Z",
    "user": "EDGE1\\admin",
    "admin": True,
    "language": "FullLanguage",
    "culture": "de-DE",
    "loaded": [{"name": "Lync", "version": "5.0"}],
    "load_error": None,
}


def framed(
    replies: list[dict[str, Any]], nonce: str = NONCE, width: int = 8000, host: dict[str, Any] | None = None
) -> str:
    text = json.dumps({"host": host or HOST, "replies": replies}, separators=(",", ":"))
    if width < 8000:
        text = text.replace(" ", "\\u0020")
    lines = [text[start : start + width] for start in range(0, len(text), width)]
    return "\r\n".join([f"ucops-begin {nonce}", *lines, f"ucops-end {nonce}", ""])


def journal() -> Call:
    return Call("1", "Get-Journal")


def test_a_document_is_ascii_and_says_what_is_asked() -> None:
    when = datetime(2026, 11, 23, 13, 0, 0, 250, tzinfo=timezone(timedelta(hours=1)))
    call = Call(
        "a",
        "Set-CsCertificate",
        {
            "Type": ["AccessEdgeExternal"],
            "Thumbprint": "AB",
            "EffectiveDate": when,
            "Roll": Switch(),
            "Note": "Zürich \U0001f600",
        },
    )
    text = document(NONCE, ["lync"], [call])
    assert text.isascii()
    assert json.loads(text) == {
        "nonce": NONCE,
        "load": ["lync"],
        "calls": [
            {
                "id": "a",
                "name": "Set-CsCertificate",
                "with": {
                    "Type": ["AccessEdgeExternal"],
                    "Thumbprint": "AB",
                    "EffectiveDate": {"$datetime": "2026-11-23T12:00:00.000250Z"},
                    "Roll": {"$switch": True},
                    "Note": "Zürich \U0001f600",
                },
                "keep": [],
                "optional": False,
            }
        ],
    }


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (2**53, 2**53),
        (2**63 - 1, {"$int64": "9223372036854775807"}),
        (-(2**63), {"$int64": "-9223372036854775808"}),
        (b"\x00\xff", {"$bytes": "AP8="}),
        (Secure('pa"ss'), {"$secure": 'pa"ss'}),
        (Switch(False), {"$switch": False}),
        (("a", b"b"), ["a", {"$bytes": "Yg=="}]),
        (1.5, 1.5),
    ],
)
def test_each_value_has_one_form_on_the_wire(value: Any, wire: Any) -> None:
    assert encode(value, "x") == wire


@pytest.mark.parametrize("value", [datetime(2026, 1, 1), object(), {"a": 1}, {1}])
def test_what_has_no_form_is_refused_without_showing_it(value: Any) -> None:
    with pytest.raises(CallError, match="^Set-X -Y: ") as caught:
        encode(value, "Set-X -Y")
    assert "object at" not in str(caught.value)


def test_values_of_a_reply_are_decoded_at_every_depth() -> None:
    wire = {
        "a": [{"$bytes": "AP8="}],
        "b": {"c": {"$datetime": "2026-01-02T03:04:05.6789012Z"}},
        "d": {"$int64": "9007199254740993"},
    }
    assert decode(wire) == {
        "a": [b"\x00\xff"],
        "b": {"c": datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc)},
        "d": 9007199254740993,
    }


def test_times_without_a_fraction_and_of_the_far_ends_are_read() -> None:
    assert parse_time("2026-01-02T03:04:05Z") == datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    assert parse_time("0001-01-01T00:00:00.0000000Z").year == 1
    assert parse_time("9999-12-31T23:59:59.9999999Z").microsecond == 999999
    assert parse_time("2026-01-02T03:04:05.6789Z").microsecond == 678900
    not_one = ("23.11.2026 12:00", "2026-01-02T03:04:05", "10000-01-01T00:00:00Z", "２０２６-01-02T03:04:05Z", "")
    for text in not_one:
        with pytest.raises(ValueError, match="not an instant"):
            parse_time(text)
    for text in ("2026-02-30T00:00:00Z", "2026-01-02T24:00:00Z", "2026-01-02T03:04:60Z", "0000-01-01T00:00:00Z"):
        with pytest.raises(ValueError):
            parse_time(text)


def test_a_reply_amid_noise() -> None:
    replies = [
        {"id": "1", "rows": [{"Text": "a b", "Lock": None}], "warnings": ["w"], "seconds": 0.5},
        {"id": "2", "error": {"message": "m", "type": "T", "fqid": "F", "category": "C"}, "warnings": [], "seconds": 0},
        {"id": "3", "not_run": True},
    ]
    reply = parse_reply(NONCE, "Welcome to the Management Shell\r\n" + framed(replies) + "WARNING: later\r\n")
    assert reply.rows("1") == ({"Text": "a b", "Lock": None},)
    assert reply["1"].warnings == ("w",) and reply["1"].seconds == 0.5
    assert reply["2"].error is not None and reply["2"].error.fqid == "F" and not reply["2"].ok
    assert reply["3"].not_run and not reply["3"].ok
    assert [name for name, answer in reply.answers.items() if answer.error] == ["2"]
    assert reply.host.bits == 64 and reply.host.admin and reply.host.loaded[0].version == "5.0"
    assert reply.host.clock == datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=timezone.utc)


def test_a_console_that_wraps_long_lines_does_no_harm() -> None:
    replies = [{"id": "1", "rows": [{"Text": "two  blanks " * 40}]}]
    assert parse_reply(NONCE, framed(replies, width=79)).rows("1")[0]["Text"] == "two  blanks " * 40


@pytest.mark.parametrize(
    ("stdout", "reason"),
    [
        ("", "no reply arrived"),
        ("At line:1 char:1\r\n+ boom", "no reply arrived"),
        (framed([], nonce="f" * 16), "no reply arrived"),
        (f"ucops-begin {NONCE}\r\n" + '{"host": {', "was cut off"),
        (f"ucops-begin {NONCE}\r\n" + '{"host": {' + f"\r\nucops-end {NONCE}\r\n", "cannot be read"),
        (f"ucops-begin {NONCE}\r\n[]\r\nucops-end {NONCE}\r\n", "cannot be read"),
        (framed([{"id": "1", "rows": [{"a": {"$bytes": "!"}}]}]), "cannot be read"),
    ],
)
def test_a_reply_that_is_not_whole_is_an_unknown_outcome(stdout: str, reason: str) -> None:
    with pytest.raises(OutcomeUnknown, match=reason) as caught:
        parse_reply(NONCE, stdout)
    assert caught.value.may_have_applied


@pytest.mark.parametrize("nonce", ["", "short", "Z" * 16, "0" * 65, "0123456789abcdef\n"])
def test_a_nonce_that_could_be_mistaken_is_refused(nonce: str) -> None:
    with pytest.raises(CallError, match="nonce"):
        document(nonce, [], [journal()])


def test_calls_are_checked_before_anything_is_sent() -> None:
    with pytest.raises(CallError, match="Invoke-Expression"):
        Call("1", "Invoke-Expression")
    with pytest.raises(CallError, match="keep"):
        Call("1", "Get-CsCertificate")
    with pytest.raises(CallError, match="two calls"):
        document(NONCE, [], [journal(), journal()])
    with pytest.raises(CallError, match="cannot load exchange2003"):
        document(NONCE, ["exchange2003"], [journal()])


def test_a_call_never_shows_its_parameters() -> None:
    call = Call("1", "Import-StorePfx", {"Pfx": b"canary", "Password": Secure("canary")})
    assert "canary" not in repr(call) and "canary" not in repr(Secure("canary"))
    assert call.carries_key
    assert Call("1", "Set-CsCertificate", {"Password": [Secure("x")]}).carries_key
    assert not Call("1", "Set-CsCertificate", {"Thumbprint": "AB"}).carries_key


def test_every_name_says_by_its_verb_whether_it_writes() -> None:
    assert {name for name, kind in ALLOWED.items() if kind == "read"} == {
        name for name in ALLOWED if name.split("-")[0] in ("Get", "Test", "Find", "Wait", "Export")
    }
