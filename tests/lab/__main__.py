"""``python -m lab``: start a lab, print where it is as one JSON line, run until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import secrets
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from .interfaces import Options
from .inventory import DEFAULT_FLAVOUR, FLAVOURS
from .log import EventLog
from .network import Network
from .server import running
from .wsman.shell import place_of


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m lab", description="Simulated Windows members on loopback.")
    parser.add_argument("--scenario", default="edge-pool", help="what to simulate, or module:function to build it")
    parser.add_argument("--dir", type=Path, help="new or empty folder to write to (default: a temporary one)")
    parser.add_argument("--net", help="loopback network such as 127.70.3 (default: a free one)")
    parser.add_argument("--connection", choices=FLAVOURS, default=DEFAULT_FLAVOUR, help="what inventory.yml uses")
    parser.add_argument("--engine", choices=("python", "pwsh"), default="python")
    parser.add_argument("--powershell", help="PowerShell version the members report: 2.0, 3.0, 4.0 or 5.1")
    parser.add_argument("--product", help="product of the members, such as lync2013")
    parser.add_argument("--windows", help="Windows of the members, such as 2012r2")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="an option of the scenario")
    parser.add_argument("--until-eof", action="store_true", help="stop when standard input ends")
    return parser


def folder(wanted: Path | None) -> Path:
    """The lab's folder, which is new or empty. Raises SystemExit."""
    if wanted is None:
        return Path(tempfile.mkdtemp(prefix="ucops-lab-"))
    wanted.mkdir(parents=True, exist_ok=True)
    if any(wanted.iterdir()):
        raise SystemExit(f"--dir: expected a new or empty folder, found files in {wanted}; name another or empty it")
    return wanted.resolve()


def watch_stdin(stop: asyncio.Event) -> None:
    """Stop when standard input ends: a parent that died cannot leave a lab behind."""

    def readable() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            stop.set()

    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), readable)


def note(options: Options, context: dict[str, Any]) -> None:
    """What nobody caught goes to the log, by kind and place: its text may hold a secret."""
    error = context.get("exception")
    options.log("lab-error", place=place_of(error) if error else str(context.get("message")))


async def run(options: Options, flavour: str, until_eof: bool, log_path: Path) -> None:
    """Run the lab until SIGTERM, SIGINT or, if asked, the end of standard input."""
    stop = asyncio.Event()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: note(options, context))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if until_eof:
        watch_stdin(stop)
    async with running(options, flavour) as lab:
        where = {
            "inventory": str(lab.inventory),
            "control": lab.control,
            "dir": str(options.directory),
            "log": str(log_path),
        }
        print(json.dumps(where), flush=True)
        await stop.wait()


def take_descriptors() -> None:
    """As many open files as the system lets this process have: a member has ten listeners, the usual limit is 1024."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main() -> None:
    """Entry point."""
    given = arguments().parse_args()
    take_descriptors()
    extra = dict(item.partition("=")[::2] for item in given.set)
    directory = folder(given.dir)
    password = secrets.token_urlsafe(32)
    log_path = directory / "lab.log"
    log = EventLog(log_path, [password])
    with Network.claim(given.net) as network:
        options = Options(
            scenario=given.scenario,
            directory=directory,
            net=network.prefix,
            user="labadmin",
            password=password,
            log=log,
            engine=given.engine,
            powershell=given.powershell,
            product=given.product,
            windows=given.windows,
            extra=extra,
            further=network.further,
        )
        log("start", scenario=options.scenario, net=options.net)
        asyncio.run(run(options, given.connection, given.until_eof, log_path))
        log("stop")
    log.close()


if __name__ == "__main__":
    main()
