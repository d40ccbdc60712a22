"""Make the development environment `.venv`, with the exact package versions of constraints.txt.

Runs under the system's Python with nothing but the standard library; `make` calls it. It does nothing when the
environment is already the one asked for: the stamp in it holds the hash of the requirement files, the Python version
and the folder.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
STAMP = VENV / "ucops-stamp"
FILES = ("constraints.txt", "requirements.txt", "requirements-dev.txt")
# The Pythons that the pinned ansible-core runs on as a controller, best known first.
SUPPORTED = ("3.11", "3.12", "3.13", "3.10")


def version_of(python: str | Path) -> str | None:
    """Return the "3.11" of an interpreter, or None when it does not run (as a pyenv shim may not)."""
    try:
        done = subprocess.run(
            [str(python), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def choose(wanted: str) -> str:
    """Return the path of the interpreter to build on: the one asked for, else any supported one on the PATH."""
    found = []
    for name in [wanted, *(f"python{version}" for version in SUPPORTED)]:
        path = shutil.which(name)
        version = version_of(path) if path else None
        if path and version in SUPPORTED:
            return path
        if version:
            found.append(f"{name} is {version}")
    raise SystemExit(
        f"No usable Python: this needs one of {', '.join(SUPPORTED)}, found {', '.join(found) or 'none'}.\n"
        "On Debian 12: apt-get install python3 python3-venv. Elsewhere: make PYTHON=/path/to/python3.11 ..."
    )


def attempts(python: str) -> list[list[str]]:
    """Return the commands that may make the environment, to be tried in this order."""
    target = str(VENV)
    return [
        [python, "-m", "venv", "--clear", target],
        # A Debian without python3-venv has no ensurepip; virtualenv brings its own pip.
        [python, "-m", "virtualenv", "--quiet", "--clear", target],
        # ... and python3-pip can fill an empty environment from outside.
        [python, "-m", "venv", "--clear", "--without-pip", target],
    ]


def create(python: str) -> None:
    """Make the empty environment with pip in it; raise SystemExit with what to install when nothing works."""
    said = []
    for command in attempts(python):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode == 0 and "--without-pip" in command:
            inner = [python, "-m", "pip", "--python", str(VENV / "bin" / "python"), "install", "-q", "pip"]
            done = subprocess.run(inner, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode == 0:
            return
        said.append(f"$ {' '.join(command)}\n{done.stdout.strip()}")
    shutil.rmtree(VENV, ignore_errors=True)
    raise SystemExit(
        "Could not make the Python environment .venv. On Debian and Ubuntu the package python3-venv is missing:\n"
        "    apt-get install python3-venv\n"
        "What was tried:\n" + "\n".join(said)
    )


def wanted_stamp(version: str) -> str:
    """Return the text that says which environment this checkout wants."""
    digest = hashlib.sha256()
    for name in FILES:
        digest.update((ROOT / name).read_bytes())
    # The folder counts: the programs in .venv/bin name their interpreter by its full path.
    return f"{digest.hexdigest()} python{version} {VENV}\n"


def main() -> int:
    """Make or refresh the environment."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--python", default="python3", help="the interpreter to build on (default: python3)")
    wanted = parser.parse_args().python
    inside = VENV / "bin" / "python"
    has = version_of(inside)
    if has and STAMP.is_file() and STAMP.read_text() == wanted_stamp(has):
        os.utime(STAMP)
        return 0
    moved = STAMP.is_file() and STAMP.read_text().rstrip("\n").split(" ", 2)[-1] != str(VENV)
    if has not in SUPPORTED or moved:
        python = choose(wanted)
        print(f"Making .venv with {python} ...", flush=True)
        create(python)
    print("Installing the pinned packages of constraints.txt into .venv ...", flush=True)
    command = [str(inside), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    done = subprocess.run([*command, "-r", "requirements-dev.txt", "-c", "constraints.txt"], cwd=ROOT, check=False)
    if done.returncode:
        print("The packages could not be installed: see pip's message above.", file=sys.stderr)
        return 1
    has = version_of(inside)
    if has is None:
        raise SystemExit(f"{inside} does not run after the installation.")
    STAMP.write_text(wanted_stamp(has))
    return 0


if __name__ == "__main__":
    sys.exit(main())
