"""Give an archive to galaxy-importer, the program by which Galaxy and Automation Hub take or refuse a collection.

It wants older versions of some packages than the development environment has, so it gets an environment of its own,
.build/importer, made of constraints.txt and constraints-importer.txt. A stamp in it says which ones. What it is asked
to look at is in galaxy-importer.cfg. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ENVIRONMENT = ROOT / ".build" / "importer"
OWN_PINS = HERE / "constraints-importer.txt"
SETTINGS = HERE / "galaxy-importer.cfg"
# Lines of its log that are no complaint: it prints what it does without a level, what it minds with one.
COMPLAINT = re.compile(r"(?:WARNING|ERROR|CRITICAL): ")


@dataclass(frozen=True)
class Verdict:
    """What the importer makes of an archive."""

    complaints: Sequence[str]  # each warning and error, as it was said
    contents: Sequence[tuple[str, str]]  # (kind, name) of what it found, such as ("role", "verify"); () when refused
    output: str

    @property
    def taken(self) -> bool:
        """Whether the archive was taken, and without a complaint."""
        return bool(self.contents) and not self.complaints


def package(line: str) -> str:
    """Return the normalised name of the package that a line of a constraints file pins, "" for none."""
    found = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""


def pins(common: str, own: str) -> str:
    """Return the constraints of the importer's environment: its own, and the common ones of all other packages."""
    mine = {package(line) for line in own.splitlines()}
    others = [line for line in common.splitlines() if package(line) and package(line) not in mine]
    return "\n".join([*others, *(line for line in own.splitlines() if package(line))]) + "\n"


def make_environment() -> Path:
    """Make the environment unless it is there as it should be, and return its folder of programs."""
    text = pins((ROOT / "constraints.txt").read_text("utf-8"), OWN_PINS.read_text("utf-8"))
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    # The folder counts: the programs name their interpreter by its full path.
    wanted = f"{hashlib.sha256(text.encode()).hexdigest()} python{version} {ENVIRONMENT}\n"
    stamp, programs = ENVIRONMENT / "stamp", ENVIRONMENT / "bin"
    if stamp.is_file() and stamp.read_text("utf-8") == wanted:
        return programs
    print("Installing galaxy-importer into .build/importer ...", flush=True)
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    # Filled from outside by the pip that is here, which needs no ensurepip.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(ENVIRONMENT)], check=True)
    constraints = ENVIRONMENT / "constraints.txt"
    constraints.write_text(text, "utf-8")
    pip = [sys.executable, "-m", "pip", "--python", str(programs / "python"), "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "-qq", "-c", str(constraints), "galaxy_importer"], check=True)
    stamp.write_text(wanted, "utf-8")
    return programs


def environment(programs: Path, home: Path) -> dict[str, str]:
    """Return its environment variables: nothing of the user's Ansible, and a home of its own."""
    dropped = ("ANSIBLE_", "GALAXY_IMPORTER_", "PYTHON", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    path = os.pathsep.join([str(programs), os.environ.get("PATH", os.defpath)])
    return {**kept, "PATH": path, "HOME": str(home), "GALAXY_IMPORTER_CONFIG": str(SETTINGS)}


def judge(archive: Path, folder: Path) -> Verdict:
    """Let the importer read an archive; ``folder`` is made afresh for what it writes."""
    programs = make_environment()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    done = subprocess.run(
        [str(programs / "python"), "-m", "galaxy_importer.main", str(archive.resolve())],
        cwd=folder,
        env=environment(programs, folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    result = folder / "importer_result.json"
    data: dict[str, Any] = json.loads(result.read_text("utf-8")) if done.returncode == 0 and result.is_file() else {}
    contents = [(item["content_type"], item["name"]) for item in data.get("contents", ())]
    return Verdict([line for line in done.stdout.splitlines() if COMPLAINT.match(line)], contents, done.stdout)
