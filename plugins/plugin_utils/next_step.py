# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person does next, as a value; the only place where a command is made out of it. Pure."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .text import clean

ROLLBACK, SETTLE = "ucops.certificates.rollback", "ucops.certificates.settle"
NEEDLESS = {ROLLBACK: ("rollout_bundles",), SETTLE: ("rollout_bundles",)}
"""Playbook -> variables that it does not read, though a renewal needs them."""
_BARE = re.compile(r"[\w.,:/+-]+", re.ASCII)


@dataclass(frozen=True)
class CommandLine:
    """What was given to ``ansible-playbook`` that the next one needs as well. Nothing in it is secret."""

    playbooks: tuple[str, ...] = ()
    inventories: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    """Of ``-e @file``; what is in them is not looked at."""
    options: tuple[str, ...] = ()
    """Who logs on and what opens the vault, in words of the shell: ``--vault-id``, ``prod@prompt``. No passwords."""
    inline: tuple[str, ...] = ()
    """Names of the variables of ``-e name=value``. The values may be secret: they are kept nowhere."""
    tags: tuple[str, ...] = ()
    skip_tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class NextStep:
    """One thing to do, and the command that does it, if one does. Members are never limited."""

    why: str
    """What it is for, in a sentence or two."""
    playbooks: tuple[str, ...] = ()
    """Of the collection by name, others by path. Empty: no command does it."""
    variables: Mapping[str, Any] = field(default_factory=dict)
    """Beside those of the inventory and of the files that were given."""
    tags: tuple[str, ...] = ()
    skip_tags: tuple[str, ...] = ()


def variable(name: str, value: Any) -> str:
    """``-e name=value``, for the shell; JSON where the value is more than one word."""
    if isinstance(value, str) and _BARE.fullmatch(value):
        return f"-e {name}={value}"
    return f"-e {shlex.quote(json.dumps({name: value}))}"


def command(step: NextStep, given: CommandLine) -> str:
    """The step as one line for the shell, with the inventories and files that were given; empty where it has none."""
    return " ".join(_words(step, given))


def command_lines(step: NextStep, given: CommandLine, width: int) -> list[str]:
    """The same in lines of at most ``width`` columns where that can be; together they can be pasted, too."""
    lines: list[str] = []
    for word in _words(step, given):
        if lines and len(lines[-1]) + len(word) + 3 <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]


def _words(step: NextStep, given: CommandLine) -> list[str]:
    """The parts of a command that stay together: an option and its value."""
    if not step.playbooks:
        return []
    words = ["ansible-playbook", *_each("-i", given.inventories), *map(_word, step.playbooks)]
    words += _each("-e", [f"@{file}" for file in given.files])
    words += map(_word, given.options)
    words += _each("--tags", [",".join(step.tags)] if step.tags else [])
    words += _each("--skip-tags", [",".join(step.skip_tags)] if step.skip_tags else [])
    return words + [variable(name, value) for name, value in step.variables.items()]


def to_add(step: NextStep, given: CommandLine) -> str:
    """Which variables the reader has to add to the command by hand, in a sentence; empty where there are none."""
    needless = {name for playbook in step.playbooks for name in NEEDLESS.get(playbook, ())}
    names = [name for name in given.inline if name not in step.variables and name not in needless]
    if not step.playbooks or not names:
        return ""
    return f"Add what was given by -e itself: {', '.join(names)}. It may be secret, so it is not repeated in this line."


def to_document(step: NextStep, given: CommandLine) -> dict[str, Any]:
    """Plain data for a JSON document: the value, and the command made of it."""
    return {
        "why": step.why,
        "playbooks": list(step.playbooks),
        "variables": dict(step.variables),
        "tags": list(step.tags),
        "skip_tags": list(step.skip_tags),
        "command": command(step, given),
        "to_add": to_add(step, given),
    }


def _each(option: str, values: Any) -> list[str]:
    return [f"{option} {_word(value)}" for value in values]


def _word(text: str) -> str:
    # What a terminal would act on cannot be pasted, and is no name of a file that anybody means.
    return shlex.quote(clean(text))
