# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What both actions of a rollout have in common: where its run lies, what it leaves when it is cut off, and what a
command line asks for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible import context
from ansible.parsing.splitter import parse_kv
from ansible.parsing.utils.yaml import from_yaml

from .array import unfinished
from .array.kept import Kept, NotBegun
from .array.run import Run, asked
from .array.wanted import Published
from .base import CertificateAction, Stop, utc_now
from .next_step import CommandLine
from .outputs import write_file
from .plain import PlainError
from .windows.calls import CallError


class RolloutAction(CertificateAction):
    """An action that goes on with the run of an array."""

    def kept(self, array: str) -> Kept:
        """Where the run of that array lies: in the private folder of this ansible-playbook."""
        return Kept(Path(C.DEFAULT_LOCAL_TMP), array)

    def begin(self, run: Run, deliveries: Sequence[Published]) -> None:
        """Begins a run. Raises Stop where a renewal could leave nothing behind; a way back goes on without."""
        kept = self.kept(run.settings.array)
        kept.begin(run, deliveries)
        error = self._leave(run)
        if error and run.settings.purpose == "renew":
            raise Stop(f"No member was touched. {error}")
        if error:
            self._tell_once(kept, error)
        elif not run.simulated:
            self.tell(f"  | should it be cut off, read {_files(run)[1]}")

    def keep(self, run: Run) -> None:
        """The run for the next task, and what it would leave if it was cut off now."""
        kept = self.kept(run.settings.array)
        kept.write(run)
        error = self._leave(run)
        if error:
            self._tell_once(kept, error)

    def finished(self, run: Run) -> None:
        """The run was reported: what it would have left is over, and so is what a dead run left whose lock it took."""
        if run.simulated:
            return
        for id in (run.settings.run, *run.settings.dead):
            for path in _files(run, id):
                with suppress(OSError):
                    path.unlink()
            with suppress(OSError):  # with a report in it, it stays
                _files(run, id)[0].parent.rmdir()

    def _leave(self, run: Run) -> str:
        """Writes what the run would leave; why it could not, for the reader. A run that changes nothing leaves none."""
        # A worker that outlives its ansible-playbook knows less than what was written before its step.
        if run.simulated or os.getppid() != self._process:
            return ""
        told = (run, utc_now(), self._process)
        try:
            for path, text in zip(_files(run), (unfinished.document_text(*told), unfinished.page(*told)), strict=True):
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                write_file(path, text.encode("utf-8", "replace"), 0o600, new=False)
        except OSError as error:
            return (
                f"What a run leaves when it is cut off cannot be written to {_files(run)[0].parent}: "
                f"{error.strerror or error}. Set rollout_report_dir to a folder that can be written"
            )
        return ""

    def _tell_once(self, kept: Kept, error: str) -> None:
        told = kept.folder / "told"
        if not told.exists():
            self.tell(f"  | {error}")
            told.touch(mode=0o600)

    def asked(self, task_vars: Mapping[str, Any]) -> tuple[str, ...]:
        """The phases that the tags of this ansible-playbook let through."""
        only, skip = task_vars.get("ansible_run_tags") or (), task_vars.get("ansible_skip_tags") or ()
        return asked(map(str, only), map(str, skip), map(str, self._task.tags or ()))

    def act(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Goes on with the run."""
        self._process = os.getppid()  # a worker's parent is the ansible-playbook
        try:
            return self.go_on(options, task_vars)
        except NotBegun as error:
            raise Stop(str(error)) from None
        except (PlainError, CallError) as error:
            raise Stop(f"What is known of the run cannot be read ({error}). Start the playbook again") from None

    def go_on(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Does the work; see :meth:`act`."""
        raise NotImplementedError


def _files(run: Run, id: str = "") -> tuple[Path, Path]:
    folder = Path(unfinished.folder_of(run.directory, run.settings.array, id or run.settings.run, run.settings.site))
    return folder / unfinished.JSON, folder / unfinished.TEXT


def command_line() -> CommandLine:
    """What was given to this ansible-playbook, without any value that may be secret."""
    given = context.CLIARGS
    extra = [str(one) for one in given.get("extra_vars") or () if one]
    return CommandLine(
        playbooks=tuple(os.path.abspath(one) if os.path.exists(one) else one for one in given.get("args") or ()),
        inventories=tuple(map(str, given.get("inventory") or ())),  # Ansible has made their paths absolute
        files=tuple(os.path.abspath(os.path.expanduser(one[1:])) for one in extra if one.startswith("@")),
        options=tuple(_options(given)),
        inline=tuple(dict.fromkeys(name for one in extra if not one.startswith("@") for name in _names(one))),
        tags=tuple(tag for tag in map(str, given.get("tags") or ()) if tag != "all"),
        skip_tags=tuple(map(str, given.get("skip_tags") or ())),
    )


def _options(given: Mapping[str, Any]) -> Iterable[str]:
    """Who logs on and what opens the vault: names and paths, never what is in them."""
    named = [("--private-key", given.get("private_key_file"))]
    named.append(("--connection-password-file", given.get("connection_password_file")))
    if given.get("remote_user") != C.DEFAULT_REMOTE_USER:
        named.append(("--user", given.get("remote_user")))
    named += [("--vault-id", one) for one in given.get("vault_ids") or ()]
    named += [("--vault-password-file", one) for one in given.get("vault_password_files") or ()]
    yield from (word for option, value in named if value for word in (option, str(value)))
    yield from (f"--{name.replace('_', '-')}" for name in ("ask_pass", "ask_vault_pass") if given.get(name))


def _names(text: str) -> list[str]:
    """The names in what was given by ``-e`` as it is: ``name=value``, YAML or JSON."""
    try:
        found = from_yaml(text) if text[0] in "[{" else parse_kv(text)
    except Exception:  # Ansible has read it, or there would be no run; its names are a help and nothing more
        return []
    return [name for name in found if str(name).isidentifier()] if isinstance(found, dict) else []
