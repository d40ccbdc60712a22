# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the actions for Exchange servers share: who the server is, and a shell that did not open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...base import CertificateAction, Stop, raise_errors
from ...stores.store import stores_from_rows
from ...windows.calls import Call, Reply
from ...windows.host import Host
from .rows import SHELLS, server_calls, server_of
from .state import Server

SHELL_SPEC: Mapping[str, Any] = {"type": "str", "choices": list(SHELLS), "default": "auto"}
"""The option ``shell``, as every module for Exchange has it."""


class ExchangeAction(CertificateAction):
    """An action on one Exchange server."""

    def server(self, host: Host) -> tuple[Server, tuple[str, ...]]:
        """The server and the thumbprints with a key in its My. Raises Stop where there is no Exchange."""
        calls = (*server_calls(), Call("stores", "Get-StoreCertificate", {"Stores": ["My"], "Users": False}))
        reply = host.read((), calls)
        raise_errors(reply, calls)
        found = server_of(reply)
        if found is None:
            text = f"None of Exchange's services is on {reply.host.computer}; is it an Exchange server?"
            raise Stop(text, finding="exchange.not-found")
        keyed = [c.certificate for c in stores_from_rows(reply.rows("stores")).machine("My") if c.key is not None]
        return found, tuple(certificate.thumbprint for certificate in keyed)

    @staticmethod
    def answered(reply: Reply, calls: Iterable[Call]) -> None:
        """Raises Stop when the cmdlets could not be loaded, or for the first call that failed and was not optional."""
        if reply.host.load_error:
            text = (
                f"The cmdlets of Exchange could not be loaded on {reply.host.computer}: {reply.host.load_error} "
                "The management shell is a connection of its own and needs a logon that can be passed on (CredSSP, "
                "Kerberos delegation). session as shell logs on with the connection's own user and password instead; "
                "snapin works without either, but Microsoft does not support it. docs/second-hop.md tells each way"
            )
            raise Stop(text, finding="product.not-loaded")
        raise_errors(reply, calls)
