"""A running lab: members built, listeners open, control up, inventories written."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from .control import Control
from .interfaces import Lab, Options
from .inventory import write_inventories
from .tls_identity import WinrmAuthority
from .wsman.endpoint import Endpoint


@dataclass(frozen=True)
class Running:
    """Where a running lab is found."""

    inventory: Path
    control: str


def builder(scenario: str) -> Callable[[Options], Lab]:
    """The function that builds a scenario: ``lab.scenarios.build``, or ``module:function`` if so named."""
    module, _, function = scenario.partition(":")
    found = importlib.import_module(module if function else "lab.scenarios")
    build: Callable[[Options], Lab] = getattr(found, function or "build")
    return build


@asynccontextmanager
async def running(options: Options, flavour: str) -> AsyncIterator[Running]:
    """Build the scenario and run it until the context ends. Everything opened is closed."""
    private = options.directory / "private"
    private.mkdir(mode=0o700)
    authority = WinrmAuthority()
    authority_file = options.directory / "winrm-ca.pem"
    authority_file.write_bytes(authority.pem())
    lab = builder(options.scenario)(options)
    endpoints: dict[str, Endpoint] = {}
    async with AsyncExitStack() as stack:
        for member in lab.members:
            tls = authority.context(member.name, member.address, private)
            endpoint = Endpoint(member, tls, options.log, private)
            endpoints[member.name] = endpoint
            stack.callback(endpoint.close)
            await endpoint.listen()
            stack.push_async_callback(member.stop)
            await member.start()
        control = Control(endpoints)
        stack.callback(control.close)
        url = await control.listen()
        inventory = write_inventories(lab, options, flavour, authority_file)
        yield Running(inventory, url)
