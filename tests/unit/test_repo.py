"""Rules for the files of this repository: no keys, no machine of ours, nothing too long to read."""

from __future__ import annotations

import ast
import operator
import os
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Not imported: ansible-test knows no module of tests/tools.
SUPPORTED = re.findall(
    r"3\.[0-9]+", next(re.finditer(r"^SUPPORTED = .*$", (ROOT / "tests/tools/venv.py").read_text(), re.M))[0]
)
# Longer than this, a file is two files. The script that crosses WinRM is one file by design; tests may list more cases.
FUNCTION = 60
"""Lines that a function of the collection may have."""
LINES = {".py": 320, ".yml": 320, ".md": 600, ".ps1": 780, ".j2": 320}
CASES = 80
GENERATED = {"changelogs/changelog.yaml", "docs/findings.md", "docs/variables.md"}
# Ansible reads the options of a role out of one file.
WHOLE = {"roles/rollout/meta/argument_specs.yml"}
KEY_FILES = {".pem", ".key", ".crt", ".cer", ".der", ".p7b", ".p7c", ".pfx", ".p12", ".csr", ".sst"}
PEM_BLOCK = re.compile(rb"-----BEGIN [A-Z0-9 ]+-----\s+(?:[A-Za-z-]+: .*\s+)*[A-Za-z0-9+/=]{40}")
# A certificate or key in DER as a base64 text: SEQUENCE, long form, and 200 more characters.
DER_TEXT = re.compile(rb"(?<![A-Za-z0-9+/])MII[A-Za-z0-9+/]{200}")


@cache
def files() -> tuple[str, ...]:
    """Return the files that are committed or would be, relative to the root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    names = [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]
    return tuple(sorted(name for name in set(names) if (ROOT / name).is_file()))


def text(name: str) -> str:
    """Return a file's text."""
    return (ROOT / name).read_text(encoding="utf-8", errors="replace")


def test_no_keys_and_no_certificates() -> None:
    """Every key and certificate of a test is made when it runs; none is committed, not even a harmless one."""
    wrong = [name for name in files() if Path(name).suffix.lower() in KEY_FILES]
    for name in files():
        data = (ROOT / name).read_bytes()
        if PEM_BLOCK.search(data) or DER_TEXT.search(data) or data[:2] == b"\x30\x82":
            wrong.append(name)
    assert not wrong


def test_no_function_is_too_long_to_read() -> None:
    """One that grew past the limit does more than one thing."""
    long = [
        f"{name}:{node.lineno}: {node.name} has {lines} lines"
        for name in files()
        if name.startswith("plugins/") and name.endswith(".py")
        for node in ast.walk(ast.parse(text(name)))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION
    ]
    assert not long


@pytest.mark.parametrize("suffix", sorted(LINES))
def test_no_file_is_too_long_to_read(suffix: str) -> None:
    """A file that grew past the limit is split by what its parts are about."""
    looked_at = [name for name in files() if name.endswith(suffix) and name not in GENERATED | WHOLE]
    counted = {name: len(text(name).splitlines()) for name in looked_at}
    allowed = {name: LINES[suffix] + CASES * name.startswith("tests/") for name in counted}
    assert not {name: lines for name, lines in counted.items() if lines > allowed[name]}


def test_powershell_is_ascii_with_unix_line_ends() -> None:
    """What crosses the wire must not depend on a code page; and the byte budget knows no carriage returns."""
    for name in files():
        if name.endswith(".ps1"):
            data = (ROOT / name).read_bytes()
            assert data.isascii(), f"{name}: a character that is not ASCII"
            assert b"\r" not in data, f"{name}: carriage returns"
            assert b"\t" not in data, f"{name}: tabs"


def test_nothing_names_a_machine() -> None:
    """No path of one machine, in no file: the checkout may lie anywhere."""
    # Put together here, so that this file does not match itself.
    places = re.compile("|".join(f"(?<![A-Za-z0-9_.\"'`])/{name}/" for name in ("work", "root", "home/[a-z]+")))
    beside = re.compile(re.escape("../" + "shared"))
    wrong = []
    for name in files():
        if Path(name).suffix in (".json", ".gz") or name == "LICENSE":
            continue
        for number, line in enumerate(text(name).splitlines(), 1):
            if places.search(line) or beside.search(line):
                wrong.append(f"{name}:{number}: {line.strip()[:100]}")
    assert not wrong, "\n".join(wrong)


def test_requirements_name_packages_and_no_places() -> None:
    """pip works with whatever the machine is configured for: no index, no link, no address."""
    for name in files():
        if Path(name).name.startswith(("requirements", "constraints", "ee-requirements")) and name.endswith(".txt"):
            lines = [line for line in text(name).splitlines() if line and not line.startswith("#")]
            assert not [line for line in lines if "://" in line or (line.startswith("-") and line[:3] != "-r ")], name


PIN = re.compile(r"([A-Za-z0-9._-]+)==[A-Za-z0-9.]+(?: ; python_version (<|==|>=) \"(3\.[0-9]+)\")?")
HOLDS = {"<": operator.lt, "==": operator.eq, ">=": operator.ge}


def package(name: str) -> str:
    """Return a package's name as pip compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(python: str) -> list[str]:
    """Return the packages that constraints.txt pins for a Python, one for each pin."""
    found = []
    for line in text("constraints.txt").splitlines():
        if line and not line.startswith("#"):
            pin = PIN.fullmatch(line)
            assert pin is not None, f"constraints.txt: expected NAME==VERSION, found {line}"
            name, relation, version = pin.groups()
            if relation is None or HOLDS[relation](*(int(word.split(".")[1]) for word in (python, version))):
                found.append(package(name))
    return found


@pytest.mark.parametrize("python", SUPPORTED)
def test_every_pin_is_exact_and_covers_what_is_asked_for(python: str) -> None:
    """For each Python that `make venv` takes, one pin for each package of requirements-dev.txt."""
    pins = pinned(python)
    assert sorted(set(pins)) == sorted(pins), "a package is pinned twice for this Python"
    asked_for = text("requirements-dev.txt") + text("requirements.txt")
    asked = re.findall(r"^[A-Za-z][A-Za-z0-9._-]*", asked_for, re.MULTILINE)
    assert {package(name) for name in asked} <= set(pins)


def test_the_collection_itself_asks_for_bounds_only() -> None:
    """And the execution environment for the same. Ansible's own psrp connection takes a pypsrp below 1 only."""
    own = [line for line in text("requirements.txt").splitlines() if line and not line.startswith("#")]
    assert own == [line for line in text("meta/ee-requirements.txt").splitlines() if line and not line.startswith("#")]
    assert not [line for line in own if not re.fullmatch(r"[a-z]+>=[0-9.]+|pypsrp>=[0-9.]+,<1", line)]


def test_no_test_sleeps() -> None:
    """Tests wait for a thing to happen, never for time to pass."""
    wrong = [
        f"{name}:{number}"
        for name in files()
        if name.startswith("tests/") and Path(name).name.startswith("test_") and name.endswith(".py")
        for number, line in enumerate(text(name).splitlines(), 1)
        if re.search(r"\btime\.sleep" + r"\(", line)
    ]
    assert not wrong
