"""The figures as tables: Markdown, which people can read as it is. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

Row = Sequence[str]
WIDTH = 120


def shown(part: str, found: Mapping[str, Any]) -> str:
    """One part: its heading, its table, what it was measured on."""
    heading, rows = PARTS[part](found)
    return f"{fill(heading, WIDTH)}\n\n{table(rows)}\n\n{fill(measured(found), WIDTH)}"


def table(rows: Sequence[Row]) -> str:
    """Rows as a table, the first one its head; columns as wide as they have to be, numbers to the right."""
    width = [max(3, *(len(row[n]) for row in rows)) for n in range(len(rows[0]))]
    head, *rest = ["| " + " | ".join(fit(row, width)) + " |" for row in rows]
    rule = ["-" * width[0], *("-" * (wide - 1) + ":" for wide in width[1:])]
    return "\n".join([head, "| " + " | ".join(rule) + " |", *rest])


def fit(row: Row, width: Sequence[int]) -> list[str]:
    """Cells of one row."""
    return [cell.ljust(width[0]) if not n else cell.rjust(width[n]) for n, cell in enumerate(row)]


def measured(found: Mapping[str, Any]) -> str:
    """When, on what, and how busy it was."""
    on = found["machine"]
    rounds = f"medians of {found['rounds']} rounds" if found["rounds"] > 1 else "one round"
    return (
        f"{on['on']}, {on['processors']} processors ({on['model']}), Python {on['python']},"
        f" ansible-core {on['ansible']}; load average {on['load']:g} before and {found['load_after']:g} after;"
        f" {rounds}."
    )


def playbooks(found: Mapping[str, Any]) -> tuple[str, list[Row]]:
    """Ours beside what people write, case by case."""
    rows: list[Row] = [
        ("case", "commands", "requests", "kB sent", "kB received", "CPU s", "ratio: requests", "kB sent", "CPU")
    ]
    cases = dict.fromkeys(name.rpartition(", ")[0] for name in found["rows"])
    for case in sorted(cases, key=lambda name: (name.partition(", ")[0], ORDER.index(name.partition(", ")[2]))):
        mine, theirs = found["rows"][f"{case}, ours"], found["rows"][f"{case}, by hand"]
        for whose, row in (("ours", mine), ("by hand", theirs)):
            ratios = [f"{mine[n] / theirs[n]:.2f}" if whose == "ours" else "" for n in ("requests", "bytes_up", "cpu")]
            rows.append((f"{case}, {whose}", *counts(row), f"{row['cpu']:.2f}", *ratios))
    text = (
        f"**A run with {found['members']} members, against playbooks of ansible.windows** (out of ansible"
        f" {found['windows']}; counts are a member's, CPU is the whole run's). Theirs read no port and judge nothing;"
        " what they receive is as long as the lab's stand-ins made it. Ratios are ours to theirs."
    )
    return text, rows


ORDER = ("first renewal", "again", "verification")


def counts(row: Mapping[str, float]) -> tuple[str, str, str, str]:
    """What a member counted."""
    kilobytes = [f"{row[name] / 1000:.0f}" for name in ("bytes_up", "bytes_down")]
    return f"{row['commands']:g}", f"{row['requests']:g}", kilobytes[0], kilobytes[1]


def verify(found: Mapping[str, Any]) -> tuple[str, list[Row]]:
    """The verification beside both floors."""
    rows: list[Row] = [
        (
            "members",
            "ports read",
            "CPU s",
            "CPU s a member",
            "MB",
            "floor CPU s",
            "times",
            "floor with judging CPU s",
            "times",
        )
    ]
    for members, row in sorted(found["rows"].items(), key=lambda item: int(item[0])):
        mine, floor, judged = (row[name]["cpu"] for name in ("verify", "floor", "judged"))
        rows.append((
            members, str(row["ports"]), f"{mine:.1f}", f"{mine / int(members):.2f}", f"{row['memory']:.0f}",
            f"{floor:.1f}", f"{mine / floor:.1f}", f"{judged:.1f}", f"{mine / judged:.1f}",
        ))  # fmt: skip
    text = (
        "**A verification of many members, against one process.** The floor sends the same document to each member,"
        " reads its reply as JSON, and reads the same ports; with judging, the collection's own code also makes of each"
        " reply what a verification keeps. Times: our CPU to theirs. MB: the largest process of the verification."
    )
    return text, rows


def renewal(found: Mapping[str, Any]) -> tuple[str, list[Row]]:
    """A pool as it grows."""
    each = ("a member", "requests", "kB sent")
    rows: list[Row] = [("members", "first: CPU s", *each, "again: CPU s", *each)]
    for members, row in sorted(found["rows"].items(), key=lambda item: int(item[0])):
        cells = [members]
        for case in ("first", "again"):
            cells += [f"{row[case]['cpu']:.1f}", f"{row[case]['cpu'] / int(members):.2f}"]
            cells += [f"{row[case]['requests']:g}", f"{row[case]['bytes_up'] / 1000:.0f}"]
        rows.append(cells)
    text = (
        "**A renewal of an Edge pool**, the first one and the same again, which finds nothing to do. Requests"
        " and what is sent are a member's."
    )
    return text, rows


def ports(found: Mapping[str, Any]) -> tuple[str, list[Row]]:
    """Ways to read many ports."""
    rows: list[Row] = [("way", "CPU s", "wall-clock s")]
    ways = sorted(found["rows"].items(), key=lambda item: float(item[1]["cpu"]))
    rows += [(name, f"{row['cpu']:.2f}", f"{row['wall']:.1f}") for name, row in ways]
    text = (
        f"**Reading {found['ports']} ports**, of which {found['silent']} accept a connection and never answer (each is"
        f" waited for {found['timeout']:g} seconds). s_client: once, 16 processes at a time."
    )
    return text, rows


def chains(found: Mapping[str, Any]) -> tuple[str, list[Row]]:
    """Verifiers, by the size of the pool."""
    names = [f"{name}, {how}" for how in ("warm", "cold") for name in ("ours", "cryptography", "OpenSSL")]
    rows: list[Row] = [("certificates", *names)]
    for size, row in sorted(found["rows"].items(), key=lambda item: int(item[0])):
        rows.append((size, *(f"{row[name]:.2f}" for name in names)))
    text = (
        "**Finding the chain of a leaf among many certificates**, one of which is its issuer; milliseconds of CPU."
        " Warm: all are parsed already. Cold: parsing counts. OpenSSL is used through pyOpenSSL."
    )
    return text, rows


PARTS = {"playbooks": playbooks, "verify": verify, "renewal": renewal, "ports": ports, "chains": chains}
