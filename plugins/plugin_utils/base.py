# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one base class of all action plugins: options in, result out, errors translated once.

A subclass names its options and implements :meth:`CertificateAction.act`; it decides nothing itself.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, ClassVar

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from .errors import CollectionError, Refused
from .inputs import InputError
from .pki import deps
from .pki.bundle import BundleError
from .pki.certificate import CertificateError
from .stores.store import Change
from .text import clean_lines, harmless
from .windows.calls import Call, CallError, Credential, OutcomeUnknown, Reply, Secure
from .windows.host import Host, HostLost, KeyRefused, NotSent

display = Display()


class Stop(CollectionError):
    """The task fails with this message; ``result`` goes along with it."""

    def __init__(self, message: str, **result: Any) -> None:
        super().__init__(message)
        self.result = result


class Unconfirmed(Stop):
    """A change was made and the fresh read does not show it."""


class CertificateAction(ActionBase):
    """Validates, acts, translates errors. Subclasses set ``ARGUMENT_SPEC`` and implement ``act``."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {}
    REQUIREMENTS: ClassVar[dict[str, Any]] = {}
    """``mutually_exclusive``, ``required_if`` and the like, as ``validate_argument_spec`` takes them."""
    _supports_async = False
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ansible's entry point; see :meth:`act` for what a subclass returns. Nothing leaves but what is harmless."""
        try:
            return dict(harmless(self._outcome(tmp, task_vars)))
        except Exception as error:
            text = str(error)
            if clean_lines(text) == text:
                raise
            kind = type(error) if isinstance(error, AnsibleConnectionFailure) else AnsibleError
            raise kind(clean_lines(text)) from None

    def _outcome(self, tmp: Any, task_vars: Mapping[str, Any] | None) -> dict[str, Any]:
        """The task's result, its errors translated."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        del tmp
        _validation, options = self.validate_argument_spec(argument_spec=self.ARGUMENT_SPEC, **self.REQUIREMENTS)
        try:
            deps.require()
            result.update(self.act(dict(options), task_vars or {}))
        except (Stop, Refused) as stop:
            result.update({"failed": True, "msg": str(stop)} | stop.result)
        except (InputError, BundleError) as error:
            result.update({"failed": True, "msg": str(error), "finding": error.id})
        except (CertificateError, deps.DependencyError) as error:
            result.update({"failed": True, "msg": str(error)})
        except KeyRefused as error:
            result.update({"failed": True, "msg": str(error), "finding": "transport.insecure"})
        except (NotSent, CallError) as error:
            result.update({"failed": True, "msg": str(error)})
        except OutcomeUnknown as error:
            result.update({"failed": True, "msg": str(error), "may_have_applied": error.may_have_applied})
        except HostLost as error:
            raise AnsibleConnectionFailure(str(error)) from None
        return result

    def act(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Does the work and returns the task's result. Options are validated; nothing in the result may be secret."""
        raise NotImplementedError

    @property
    def check_mode(self) -> bool:
        """Whether the task runs in check mode."""
        return bool(self._task.check_mode)

    @property
    def to_windows(self) -> bool:
        """Whether there is a PowerShell behind the connection of this task, as far as it is configured."""
        return bool(getattr(self._connection._shell, "_IS_WINDOWS", False))

    def host(self, task_vars: Mapping[str, Any]) -> Host:
        """The member that this task is connected to (delegation included). Raises Stop where that is no Windows
        host.

        Ansible's workers are sessions of their own and outlive an ansible-playbook that is killed. One that waits for a
        drain would switch its member when the last call ends, with nobody to prove it: it sends nothing more.
        """
        if not self.to_windows:
            name = task_vars.get("inventory_hostname", "this host")
            raise Stop(
                f"{name} is reached through the connection {self._connection.transport!r} with a shell that is not "
                "PowerShell; expected a Windows host over winrm or psrp. Set ansible_connection for it, and run this "
                "against the members, not localhost"
            )
        parent = os.getppid()

        def as_module(document: str) -> str:
            return self._as_module(document, task_vars)

        return Host(
            self._connection,
            lambda: secrets.token_hex(16),
            run_module=as_module if self._connection.become else None,
            orphaned=lambda: os.getppid() != parent,
            credential=self._credential(),
        )

    def _credential(self) -> Credential | None:
        """Who the connection logs on as, for a session of its own on the host; None without a password."""
        try:
            user, password = (self._connection.get_option(name) for name in ("remote_user", "remote_password"))
        except (KeyError, AnsibleError):  # a plugin without such options
            return None
        return Credential(str(user), Secure(str(password))) if user and password else None

    def _as_module(self, document: str, task_vars: Mapping[str, Any]) -> str:
        """With become: the same script through Ansible's wrapper, which does the logon. It needs PowerShell 5.1."""
        result = self._execute_module("ucops.certificates.remote_calls", {"document": document}, task_vars=task_vars)
        if result.get("unreachable"):
            raise AnsibleConnectionFailure(str(result.get("msg", "")))
        said = (result.get(key) for key in ("reply", "msg", "module_stdout", "module_stderr"))
        return "\n".join(str(text) for text in said if text)

    def tell(self, text: str) -> None:
        """Shows progress of something long, at normal verbosity."""
        display.display(clean_lines(text))

    def converge(
        self,
        host: Host,
        load: Sequence[str],
        read: Sequence[Call],
        plan: Callable[[Reply], Sequence[Change]],
    ) -> tuple[list[Change], Reply]:
        """Reads, plans, applies, reads again and demands that nothing is left to do.

        Returns the changes made (or, in check mode, that would be made) and the last reply.
        Raises Unconfirmed when a change did not take, Stop when a call failed.
        """
        reply = host.read(load, read)
        raise_errors(reply, read)
        changes = list(plan(reply))
        calls = [call for change in changes for call in change.calls]
        if not changes or self.check_mode or not calls:
            return changes, reply
        after = host.apply(load, [*calls, *read], check_mode=self.check_mode)
        raise_errors(after, [*calls, *read])
        left = list(plan(after))
        if left:
            lines = "; ".join(change.as_line() for change in left)
            raise Unconfirmed(
                f"The change was made without an error, but the member still shows the old state: {lines}", changed=True
            )
        return changes, after


def raise_errors(reply: Reply, calls: Iterable[Call]) -> None:
    """Raises Stop for the first call that failed and was not optional."""
    for call in calls:
        answer = reply.answers.get(call.id)
        if answer is not None and answer.error is not None and not call.optional:
            raise Stop(
                f"{call.name} failed on {reply.host.computer}: {answer.error.message} ({answer.error.fqid})"
                + (f" {reply.host.load_error}" if reply.host.load_error else ""),
                call=call.name,
                remote_error=answer.error.fqid,
            )


def diff_of(member: str, changes: Sequence[Change]) -> dict[str, str]:
    """A diff that reads like the plan: one line a change on either side."""
    before = "".join(f"{c.subject}: {c.before or 'absent'}\n" for c in changes)
    after = "".join(f"{c.subject}: {c.after or 'absent'}\n" for c in changes)
    return {"before_header": member, "after_header": member, "before": before, "after": after}


def utc_now() -> datetime:
    """The controller's clock, aware."""
    return datetime.now(timezone.utc)


def aware(text: str, what: str) -> datetime:
    """An ISO instant with its offset. Raises InputError for anything else: a local time would mean another instant
    elsewhere."""
    try:
        value = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        raise InputError(
            "input.instant", f"{what}: expected an instant such as 2026-11-24T02:00:00Z, found {text!r}"
        ) from None
    if value.tzinfo is None:
        raise InputError("input.instant", f"{what}: {text!r} has no time zone; write 2026-11-24T02:00:00Z or +01:00")
    return value.astimezone(timezone.utc)
