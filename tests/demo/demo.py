"""`make demo`: three Edge Servers get a renewed certificate. A story for a reader, and a test: every claim is checked.
`make demo STORY=exchange` tells the second one, of Exchange arrays.

The servers are simulated (tests/lab); ansible-playbook, its WinRM connection and the collection are the real ones.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

from demo import exchange, playbook, verifying, wire  # noqa: E402
from demo.pool import AV, MISSING, Pool  # noqa: E402
from demo.telling import NotTrue, Teller  # noqa: E402
from lab.client import LabError, LabProcess  # noqa: E402

CALLS = {"edge1": 14, "edge2": 9, "edge3": 11}
LATER = {"edge1": 6, "edge2": 8, "edge3": 5}


def opening(tell: Teller, pool: Pool) -> None:
    """The servers as they are."""
    tell.heading("An Edge pool gets a new certificate")
    tell.say(
        """This happened on a Lync Server 2013 Edge. The renewed certificate was assigned; the certificate viewer
        called it valid, with its private key; every service ran, and the event log was silent. But a federated call
        had dropped, and from then on audio to the outside ended as soon as it was answered. One intermediate, which
        lay in the vendor's zip all along, was missing in the store of the local computer."""
    )
    tell.gap()
    tell.say(
        """Here is such a pool: three simulated Edge Servers of Lync Server 2013 on this machine. Ansible, its WinRM
        connection and the collection are the real ones, and so is openssl, which looks at the ports."""
    )
    tell.gap()
    pool.set_calls(CALLS)
    pool.show()
    pool.claim_served("old", "all three members serve the old certificate, and openssl verifies it on every port")


def refused(tell: Teller, pool: Pool) -> None:
    """Act 1."""
    tell.heading("1. The vendor's zip lacks one intermediate")
    tell.say("The renewed certificate has come, and the key is at hand. So this is what somebody does:")
    before, assigned = pool.read(), pool.assigned()
    pool.write_renewal("incomplete.zip")
    run = pool.run("renew_edge_pool", "-e @renewal.yml -e @vault.yml", expected=2)
    tell.gap()
    tell.claim("the gate refused, and ansible-playbook ended with exit code 2", run.code == 2, run.code)
    tell.claim(f"the missing certificate is named: {MISSING}", MISSING in " ".join(run.shown.split()), run.shown)
    pool.claim_untouched("nothing was written to any member: no certificate, no key, no assignment, no journal")
    tell.claim(f"all {len(before)} ports present what they presented before", pool.read() == before)
    tell.claim("every use has the certificate that it had", pool.assigned() == assigned)
    pool.claim_calls(f"all {sum(CALLS.values())} calls are still up", CALLS)


def renewed(tell: Teller, pool: Pool) -> None:
    """Act 2."""
    tell.heading("2. The complete zip")
    tell.say(
        "The vendor sends it again, with the intermediate. One line of renewal.yml changes; the command is the same:"
    )
    internal = wire.internal(pool.read())
    pool.write_renewal("complete.zip")
    run = pool.run("renew_edge_pool", "-e @renewal.yml -e @vault.yml", expected=0, hang_up=True)
    tell.gap()
    pool.show()
    pool.claim_staged("the intermediate lies in LocalMachine\\CA on all three, and no key was left over anywhere")
    pool.claim_served("new", "the new certificate is served on every external port, and openssl verifies the chain")
    tell.claim("the internal interface presents what it presented before", wire.internal(pool.read()) == internal)
    pending = pool.pending()
    tell.claim(
        f"A/V authentication keeps the old certificate until {pending:%H:%M} UTC; the successor waits on all three",
        pool.labels(AV) == {"old"},
        pool.labels(AV),
    )
    pool.claim_calls("no call was cut: each member waited until its calls had ended", dict.fromkeys(CALLS, 0))
    pool.claim_report(run, "all-new")


def settled(tell: Teller, pool: Pool) -> None:
    """Act 3."""
    instant = pool.pending()
    tell.heading(f"3. {instant:%H:%M} UTC passes")
    tell.say(
        f"""New calls have come in, {sum(LATER.values())} of them, admitted with tokens that the old certificate made.
        The clocks of the three members go on to {instant + timedelta(minutes=5):%H:%M}. (This machine's own clock,
        which the reports go by, stays where it is.)"""
    )
    tell.gap()
    pool.set_calls(LATER)
    pool.advance_to(instant + timedelta(minutes=5))
    tell.claim("the successor is in force on all three members, from the same instant", pool.labels(AV) == {"new"})
    pool.claim_calls("all of these calls are still up, and no token was refused", LATER)
    tell.gap()
    tell.say("What is left is to restart A/V authentication, member by member, and to see that it comes up again:")
    run = pool.run("settle", "-e @settle.yml", expected=0, hang_up=True)
    tell.gap()
    pool.claim_calls("no call was cut this time either", dict.fromkeys(LATER, 0))
    pool.claim_served("new", "every external port still serves the new certificate")
    pool.claim_report(run, "all-new")


def again(tell: Teller, pool: Pool) -> None:
    """Act 4."""
    tell.heading("4. The same run again")
    tell.say("Next morning nobody is sure whether it was all done. To ask is to run it again:")
    pool.lab.reset_counts()
    before = pool.read()
    run = pool.run("renew_edge_pool", "-e @renewal.yml -e @vault.yml", expected=0)
    tell.gap()
    tell.claim("nothing was left to do: changed=0 on every host", run.changed == 0, run.recap)
    commands = {member: counts["commands"] for member, counts in pool.lab.counts().items()}
    tell.claim("it took one remote command a member", set(commands.values()) == {1}, commands)
    tell.claim("every port presents what it presented before", pool.read() == before)


def closing(tell: Teller, reports: Path, seconds: float) -> None:
    """What is left behind, and what the story does not show."""
    tell.heading("What you have seen")
    tell.say(
        f"""Nothing was switched until every member was proven ready, and after the switch it was known, member by
        member, what is really served. It took {seconds:.0f} seconds on a lab. The lab is not Windows: what no real
        server has shown yet stands in README.md, and playbook hostcheck.yml finds out on yours without changing
        anything."""
    )
    tell.gap()
    tell.say("The reports of these four runs, for a browser:")
    for page in sorted(reports.glob("*/report.html"), key=lambda path: path.stat().st_mtime):
        tell.verbatim(str(page.relative_to(Path.cwd()) if page.is_relative_to(Path.cwd()) else page))


Act = Callable[[Teller, Pool], None]
ACTS: tuple[Act, ...] = (opening, refused, renewed, settled, again)


def edge_pool(tell: Teller, reports: Path, acts: Sequence[Act] = ACTS) -> None:
    """The first story: an Edge pool."""
    _told(tell, reports, acts, closing, 3)


def verification(tell: Teller, reports: Path) -> None:
    """The third one: a pool that is looked at."""
    _told(tell, reports, verifying.ACTS, verifying.closing, 4)


def _told(
    tell: Teller, reports: Path, acts: Sequence[Act], ending: Callable[[Teller, Path, float], None], members: int
) -> None:
    started = time.monotonic()
    with LabProcess(settings={"members": str(members)}) as lab:
        pool = Pool(lab, tell, reports)
        for act in acts:
            act(tell, pool)
    ending(tell, reports, time.monotonic() - started)


STORIES: dict[str, Callable[[Teller, Path], None]] = {
    "edge-pool": edge_pool,
    "exchange": exchange.arrays,
    "verify": verification,
}


def tell_story(tell: Teller, reports: Path, story: Callable[[Teller, Path], None] = edge_pool) -> int:
    """Tells it. Returns the exit code."""
    try:
        story(tell, reports)
        return 0
    except LabError as error:
        tell.trouble(f"The lab does not work: {error}")
    except NotTrue as error:
        tell.trouble(f"This should have been true and is not: {error}")
        last = playbook.last()
        if last is not None:
            print(f"\nAll that {last.command} said (exit code {last.code}):\n\n{last.output}")
    except KeyboardInterrupt:
        tell.trouble("Stopped. The lab is gone; nothing outside of it was touched.")
        return 130
    return 1


def main() -> int:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("story", nargs="?", default="edge-pool", choices=list(STORIES), help="which (%(default)s)")
    parser.add_argument("--reports", type=Path, default=Path("demo-report"), help="a folder (%(default)s)")
    options = parser.parse_args()
    reports = options.reports.absolute()
    reports.mkdir(parents=True, exist_ok=True)
    for old in reports.glob("*/report.json"):
        shutil.rmtree(old.parent)
    return tell_story(Teller(), reports, STORIES[options.story])


if __name__ == "__main__":
    sys.exit(main())
