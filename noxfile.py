"""The matrix: the tests under every ansible-core that is supported, with the Pythons that are here.

Not part of `make test`, and nox is not in .venv: `pip install nox`, then `make link`, then for example
`nox -s "matrix(python='3.12', core='2.17')" -- tests/unit`. Pythons that are not here are skipped.
"""

from __future__ import annotations

import os
from pathlib import Path

import nox

nox.options.error_on_missing_interpreters = False

# ansible-core -> the controller Pythons it supports.
CORES = {
    "2.16": ("3.10", "3.11", "3.12"),
    "2.17": ("3.10", "3.11", "3.12"),
    "2.18": ("3.11", "3.12", "3.13"),
    "2.19": ("3.11", "3.12", "3.13"),
    "2.20": ("3.12", "3.13", "3.14"),
    "2.21": ("3.12", "3.13", "3.14"),
}
LAB = ("psrpcore", "pyOpenSSL", "pyspnego", "xmltodict")
TESTS = ("tests/unit", "tests/lab_tests", "tests/integration")


@nox.session
@nox.parametrize("python,core", [(python, core) for core, pythons in CORES.items() for python in pythons])
def matrix(session: nox.Session, core: str) -> None:
    """Run pytest with the newest packages that this ansible-core and this Python allow."""
    session.install(f"ansible-core~={core}.0", "-r", "requirements.txt", "hypothesis", "pytest", "pytest-xdist", *LAB)
    root = Path(__file__).resolve().parent
    environment = {
        "ANSIBLE_CONFIG": str(root / "tests" / "ansible.cfg"),
        "ANSIBLE_HOME": os.path.join(session.create_tmp(), "ansible"),
        "ANSIBLE_COLLECTIONS_PATH": str(root / ".build" / "collections"),
    }
    session.run("ansible", "--version", silent=True)
    session.run("pytest", "-n", "2", *(session.posargs or TESTS), env=environment)
