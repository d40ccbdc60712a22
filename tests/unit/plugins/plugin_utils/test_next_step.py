# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person does next: the line that is pasted means what the value says, whatever names are in it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from ansible import context
from ansible.cli.playbook import PlaybookCLI
from ansible.module_utils.common.collections import ImmutableDict
from ansible.parsing.dataloader import DataLoader
from ansible.utils.vars import load_extra_vars
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils.next_step import (
    ROLLBACK,
    CommandLine,
    NextStep,
    command,
    command_lines,
    to_add,
    variable,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.rollout import command_line

GIVEN = CommandLine(
    playbooks=("ucops.certificates.renew_edge_pool",),
    inventories=("/srv/it's here/inventory.yml",),
    files=("/srv/renewal.yml",),
    options=("--vault-id", "prod@prompt"),
    inline=("rollout_bundles", "customer_token", "rollout_array"),
    tags=("switch", "prove"),
)
BACK = NextStep("go back", (ROLLBACK,), {"rollout_array": "edge", "rollout_excluded": {"edge3": 'it\'s "dead"; `x`'}})


def read(line: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What ansible-playbook takes the variables of a line for."""
    words = shlex.split(line)
    values = [words[at + 1] for at, word in enumerate(words) if word == "-e" and not words[at + 1].startswith("@")]
    monkeypatch.setattr(context, "CLIARGS", ImmutableDict(extra_vars=tuple(values)))
    load_extra_vars.__dict__.pop("extra_vars", None)  # Ansible reads them once a process
    try:
        return json.loads(json.dumps(load_extra_vars(DataLoader())))  # type: ignore[no-any-return]
    finally:
        load_extra_vars.__dict__.pop("extra_vars", None)


def test_the_line_has_what_was_given_and_what_the_step_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    line = command(BACK, GIVEN)
    assert shlex.split(line)[:8] == [
        "ansible-playbook", "-i", "/srv/it's here/inventory.yml", ROLLBACK, "-e", "@/srv/renewal.yml",
        "--vault-id", "prod@prompt",
    ]  # fmt: skip
    assert "--limit" not in line and "--tags" not in line and "\n" not in line
    assert read(line, monkeypatch) == BACK.variables


def test_lines_of_a_width_are_the_same_command() -> None:
    lines = command_lines(BACK, GIVEN, 60)
    assert len(lines) > 1 and shlex.split("\n".join(lines).replace("\\\n", "")) == shlex.split(command(BACK, GIVEN))
    assert command_lines(NextStep("see the log"), GIVEN, 60) == [] and command(NextStep("see the log"), GIVEN) == ""


@given(value=st.text() | st.dictionaries(st.text(min_size=1), st.text()) | st.booleans())
def test_a_value_arrives_as_it_is_whatever_is_in_it(value: Any) -> None:
    with pytest.MonkeyPatch.context() as patched:
        line = variable("rollout_x", value)
        assert line.isprintable() and read(line, patched) == {"rollout_x": value}


def test_who_gave_values_by_themselves_is_told_their_names() -> None:
    assert to_add(BACK, GIVEN).startswith("Add what was given by -e itself: customer_token. ")
    again = NextStep("again", GIVEN.playbooks, {"rollout_array": "edge"})
    assert "rollout_bundles, customer_token." in to_add(again, GIVEN), "a renewal needs its bundles"
    assert to_add(NextStep("wait"), GIVEN) == "" == to_add(BACK, CommandLine())


def test_what_is_taken_from_a_command_line_is_never_a_value(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("site.yml", "renewal.yml", "inventory.yml"):
        (tmp_path / name).write_text("{}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    words = [
        "ansible-playbook", "-i", "inventory.yml", "-i", "edge1,edge2", "site.yml", "ucops.certificates.settle",
        "-e", "@renewal.yml", "-e", "winrm_pass=hush1 other='hush2 hush3'", "-e", '{"deep": {"pass": "hush4"}}',
        "-e", "[hush5", "-e", "yaml: hush6", "--vault-password-file", "vault.txt", "--tags", "switch", "-u", "ops",
        "--ask-pass", "--check",
    ]  # fmt: skip
    cli = PlaybookCLI(words)
    monkeypatch.setattr(context, "CLIARGS", ImmutableDict())
    cli.parse()
    found = command_line()
    assert "hush" not in repr(found)
    assert found.playbooks == (str(tmp_path / "site.yml"), "ucops.certificates.settle")
    assert found.inventories == (str(tmp_path / "inventory.yml"), "edge1,edge2")
    assert found.files == (str(tmp_path / "renewal.yml"),) and found.tags == ("switch",)
    assert found.inline[:3] == ("winrm_pass", "other", "deep")
    assert found.options[:2] == ("--user", "ops") and "--ask-pass" in found.options
    assert found.options[found.options.index("--vault-password-file") + 1].endswith("vault.txt")
