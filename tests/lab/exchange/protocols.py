"""SMTP, POP3 and IMAP4 as far as a client needs them to look at a certificate and to hand over a mail."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from . import components, selection
from .services import FRONT_END
from .state import ExchangeState, ReceiveConnector

Front = Callable[[str], ssl.SSLContext]
"""What gives the context of a TLS handshake that begins now, for "service" or "internal"."""


@dataclass
class Talk:
    """One connection."""

    state: ExchangeState
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    front: Front
    encrypted: bool = False
    mail: dict[str, int] = field(default_factory=dict)

    async def say(self, *lines: str) -> None:
        """Send lines."""
        self.writer.write("".join(f"{line}\r\n" for line in lines).encode())
        await self.writer.drain()

    async def hear(self) -> str | None:
        """The next line, None at the end."""
        line = await asyncio.wait_for(self.reader.readline(), 30)
        return line.decode("utf-8", "replace").rstrip("\r\n") if line else None

    async def encrypt(self, what: str = "service") -> None:
        """Begin TLS. OSError and ssl.SSLError end the connection, as they should."""
        await start_tls(self.writer, self.front(what), 10)
        self.encrypted = True


async def start_tls(writer: asyncio.StreamWriter, context: ssl.SSLContext, seconds: float) -> None:
    """``StreamWriter.start_tls`` for a server, which Python 3.10 does not have: the same steps as in 3.11."""
    if sys.version_info >= (3, 11):
        await writer.start_tls(context, ssl_handshake_timeout=seconds)
        return
    await writer.drain()
    plain, protocol, loop = writer.transport, writer.transport.get_protocol(), asyncio.get_running_loop()
    wrapped = await loop.start_tls(plain, protocol, context, server_side=True, ssl_handshake_timeout=seconds)
    writer._transport = protocol._transport = wrapped
    protocol._over_ssl = True


def quietly(talk: Talk) -> contextlib.AbstractContextManager[None]:
    """A connection ends in many ways; none is the lab's fault."""
    return contextlib.suppress(OSError, ssl.SSLError, asyncio.TimeoutError, asyncio.IncompleteReadError, ValueError)


def smtp_extensions(talk: Talk, connector: ReceiveConnector) -> list[str]:
    """What EHLO is answered with."""
    state = talk.state
    found = [f"{connector.fqdn or state.fqdn} Hello", "SIZE 37748736", "PIPELINING", "8BITMIME"]
    if not talk.encrypted and selection.current(state, connector).entry is not None:
        found.append("STARTTLS")
    if not talk.encrypted and connector.server_authentication and selection.internal(state).entry is not None:
        found.append("X-ANONYMOUSTLS")
    return found


async def smtp(talk: Talk, connector: ReceiveConnector) -> None:
    """One SMTP session."""
    state = talk.state
    if state.behaviour.offline_smtp == "rejects" and not components.accepts(state, connector.service == FRONT_END):
        state.visits.turned_away += 1
        await talk.say("421 4.3.2 Service not active")
        return
    await talk.say(f"220 {connector.fqdn or state.fqdn} Microsoft ESMTP MAIL Service ready")
    while (line := await talk.hear()) is not None:
        verb = line.split(" ")[0].upper()
        offered = smtp_extensions(talk, connector)
        if verb == "EHLO":
            await talk.say(*(f"250-{e}" for e in offered[:-1]), f"250 {offered[-1]}")
        elif verb in ("STARTTLS", "X-ANONYMOUSTLS"):
            if verb not in offered:
                await talk.say("500 5.3.3 Unrecognized command")
                continue
            await talk.say("220 2.0.0 SMTP server ready")
            await talk.encrypt("internal" if verb == "X-ANONYMOUSTLS" else "service")
        elif verb == "DATA":
            await talk.say("354 Start mail input; end with <CRLF>.<CRLF>")
            while await talk.hear() not in (".", None):
                pass
            state.visits.mails += 1
            await talk.say("250 2.6.0 Queued mail for delivery")
        elif verb == "QUIT":
            await talk.say("221 2.0.0 Service closing transmission channel")
            return
        elif verb in ("HELO", "MAIL", "RCPT", "RSET", "NOOP"):
            await talk.say("250 2.1.0 OK")
        else:
            await talk.say("500 5.3.3 Unrecognized command")


async def pop(talk: Talk, protocol: str = "POP") -> None:
    """One POP3 session."""
    await talk.say("+OK The Microsoft Exchange POP3 service is ready.")
    while (line := await talk.hear()) is not None:
        verb = line.split(" ")[0].upper()
        can_encrypt = not talk.encrypted and selection.client_current(talk.state, protocol).entry is not None
        if verb == "CAPA":
            await talk.say("+OK", "TOP", "UIDL", *(["STLS"] if can_encrypt else []), "USER", ".")
        elif verb == "STLS" and can_encrypt:
            await talk.say("+OK Begin TLS negotiation.")
            await talk.encrypt()
        elif verb == "USER":
            await talk.say("+OK" if talk.encrypted else "-ERR Command is not valid in this state.")
        elif verb == "PASS":
            await talk.say("+OK User successfully logged on.")
        elif verb == "STAT":
            await talk.say("+OK 0 0")
        elif verb == "QUIT":
            await talk.say("+OK Microsoft Exchange Server POP3 server signing off.")
            return
        else:
            await talk.say("-ERR Protocol error.")


async def imap(talk: Talk, protocol: str = "IMAP") -> None:
    """One IMAP4 session."""
    await talk.say("* OK The Microsoft Exchange IMAP4 service is ready.")
    while (line := await talk.hear()) is not None:
        tag, _, rest = line.partition(" ")
        verb = rest.split(" ")[0].upper()
        can_encrypt = not talk.encrypted and selection.client_current(talk.state, protocol).entry is not None
        if verb == "CAPABILITY":
            more = " STARTTLS LOGINDISABLED" if can_encrypt else "" if talk.encrypted else " LOGINDISABLED"
            await talk.say(f"* CAPABILITY IMAP4 IMAP4rev1{more} UIDPLUS IDLE", f"{tag} OK CAPABILITY completed.")
        elif verb == "STARTTLS" and can_encrypt:
            await talk.say(f"{tag} OK Begin TLS negotiation now.")
            await talk.encrypt()
        elif verb == "LOGIN":
            await talk.say(
                f"{tag} OK LOGIN completed." if talk.encrypted else f"{tag} BAD Command received in Invalid state."
            )
        elif verb == "NOOP":
            await talk.say(f"{tag} OK NOOP completed.")
        elif verb == "LOGOUT":
            await talk.say("* BYE Microsoft Exchange Server IMAP4 server signing off.", f"{tag} OK LOGOUT completed.")
            return
        else:
            await talk.say(f"{tag} BAD Command Error. 12")
