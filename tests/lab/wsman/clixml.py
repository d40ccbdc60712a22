"""powershell.exe's standard error as WinRM clients get it: a CLIXML document of error and progress records."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

HEAD = '#< CLIXML\r\n<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">'
PROGRESS = (
    '<Obj S="progress" RefId="0"><TN RefId="0"><T>System.Management.Automation.PSCustomObject</T>'
    '<T>System.Object</T></TN><MS><I64 N="SourceId">1</I64><PR N="Record">'
    "<AV>Preparing modules for first use.</AV><AI>0</AI><Nil /><PI>-1</PI><PC>-1</PC><T>Completed</T>"
    "<SR>-1</SR><SD> </SD></PR></MS></Obj>"
)


def escaped(text: str) -> str:
    """Text as a CLIXML string: control characters and surrogates as ``_xHHHH_``, then XML's own escapes."""
    text = re.sub(r"_(?=x[0-9A-Fa-f]{4}_)", "_x005F_", text)
    text = re.sub(r"[\x00-\x1f\x7f-\x9f\ufffe\uffff]", lambda m: f"_x{ord(m[0]):04X}_", text)
    text = re.sub(
        r"[\U00010000-\U0010ffff]",
        lambda m: "".join(f"_x{int.from_bytes(m[0].encode('utf-16-be')[i : i + 2], 'big'):04X}_" for i in (0, 2)),
        text,
    )
    return escape(text)


def error_stream(stderr: str, progress: bool) -> str:
    """The whole of standard error for what the error stream says; empty when there is nothing to say."""
    records = "".join(f'<S S="Error">{escaped(line)}_x000D__x000A_</S>' for line in stderr.splitlines())
    if not records and not progress:
        return ""
    return f"{HEAD}{PROGRESS if progress else ''}{records}</Objs>"
