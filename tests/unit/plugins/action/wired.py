# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection to a fake member: what an action sends is decoded, made there, and answered in the wire's form."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import asdict, replace
from types import SimpleNamespace
from typing import Any

from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import Call, Secure
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.wire import decode, encode
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.fake_member import FakeMember


class Wired:
    """The connection. ``load_error``: why the product's cmdlets could not be loaded, where one was asked for."""

    transport = "winrm"

    def __init__(self, fake: FakeMember) -> None:
        self.fake = fake
        self.load_error: str | None = None
        self.loads: list[list[str]] = []
        """What was loaded, document by document."""
        self.options: dict[str, Any] = {"scheme": "https", "transport": ["basic"], "port": 5986, "_extras": {}}
        self.connected, self.become = True, None
        self._shell = SimpleNamespace(_IS_WINDOWS=True, tmpdir="unused")

    def get_option(self, name: str) -> Any:
        return self.options[name]

    def exec_command(self, cmd: str, in_data: Any = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        document = json.loads(gzip.decompress(base64.b64decode(in_data.splitlines()[1])))
        self.loads.append(document["load"])
        calls = tuple(
            Call(call["id"], call["name"], _given(call["with"]), tuple(call["keep"]),
                 call["optional"])
            for call in document["calls"]
        )  # fmt: skip
        reply = self.fake._document(document["load"], calls, True)
        host = reply.host
        if document["load"] and self.load_error:
            host = replace(host, load_error=self.load_error)
        facts = {**asdict(host), "clock": encode(host.clock, "clock"), "loaded": []}
        replies = []
        for call in calls:
            answer = reply.answers[call.id]
            told = answer.error and {
                "message": answer.error.message, "type": "System.Exception", "fqid": answer.error.fqid, "category": "x",
            }  # fmt: skip
            rows = [{key: encode(value, key) for key, value in row.items()} for row in answer.rows]
            replies.append({"id": call.id, "rows": rows, "error": told, "not_run": answer.not_run})
        body = json.dumps({"host": facts, "replies": replies})
        return 0, f"ucops-begin {document['nonce']}\n{body}\nucops-end {document['nonce']}\n".encode(), b""


def _given(parameters: dict[str, Any]) -> dict[str, Any]:
    """Parameters as the caller gave them."""
    return {
        name: Secure(value["$secure"]) if isinstance(value, dict) and "$secure" in value else decode(value)
        for name, value in parameters.items()
    }
