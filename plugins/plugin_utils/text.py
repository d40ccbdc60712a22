# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign text made harmless: the one place that knows which characters must not reach a terminal, a log or a report.

What a member, a port, a file or a certificate says is foreign. An escape sequence in it can repaint a verdict, a
direction mark can turn a name around, a line end can forge a line of output, and a runner of jobs obeys some words that
a job prints. Everything that leaves the collection passes :func:`harmless` (tasks' results and messages), and texts
are cleaned when they become part of a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

SHOWN = "\N{REPLACEMENT CHARACTER}"
"""What stands where such a character stood: visible, and never part of a name."""

ARMED = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
"""Characters that act on a terminal or turn text around: C0 and C1 controls (but for tabs and line ends), line and
paragraph separators, marks of direction (Unicode Technical Report 36, section 2.5), halves of characters."""

UNSEEN = (
    "\u00ad\u034f\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2065"
    "\u206a-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Characters that nobody sees (Unicode: format characters and default ignorables). They do no harm to a terminal and
occur in real names, so names that are data keep them; a sentence shows that they are there."""

ORDERS = (
    "error|warning|notice|debug|group|endgroup|echo|stop-commands|add-mask|add-path|add-matcher|remove-matcher"
    "|set-output|set-env|save-state"
)
"""What runners of jobs obey where it begins a line of output, behind two colons (GitHub, Workflow commands for GitHub
Actions). Ansible breaks its lines where it likes, so no place in a text is too far from the beginning of one."""

_COLONS = re.compile(f"::(?=(?:{ORDERS})\\b)", re.IGNORECASE)
_HASHES = re.compile(r"##(?=[a-z]{0,20}\[)", re.IGNORECASE)
"""Orders with a bracket, anywhere in a line: ``##vso[``, ``##[error]`` (Microsoft, Logging commands for Azure
Pipelines), ``##teamcity[``."""
_ARMED = re.compile(f"[{ARMED}]|\r(?!\n)")
_UNREADABLE = re.compile(f"[{ARMED}{UNSEEN}]")
_ENDS = re.compile(r"[\r\n\t]")

PEOPLE = frozenset({
    "msg", "message", "text", "refusal", "reason", "sentence", "warnings", "deprecations", "changes", "diff", "notes",
    "findings", "problems", "hint", "checks", "remedy", "remote_error", "error", "load_error", "handshake_error",
    "said", "title", "host", "lock", "exception",
})  # fmt: skip
"""Keys of a result whose values are for people, at any depth: there every character has to be seen. Everything else is
data, in which names stay exact."""


def clean(text: str) -> str:
    """Text on one line in which every character can be seen: for a sentence, a cell, a label."""
    if not (text.isascii() and text.isprintable()):
        text = _UNREADABLE.sub(SHOWN, _ENDS.sub(" ", text.replace("\r\n", "\n")))
    if "::" in text:
        text = _COLONS.sub(f"{SHOWN}:", text)
    return _disordered(text)


def clean_lines(text: str) -> str:
    """The same for a message of several lines: its line ends stay, and tabs become blanks."""
    return "\n".join(clean(line) for line in text.replace("\r\n", "\n").split("\n"))


def disarmed(text: str) -> str:
    """Data that may be shown: nothing in it acts on a terminal or turns text around, all the rest is exact."""
    return _disordered(text if text.isascii() and text.isprintable() else _ARMED.sub(SHOWN, text))


def _disordered(text: str) -> str:
    return _HASHES.sub(f"{SHOWN}#", text) if "##" in text else text


def escaped(text: str) -> str:
    """Text with what does not print as its number, for a name that has to be found again: ``a\\x1b.crt``."""
    return "".join(c if c.isprintable() and clean(c) == c else f"\\x{ord(c):02x}" for c in text)


def harmless(value: Any, people: bool = False) -> Any:
    """A task's result, or a part of it, as it may leave: texts for people cleaned, data disarmed.

    ``people``: whether all of it is for people. Numbers, bytes and None are as they were.
    """
    if isinstance(value, str):
        shown = clean_lines(value) if people else disarmed(value)
        return value if shown == value else shown
    if isinstance(value, Mapping):
        return {
            harmless(key): harmless(item, people or (isinstance(key, str) and key in PEOPLE))
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [harmless(item, people) for item in value]
    return value
