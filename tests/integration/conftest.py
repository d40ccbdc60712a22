"""Labs and controllers for the playbooks' tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from integration.controller import Controller
from lab.client import LabProcess

Start = Callable[..., LabProcess]


@pytest.fixture
def start_lab(tmp_path: Path) -> Iterator[Start]:
    """Starts labs: ``start_lab(powershell="2.0", rolled_shape="old")``; options of the members go in by name."""
    with ExitStack() as stack:
        started = 0

        def start(connection: str = "winrm-basic-https", **options: Any) -> LabProcess:
            nonlocal started
            started += 1
            own = {
                k: options.pop(k)
                for k in ("scenario", "engine", "powershell", "product", "windows", "net")
                if k in options
            }
            settings = {k: str(v) for k, v in options.items()}
            folder = tmp_path / f"lab{started}"
            return stack.enter_context(LabProcess(directory=folder, connection=connection, settings=settings, **own))

        yield start


@pytest.fixture
def lab(start_lab: Start) -> LabProcess:
    """An Edge pool of three members, reached by winrm with Basic over HTTPS."""
    return start_lab()


@pytest.fixture
def controller(lab: LabProcess, tmp_path: Path) -> Controller:
    """A controller for ``lab``, in a folder of its own."""
    return Controller(tmp_path / "controller", lab)
