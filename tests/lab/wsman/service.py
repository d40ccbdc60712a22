"""The WS-Management service of one member: which shell a request is for, and what is answered."""

from __future__ import annotations

import base64
import binascii
import uuid
from xml.sax.saxutils import escape

from ..faults import QuotaError
from . import soap
from .counts import Counts
from .psrp import RunspacePool
from .shell import Context, Output, Shell
from .soap import Message
from .winrs import WinrsShell

STATE = soap.NAMESPACES["rsp"] + "/CommandState/"
ENVELOPE_OVERHEAD = 2500  # bytes of a Receive response around its streams
CONFIG = "http://schemas.microsoft.com/wbem/wsman/1/config"


class Service:
    """Shells and commands of one member, for all of its connections."""

    def __init__(self, context: Context, counts: Counts) -> None:
        self._context = context
        self._counts = counts
        self.shells: dict[str, Shell] = {}

    async def answer(self, raw: bytes, user: str) -> tuple[int, bytes]:
        """HTTP status and envelope for a request. Raises soap.NotSoap, DropConnection, HttpError."""
        message = soap.parse(raw)
        self._counts.actions[message.verb] += 1
        machine = self._context.member.name.upper()
        try:
            if len(raw) > self._context.settings.max_envelope_kb * 1024:
                raise soap.too_large(self._context.settings.max_envelope_kb)
            await self._context.member.faults.on_request(message.verb)
            return 200, soap.envelope(message, await self._dispatch(message, user))
        except QuotaError:
            fault = soap.quota_operations(self._context.settings.max_operations)
        except soap.Fault as raised:
            fault = raised
        self._context.log("soap-fault", member=self._context.member.name, action=message.verb, code=fault.code)
        return 500, soap.envelope(message, fault.body(machine), fault=True)

    def close(self) -> None:
        """Delete all shells."""
        for shell in self.shells.values():
            shell.close()
        self.shells.clear()

    async def _dispatch(self, message: Message, user: str) -> str:
        if message.verb == "Create":
            return self._create(message, user)
        if message.verb == "Get" and message.shell_id is None:
            limit = self._context.settings.max_envelope_kb
            return (
                f'<cfg:Config xmlns:cfg="{CONFIG}"><cfg:MaxEnvelopeSizekb>{limit}</cfg:MaxEnvelopeSizekb></cfg:Config>'
            )
        shell = self.shells.get((message.shell_id or "").upper())
        if shell is None:
            raise soap.shell_not_found(message.shell_id)
        if message.verb == "Get":
            return (
                f"<rsp:Shell><rsp:ShellId>{message.shell_id}</rsp:ShellId><rsp:State>Connected</rsp:State></rsp:Shell>"
            )
        if message.verb == "Delete":
            self.shells.pop((message.shell_id or "").upper()).close()
            return ""
        if message.verb == "Command":
            return self._command(message, shell)
        if message.verb == "Send":
            return self._send(message, shell)
        if message.verb == "Receive":
            return await self._receive(message, shell)
        if message.verb == "Signal":
            signal = message.find("rsp:Signal")
            code = message.find("rsp:Signal/rsp:Code")
            if signal is None or code is None:
                raise soap.invalid_parameter()
            shell.signal(signal.get("CommandId", ""), code.text or "")
            return "<rsp:SignalResponse/>"
        raise soap.not_supported(message.action)

    def _create(self, message: Message, user: str) -> str:
        settings = self._context.settings
        if len(self.shells) >= settings.max_shells:
            raise soap.quota_shells(settings.max_shells)
        wanted = message.find("rsp:Shell")
        shell_id = ((wanted.get("ShellId") if wanted is not None else None) or str(uuid.uuid4())).upper()
        creation = message.find(".//ps:creationXml")
        if creation is not None:
            self.shells[shell_id] = RunspacePool(self._context, creation.text or "")
        elif message.resource.endswith("/windows/shell/cmd"):
            self.shells[shell_id] = WinrsShell(self._context, message.options.get("WINRS_CODEPAGE", ""))
        else:
            raise soap.not_supported(message.action)
        self._counts.shells += 1
        resource, address = escape(message.resource), self._context.member.address
        return (
            f"<x:ResourceCreated><a:Address>http://{address}/wsman</a:Address><a:ReferenceParameters>"
            f"<w:ResourceURI>{resource}</w:ResourceURI><w:SelectorSet>"
            f'<w:Selector Name="ShellId">{shell_id}</w:Selector></w:SelectorSet></a:ReferenceParameters>'
            f"</x:ResourceCreated><rsp:Shell><rsp:ShellId>{shell_id}</rsp:ShellId>"
            f"<rsp:ResourceUri>{resource}</rsp:ResourceUri><rsp:Owner>{escape(user)}</rsp:Owner>"
            "<rsp:ClientIP>127.0.0.1</rsp:ClientIP><rsp:IdleTimeOut>PT7200.000S</rsp:IdleTimeOut>"
            "<rsp:InputStreams>stdin</rsp:InputStreams><rsp:OutputStreams>stdout stderr</rsp:OutputStreams>"
            "<rsp:ShellRunTime>P0DT0H0M0S</rsp:ShellRunTime><rsp:ShellInactivity>P0DT0H0M0S</rsp:ShellInactivity>"
            "</rsp:Shell>"
        )

    def _command(self, message: Message, shell: Shell) -> str:
        limit = self._context.settings.max_operations
        shell.operations += 1
        if shell.operations > limit:
            raise soap.quota_operations(limit)
        line = message.find("rsp:CommandLine")
        if line is None:
            raise soap.invalid_parameter()
        command_id = (line.get("CommandId") or str(uuid.uuid4())).upper()
        shell.command(command_id, line, message.options)
        self._counts.commands += 1
        return f"<rsp:CommandResponse><rsp:CommandId>{command_id}</rsp:CommandId></rsp:CommandResponse>"

    def _send(self, message: Message, shell: Shell) -> str:
        for stream in message.body.iterfind("rsp:Send/rsp:Stream", soap.NAMESPACES):
            try:
                data = base64.b64decode(stream.text or "")
            except binascii.Error:
                raise soap.invalid_parameter() from None
            shell.send(stream.get("CommandId"), data, stream.get("End", "false").lower() == "true")
        return "<rsp:SendResponse/>"

    async def _receive(self, message: Message, shell: Shell) -> str:
        wanted = message.find("rsp:Receive/rsp:DesiredStream")
        command_id = wanted.get("CommandId") if wanted is not None else None
        room = max(1024, (message.envelope_limit - ENVELOPE_OVERHEAD) * 3 // 4)
        return self._received(await shell.receive(command_id, room, message.timeout), command_id)

    @staticmethod
    def _received(output: Output, command_id: str | None) -> str:
        attribute = f' CommandId="{command_id}"' if command_id else ""
        parts = [
            f'<rsp:Stream Name="{name}"{attribute}>{base64.b64encode(data).decode()}</rsp:Stream>'
            for name, data in output.streams
        ]
        if command_id and output.done:
            parts.append(
                f'<rsp:CommandState{attribute} State="{STATE}Done"><rsp:ExitCode>{output.exit_code}</rsp:ExitCode>'
                "</rsp:CommandState>"
            )
        elif command_id:
            parts.append(f'<rsp:CommandState{attribute} State="{STATE}Running"/>')
        return f"<rsp:ReceiveResponse>{''.join(parts)}</rsp:ReceiveResponse>"
