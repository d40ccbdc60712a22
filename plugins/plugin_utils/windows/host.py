# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Windows host behind an Ansible connection: asks it, changes it, and says plainly when it cannot be known what it
did.

One command a document. Here, and only here, a write is refused in check mode and a key is refused on a connection that
is not encrypted or whose server is not authenticated. Nothing in this file shows a document: it may hold a key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ..errors import CollectionError
from ..text import clean
from .bootstrap import BOOTSTRAP, shipped_script, slice_script, stdin_text, strip_script
from .calls import SESSIONS, Call, Credential, OutcomeUnknown, Reply
from .transport import TransportOptions, transport_finding, transport_options
from .wire import document, parse_reply

FACTS = "facts"
"""The part of the script that says who the calls run as, and on which Windows; a follow-up can do without it."""


class Connection(Protocol):
    """What is used of an Ansible connection plugin."""

    @property
    def connected(self) -> bool:
        """Whether a session is open."""

    def _connect(self) -> Any:
        """Open a session."""

    def exec_command(self, cmd: str, in_data: Any = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Run a command."""

    def get_option(self, option: str) -> Any:
        """One of its options."""


class HostLost(CollectionError):  # noqa: N818 - a value of the rollout: the member is lost, not wrong
    """The host could not be reached, or the connection broke before its answer arrived.

    ``may_have_applied`` is true when writes had been sent: only another read tells whether they took effect.
    """

    def __init__(self, message: str, *, may_have_applied: bool) -> None:
        super().__init__(message)
        self.may_have_applied = may_have_applied


class NotSent(CollectionError):  # noqa: N818 - nothing failed: nothing was sent
    """The calls were not sent. The host was not touched."""


class WriteRefused(NotSent):
    """A write where only reads are allowed: in `Host.read`, or in check mode."""


class KeyRefused(NotSent):
    """A key that this connection must not carry; the message says what to set."""


class Host:
    """One host, for one task."""

    def __init__(
        self,
        connection: Connection,
        nonces: Callable[[], str],
        *,
        transport: TransportOptions | None = None,
        run_module: Callable[[str], str] | None = None,
        orphaned: Callable[[], bool] = lambda: False,
        credential: Credential | None = None,
    ) -> None:
        """Take an Ansible connection (`ActionBase._connection`).

        `nonces` makes 16 to 64 hex digits, new ones each time (``secrets.token_hex``). `transport` replaces what is
        read from the connection. `run_module` runs remote_calls as a module with the document it is given and returns
        its reply text: the way with ``become``, which never carries a key because Ansible's wrapper pipes it through
        cmdlets that Windows may log. `orphaned` tells that whoever wanted the calls is gone: then none is sent.
        `credential` opens a session of its own on the host, where one is loaded.
        """
        self._credential = credential
        self._orphaned = orphaned
        self._connection = connection
        self._nonces = nonces
        self._transport = transport
        self._run_module = run_module

    def read(self, load: Sequence[str], calls: Sequence[Call], *, facts: bool = True) -> Reply:
        """Answers of read calls.

        Without `facts` the host says only its name, versions and clock: a follow-up needs no more.
        Raises WriteRefused if there is a write among them; HostLost and OutcomeUnknown, both with ``may_have_applied``
        false.
        """
        writes = sorted({call.name for call in calls if call.kind == "write"})
        if writes:
            raise WriteRefused(f"{', '.join(writes)} would change the host, and this is a read")
        return self._run(load, calls, facts)

    def apply(self, load: Sequence[str], calls: Sequence[Call], *, check_mode: bool, facts: bool = True) -> Reply:
        """Answers of calls that change the host, and of the reads that follow them.

        Raises WriteRefused in check mode if there is a write among them, KeyRefused when a key must not pass this
        connection (in both cases nothing is sent), HostLost or OutcomeUnknown when it is not known what took effect.
        """
        writes = sorted({call.name for call in calls if call.kind == "write"})
        if check_mode and writes:
            raise WriteRefused(f"{', '.join(writes)} would change the host, and this is check mode")
        if any(call.carries_key for call in calls):
            reason = self.key_finding()
            if reason:
                raise KeyRefused(f"A private key is not sent over this connection. {reason}")
        return self._run(load, calls, facts)

    def key_finding(self) -> str | None:
        """Why no key may pass the connection and what to set; None when one may."""
        if self._run_module is not None:
            return (
                "With become the calls run through Ansible's module wrapper, which pipes them through cmdlets that "
                "Windows may log. Run the tasks that import a key without become, as an administrator of the host."
            )
        return transport_finding(self._transport or transport_options(self._connection))

    def _run(self, load: Sequence[str], calls: Sequence[Call], facts: bool) -> Reply:
        if self._orphaned():
            raise NotSent("ansible-playbook has died: nothing more is sent, another run may be taking back already")
        writes = any(call.kind == "write" for call in calls)
        nonce = self._nonces()
        text = document(nonce, load, calls, self._logon() if SESSIONS & set(load) else None)
        run_module = self._run_module
        if run_module is not None:
            stdout, stderr = self._guarded(lambda: str(run_module(text)), writes), ""
        else:
            wanted = [*load, *(call.name for call in calls), *([FACTS] if facts else [])]
            script = strip_script(slice_script(shipped_script(), wanted))
            stdout, stderr = self._command(stdin_text(script, text), writes)
        try:
            return _complete(parse_reply(nonce, stdout), calls, stdout)
        except OutcomeUnknown as error:
            said = clean(" | ".join(part for part in (error.said.strip(), stderr.strip()[-600:]) if part))
            text = f"{error}; the host said: {said}" if said else str(error)
            raise OutcomeUnknown(text, may_have_applied=writes, said=said) from None

    def _logon(self) -> Credential:
        """The credential of a session. Raises NotSent where there is none, KeyRefused where it must not pass."""
        if self._credential is None:
            raise NotSent(
                "A session of its own to the management shell needs a user and a password, and the connection has none "
                "(Kerberos with a ticket). Set ansible_password, or take another way to the cmdlets"
            )
        reason = self.key_finding()
        if reason:
            raise KeyRefused(f"A password is not sent over this connection. {reason}")
        return self._credential

    def _command(self, stdin: str, writes: bool) -> tuple[str, str]:
        """Standard output and error of the bootstrap fed with `stdin`."""
        connection = self._connection
        if not connection.connected:
            # Apart from the command, so that a host that cannot be reached is known not to have been changed.
            self._guarded(connection._connect, False)
        # Text, not bytes: the psrp plugin hands bytes on as one object each line, which arrive as arrays.
        # The exit code says nothing that the frame does not say better.
        _code, out, err = self._guarded(
            lambda: connection.exec_command(BOOTSTRAP, in_data=stdin, sudoable=False), writes
        )
        return _text(out), _text(err)

    @staticmethod
    def _guarded(action: Callable[[], Any], writes: bool) -> Any:
        """Run `action`; whatever it raises means that the host is lost.

        Connection plugins translate some failures to AnsibleConnectionFailure and let others of their libraries pass
        (requests, pywinrm, pypsrp), so the type says nothing about the cause.
        """
        try:
            return action()
        except Exception as error:
            text = clean(str(error).strip()) or type(error).__name__
            if writes:
                text += " (changes had been sent: whether they took effect is known only after another read)"
            raise HostLost(text, may_have_applied=writes) from error


def _complete(reply: Reply, calls: Sequence[Call], stdout: str) -> Reply:
    """`reply`, if it answers every call. Raises OutcomeUnknown."""
    missing = [call.id for call in calls if call.id not in reply.answers]
    if missing:
        raise OutcomeUnknown(f"the reply does not answer the calls {', '.join(missing)}", said=stdout[-600:])
    return reply


def _text(data: bytes | str) -> str:
    return data.decode("utf-8", "replace") if isinstance(data, bytes) else data
