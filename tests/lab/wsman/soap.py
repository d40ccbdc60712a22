"""WS-Management envelopes: requests read, responses and faults written.

Sources: DMTF DSP0226 (WS-Management), MS-WSMV. Fault codes are the ERROR_WSMAN_* values of wsmerror.h.
"""

from __future__ import annotations

import re
import uuid
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

NAMESPACES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "x": "http://schemas.xmlsoap.org/ws/2004/09/transfer",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "rsp": "http://schemas.microsoft.com/wbem/wsman/1/windows/shell",
    "p": "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd",
    "ps": "http://schemas.microsoft.com/powershell",
}
FAULT_NAMESPACE = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"
WMI_NAMESPACE = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/MSFT_WmiError"
DECLARATIONS = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())

TIMED_OUT = 2150858793  # 0x80338029 ERROR_WSMAN_OPERATION_TIMEDOUT
SHELL_NOT_FOUND = 2150858843  # 0x8033805B ERROR_WSMAN_UNEXPECTED_SELECTORS
QUOTA_SHELLS = 2150859173  # 0x803381A5 ERROR_WSMAN_QUOTA_MAX_SHELLS
QUOTA_OPERATIONS = 2150859174  # 0x803381A6 ERROR_WSMAN_QUOTA_MAX_OPERATIONS
INVALID_PARAMETER = 87  # ERROR_INVALID_PARAMETER
NOT_SUPPORTED = 2150858752  # 0x80338000 ERROR_WSMAN_RESOURCE_NOT_FOUND
TOO_LARGE = 2150858792  # 0x80338028, w:EncodingLimit MaxEnvelopeSize


class NotSoap(Exception):
    """The body is no WS-Management request."""


class Fault(Exception):
    """An error that is answered as a SOAP fault with HTTP 500."""

    def __init__(self, code: int, reason: str, subcode: str, *, sender: bool = True, wmi: int | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.subcode = subcode
        self.sender = sender
        self.wmi = wmi

    def body(self, machine: str) -> str:
        """The ``s:Fault`` element."""
        reason = escape(self.reason)
        wmi = (
            f'<m:MSFT_WmiError xmlns:m="{WMI_NAMESPACE}"><m:error_Code>{self.wmi}</m:error_Code></m:MSFT_WmiError>'
            if self.wmi is not None
            else ""
        )
        return (
            f"<s:Fault><s:Code><s:Value>s:{'Sender' if self.sender else 'Receiver'}</s:Value>"
            f"<s:Subcode><s:Value>{self.subcode}</s:Value></s:Subcode></s:Code>"
            f'<s:Reason><s:Text xml:lang="en-US">{reason} </s:Text></s:Reason><s:Detail>'
            f'<f:WSManFault xmlns:f="{FAULT_NAMESPACE}" Code="{self.code}" Machine={quoteattr(machine)}>'
            f"<f:Message>{reason} </f:Message></f:WSManFault>{wmi}</s:Detail></s:Fault>"
        )


def timed_out() -> Fault:
    """No output within the OperationTimeout: clients ask again."""
    text = "The WS-Management service cannot complete the operation within the time specified in OperationTimeout."
    return Fault(TIMED_OUT, text, "w:TimedOut", sender=False)


def shell_not_found(shell_id: str | None) -> Fault:
    """No such shell: never opened, deleted, or idled out."""
    text = (
        f"The request for the Windows Remote Shell with ShellId {shell_id} failed because the shell was not found on "
        "the server. Possible causes are: the specified ShellId is incorrect or the shell no longer exists on the "
        "server. Provide the correct ShellId or create a new shell and retry the operation."
    )
    return Fault(SHELL_NOT_FOUND, text, "w:InvalidSelectors")


def quota_shells(limit: int) -> Fault:
    """MaxShellsPerUser."""
    text = (
        "The WS-Management service cannot process the request. This user is allowed a maximum number of "
        f"{limit} concurrent shells, which has been exceeded. Close existing shells or raise the quota for this user."
    )
    return Fault(QUOTA_SHELLS, text, "w:QuotaLimit", wmi=QUOTA_SHELLS)


def quota_operations(limit: int) -> Fault:
    """MaxConcurrentOperationsPerUser; WinRS counts a shell's commands and does not count them down."""
    text = (
        "The WS-Management service cannot process the request. This user is allowed a maximum number of "
        f"{limit} concurrent operations, which has been exceeded. Close existing operations for this user, or raise "
        "the quota for this user."
    )
    return Fault(QUOTA_OPERATIONS, text, "w:QuotaLimit", wmi=QUOTA_OPERATIONS)


def invalid_parameter() -> Fault:
    """What Windows says to a request about a command that is not there."""
    return Fault(INVALID_PARAMETER, "The parameter is incorrect.", "w:InvalidParameter")


def too_large(limit_kb: int) -> Fault:
    """A request beyond MaxEnvelopeSizekb."""
    text = (
        "The WS-Management service cannot process the request. The SOAP packet size exceeds the maximum envelope "
        f"size of {limit_kb} KB (MaxEnvelopeSizekb)."
    )
    return Fault(TOO_LARGE, text, "w:EncodingLimit")


def not_supported(action: str) -> Fault:
    """An action or resource that this service does not know."""
    text = (
        "The WS-Management service cannot process the request. The service cannot find the resource identified by "
        f"the resource URI and selectors. (action {action})"
    )
    return Fault(NOT_SUPPORTED, text, "a:DestinationUnreachable")


@dataclass(frozen=True)
class Message:
    """A WS-Management request."""

    action: str
    message_id: str
    resource: str
    shell_id: str | None
    options: dict[str, str]
    timeout: float
    """OperationTimeout in seconds; 60 when the client does not say."""
    envelope_limit: int
    """MaxEnvelopeSize in bytes: the largest response the client takes."""
    body: ET.Element

    @property
    def verb(self) -> str:
        """The action's last word: Create, Command, Send, Receive, Signal, Delete, Get."""
        return self.action.rsplit("/", 1)[-1]

    def find(self, path: str) -> ET.Element | None:
        """The first element at ``path`` under the body, with this module's prefixes."""
        return self.body.find(path, NAMESPACES)


def seconds(duration: str) -> float:
    """An xs:duration such as PT20.000S or P0DT0H1M0S in seconds; 60 for what cannot be read."""
    match = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?", duration.strip())
    if not match or not any(match.groups()):
        return 60.0
    days, hours, minutes, rest = (float(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def parse(raw: bytes) -> Message:
    """Read a request. Raises NotSoap."""
    try:
        root = ET.fromstring(raw)
    except ET.ParseError as error:
        raise NotSoap(str(error)) from error
    header, body = root.find("s:Header", NAMESPACES), root.find("s:Body", NAMESPACES)
    if header is None:
        raise NotSoap("no SOAP header")

    def text(path: str, default: str = "") -> str:
        return (header.findtext(path, default, NAMESPACES) or default).strip()

    selectors = {e.get("Name", ""): e.text or "" for e in header.iterfind("w:SelectorSet/w:Selector", NAMESPACES)}
    options = {e.get("Name", ""): e.text or "" for e in header.iterfind("w:OptionSet/w:Option", NAMESPACES)}
    limit = text("w:MaxEnvelopeSize", "153600")
    return Message(
        action=text("a:Action"),
        message_id=text("a:MessageID"),
        resource=text("w:ResourceURI"),
        shell_id=selectors.get("ShellId"),
        options=options,
        timeout=seconds(text("w:OperationTimeout", "PT60S")),
        envelope_limit=int(limit) if limit.isdigit() else 153600,
        body=body if body is not None else ET.Element("none"),
    )


def envelope(message: Message, body: str, fault: bool = False) -> bytes:
    """A response to ``message``."""
    action = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault" if fault else f"{message.action}Response"
    return (
        f'<s:Envelope xml:lang="en-US" {DECLARATIONS}><s:Header><a:Action>{escape(action)}</a:Action>'
        f"<a:MessageID>uuid:{str(uuid.uuid4()).upper()}</a:MessageID>"
        f"<a:To>{NAMESPACES['a']}/role/anonymous</a:To><a:RelatesTo>{escape(message.message_id)}</a:RelatesTo>"
        f"</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()
