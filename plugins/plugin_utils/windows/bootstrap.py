# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How remote_calls.ps1 gets into a PowerShell process: a small command, everything else on its standard input.

A command line ends at 8,191 characters, so the script travels on standard input, as line 1; the document is line 2.
Both are base64 of gzip, hence ASCII without blanks: console code pages and line ends cannot touch them. WinRS puts the
lines of standard input into ``$input``, PSRP its input objects.
"""

from __future__ import annotations

import base64
import gzip
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

# Casts, Activator and methods only, no cmdlet and no pipeline: PowerShell's module logging (event 4103) writes down
# every cmdlet's parameters, and line 2 may hold a key. Explicit casts of the two constructor arguments: PowerShell 2.0
# hands wrapped objects on otherwise.
BOOTSTRAP = (
    "$ErrorActionPreference='Stop'\n"
    "$t=@()\n"
    "foreach($l in $input){if($l){$m=[IO.MemoryStream][Convert]::FromBase64String($l)\n"
    "$t+=([IO.StreamReader][Activator]::CreateInstance([IO.Compression.GZipStream],"
    "[object[]]([IO.Stream]$m,[IO.Compression.CompressionMode]0))).ReadToEnd()}}\n"
    "$document=$t[1]\n"
    "&([scriptblock]::Create($t[0]))"
)
SCRIPT = Path(__file__).resolve().parents[2] / "modules" / "remote_calls.ps1"

_REGION = re.compile(r"#region (?P<name>\w+):(?P<calls>[^;]*)(?:; needs (?P<needs>.*))?$")

_QUOTED = re.compile(r"""("[^"]*"|'[^']*')""")
_LOOSE = re.compile(r" = |[;,] |\{ | \}")


@lru_cache(maxsize=1)
def shipped_script() -> str:
    """The text of remote_calls.ps1 as it lies in the collection."""
    return SCRIPT.read_text(encoding="ascii")


def slice_script(script: str, names: Iterable[str]) -> str:
    """`script` without the regions that none of the calls `names` needs.

    A region starts with a line ``#region NAME: CALL, CALL; needs NAME, NAME`` and ends with ``#endregion``. What is
    outside of any region is always kept; so is a region that a kept one needs. Lines are taken as they are. Raises
    ValueError when the regions are not well-formed.
    """
    wanted = set(names)
    regions: dict[str, tuple[set[str], set[str]]] = {}
    pieces: list[tuple[str | None, str]] = []
    current: str | None = None
    for number, line in enumerate(script.splitlines(), 1):
        match = _REGION.match(line)
        if match:
            if current is not None:
                raise ValueError(f"line {number}: a region starts inside region {current}")
            current = match["name"]
            regions[current] = (_names(match["calls"]), _names(match["needs"]))
        elif line.startswith("#endregion"):
            if current is None:
                raise ValueError(f"line {number}: no region to end")
            current = None
        else:
            pieces.append((current, line))
    if current is not None:
        raise ValueError(f"region {current} does not end")
    kept: set[str] = set()
    todo = [name for name, (calls, _needs) in regions.items() if calls & wanted]
    while todo:
        name = todo.pop()
        if name not in regions:
            raise ValueError(f"no region {name}")
        if name not in kept:
            kept.add(name)
            todo += regions[name][1]
    return "\n".join(line for region, line in pieces if region is None or region in kept) + "\n"


def strip_script(script: str) -> str:
    """`script` without indentation, blank lines, whole-line comments and blanks that only please: half as long.

    It is the same program. It must hold no here-string and no block comment, whose lines would be cut as well, and no
    quotation marks of one kind within each other; tests of remote_calls.ps1 see to that.
    """
    lines = (line.strip() for line in script.splitlines())
    return "\n".join(_tighten(line) for line in lines if line and not line.startswith("#")) + "\n"


def _tighten(line: str) -> str:
    """A line without the blanks around assignments, within braces, and behind commas and semicolons."""
    pieces = _QUOTED.split(line)
    pieces[::2] = [_LOOSE.sub(lambda found: found[0].strip(), piece) for piece in pieces[::2]]
    return "".join(pieces)


def stdin_text(script: str, document: str) -> str:
    """What goes on standard input for `document` (ASCII JSON): two lines, each ended by a line feed."""
    return f"{_pack(script)}\n{_pack(document)}\n"


def _pack(text: str) -> str:
    """Base64 of gzip. No time stamp, so that the same text always gives the same line."""
    return base64.b64encode(gzip.compress(text.encode("utf-8"), 9, mtime=0)).decode("ascii")


def _names(text: str | None) -> set[str]:
    return {name.strip() for name in (text or "").split(",") if name.strip()}
