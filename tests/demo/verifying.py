"""`make demo STORY=verify`: a pool that looks healthy, and the eight things that are wrong with it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from demo import eight
from demo.pool import Pool
from demo.telling import Teller

SETTINGS = "-e @verify.yml"


def healthy(tell: Teller, pool: Pool) -> None:
    """Act 1."""
    tell.heading("1. A pool of four")
    tell.say(
        """Four simulated Edge Servers of Lync Server 2013. Somebody asks whether everything is as it should be. The
        playbook reads each of them and every port; it writes nothing, so it can run every night."""
    )
    run = pool.run("verify", SETTINGS, expected=0)
    tell.gap()
    tell.claim("no finding, and exit code 0", not eight.told(run.shown), run.shown)
    tell.claim("nothing was changed: changed=0 on every host", run.changed == 0, run.recap)
    pool.claim_untouched("nothing but reads was sent to any member")


def eight_things(tell: Teller, pool: Pool) -> None:
    """Act 2."""
    tell.heading("2. Eight things happen")
    for number, fault in enumerate(eight.FAULTS, 1):
        tell.verbatim(f"{number}. {fault.member}  {fault.story}")
    eight.plant(pool.lab)
    tell.gap()
    tell.say("Users notice nothing of most of them, or nothing yet. The same command again:")
    run = pool.run("verify", SETTINGS, expected=2)
    tell.gap()
    found, expected = eight.told(run.shown), eight.expected()
    tell.claim("each of the eight is found, on its member", expected <= found, expected - found)
    tell.claim("and nothing else: what only follows from them is one line", found == expected, found - expected)
    tell.claim("ansible-playbook ended with exit code 2, so a schedule notices", run.code == 2, run.code)
    pool.claim_untouched("nothing but reads was sent to any member")
    assert run.report is not None
    files = sorted(path.name for path in run.report.iterdir())
    tell.claim(f"the evidence is there: {', '.join(files)}", len(files) == 4, files)


def outside(tell: Teller, pool: Pool) -> None:
    """Act 3."""
    tell.heading("3. Without any account on the servers")
    tell.say("The same pool by its ports alone (ports.yml says verify_wire_only: true). No member is asked anything:")
    pool.lab.reset_counts()
    run = pool.run("verify", f"{SETTINGS} -e @ports.yml", expected=2)
    tell.gap()
    commands = {member: counts["commands"] for member, counts in pool.lab.counts().items()}
    tell.claim("no command was sent to any member", not any(commands.values()), commands)
    ids = {id for id, _member in eight.told(run.shown)}
    seen = {"wire.incomplete", "wire.no-answer"}
    tell.claim("the missing intermediate and the closed ports show all the same", ids == seen, ids)


def closing(tell: Teller, reports: Path, seconds: float) -> None:
    """What is left behind."""
    tell.heading("What you have seen")
    tell.say(f"It took {seconds:.0f} seconds on a lab. The reports of these three runs, for a browser:")
    for page in sorted(reports.glob("*/report.html"), key=lambda path: path.stat().st_mtime):
        said = json.loads((page.parent / "report.json").read_text(encoding="utf-8"))["result"]
        shown = str(page.relative_to(Path.cwd()) if page.is_relative_to(Path.cwd()) else page)
        tell.verbatim(f"{re.sub(r'^failed$', 'findings', said):<9} {shown}")


ACTS = (healthy, eight_things, outside)
