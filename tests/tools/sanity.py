"""Run `ansible-test sanity` on a copy of the collection, without containers, for every Python that is really here.

Three traps are stepped around:
* without containers ansible-test downloads pip's installer; it gets a stand-in that is made of pip's own wheel;
* its environments and caches belong into .build, not into the user's home;
* a pyenv shim on the PATH answers to the name of a Python that does not run.
What cannot run here is listed with its reason, never left out silently. Standard library only.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tree

HOME = tree.BUILD / "home"
CACHE = HOME / ".ansible" / "test" / "cache"

GET_PIP = '''"""Stand-in for pip's installer: runs pip out of its wheel beside this file, as the real one does."""
import os
import runpy
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "{wheel}"))
# --no-setuptools and --no-wheel are options of the installer, not of pip.
words = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
sys.argv = ["pip", "install", "--upgrade", "--force-reinstall"] + words
runpy.run_module("pip", run_name="__main__", alter_sys=True)
'''


@dataclass(frozen=True)
class Interpreter:
    """A Python that was started and answered."""

    version: str  # "3.11"
    path: Path  # the program itself, no link, no shim


def ask(program: str | Path, code: str) -> str | None:
    """Return what a Python program prints for a line of code, or None when it does not run."""
    try:
        done = subprocess.run([str(program), "-c", code], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def constants(python: str | Path = sys.executable) -> tuple[list[str], list[str]]:
    """Return the Python versions that the ansible-test beside a Python knows: (controller, modules only)."""
    code = (
        "from ansible_test._util.target.common.constants import *;"
        "print(*CONTROLLER_PYTHON_VERSIONS, '|', *REMOTE_ONLY_PYTHON_VERSIONS)"
    )
    said = ask(python, code)
    if said is None:
        raise SystemExit("ansible-test is not installed beside this Python: run `make venv`.")
    controller, remote = said.split("|")
    return controller.split(), remote.split()


def candidates(version: str) -> list[Path]:
    """Return the programs that may be this Python: on the PATH, and pyenv's own, which its shims hide."""
    name = f"python{version}"
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    folders += sorted(pyenv.glob(f"{version}.*/bin"), reverse=True)
    return [folder / name for folder in folders if (folder / name).is_file()]


def interpreters(versions: Sequence[str]) -> list[Interpreter]:
    """Return those of the versions that run here and can make an environment, in the order given."""
    code = (
        "import sys, os, venv; base = getattr(sys, '_base_executable', sys.executable);"
        "print('%d.%d' % sys.version_info[:2], os.path.realpath(base))"
    )
    found = []
    for version in versions:
        for program in candidates(version):
            said = (ask(program, code) or "").split(" ", 1)
            if said[0] == version:
                found.append(Interpreter(version, Path(said[1])))
                break
    return found


def search_path(pythons: Sequence[Interpreter]) -> str:
    """Return a PATH on which each `pythonX.Y` is one that runs, and none is a shim."""
    shims = re.compile(r"[/\\]shims$")
    ours = [str(Path(sys.executable).parent), *(str(python.path.parent) for python in pythons)]
    theirs = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if folder and not shims.search(folder)]
    return os.pathsep.join(dict.fromkeys([*ours, *theirs]))


def prepare_home() -> None:
    """Fill the home folder that ansible-test gets: pip's configuration, and the stand-in for pip's installer."""
    CACHE.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip"]
    # ansible-test hands pip neither our environment variables nor our home: what pip is told by them goes into a file.
    listed = subprocess.run([*pip, "config", "list"], capture_output=True, text=True, check=True).stdout
    told: dict[str, str] = {}
    for line in listed.splitlines():
        key, dummy, value = line.partition("=")
        section, dummy, option = key.rpartition(".")
        if section in ("global", "install", ":env:"):
            told[option] = value.strip().strip("'\"").replace("\\n", "\n    ")
    for variable in ("https_proxy", "HTTPS_PROXY"):
        if os.environ.get(variable):
            told.setdefault("proxy", os.environ[variable])
    cache = subprocess.run([*pip, "cache", "dir"], capture_output=True, text=True, check=False).stdout.strip()
    if cache:
        told["cache-dir"] = cache
    told["quiet"] = "2"  # errors only
    lines = ["[global]", *(f"{option} = {value}" for option, value in sorted(told.items()))]
    config = HOME / ".config" / "pip" / "pip.conf"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text("\n".join(lines) + "\n")
    place_get_pip(pip)


def place_get_pip(pip: Sequence[str]) -> None:
    """Put the stand-in where ansible-test looks before it downloads, one for each pip version it may want."""
    code = "import ansible_test; print(ansible_test.__path__[0])"
    source = Path(ask(sys.executable, code) or "", "_internal", "python_requirements.py")
    versions = set(re.findall(r"\bpip='([0-9.]+)'", source.read_text()))
    if not versions:
        raise SystemExit(f"No pip version found in {source}: this ansible-test bootstraps pip in another way.")
    for version in versions:
        wheel = f"pip-{version}-py3-none-any.whl"
        if not (CACHE / wheel).is_file():
            command = [*pip, "download", "-qq", "--no-deps", "--dest", str(CACHE), f"pip=={version}"]
            subprocess.run(command, check=True)
        (CACHE / f"get_pip_{version.replace('.', '_')}.py").write_text(GET_PIP.format(wheel=wheel))


def works(program: str, *words: str) -> bool:
    """Tell whether a program is on the PATH and this call of it succeeds."""
    path = shutil.which(program)
    return bool(path) and subprocess.run([str(path), *words], capture_output=True, check=False).returncode == 0


def left_out(files: Iterable[Path]) -> dict[str, str]:
    """Return the sanity tests that would have files to look at but cannot run here, each with its reason."""
    suffixes = {path.suffix for path in files}
    missing = {}
    analyzer = "if (-not (Get-Module -ListAvailable PSScriptAnalyzer)) { exit 1 }"
    if ".ps1" in suffixes and not works("pwsh", "-NoProfile", "-Command", analyzer):
        missing["pslint"] = "no pwsh with the module PSScriptAnalyzer; `make pwsh` checks the PowerShell script"
    if ".sh" in suffixes and not shutil.which("shellcheck"):
        missing["shellcheck"] = "the program shellcheck is not installed"
    return missing


def skip_lines(there: Path) -> list[str]:
    """Return the lines of the ignore files by which a test skips a file, once each."""
    texts = [path.read_text() for path in sorted((there / "tests" / "sanity").glob("ignore-*.txt"))]
    return sorted({line for text in texts for line in text.splitlines() if "!skip" in line})


def run(there: Path, arguments: Sequence[str], environment: Mapping[str, str], programs: Path | None = None) -> bool:
    """Run one ansible-test command in the copy and tell whether it succeeded. ``programs``: the folder it lies in."""
    folder = programs or Path(sys.executable).parent
    print(f"$ ansible-test {' '.join(arguments)}", flush=True)
    command = [str(folder / "python"), str(folder / "ansible-test"), *arguments]
    done = subprocess.run(command, cwd=there, env=environment, stdin=subprocess.DEVNULL, check=False)
    return done.returncode == 0


@contextmanager
def without_blanks() -> Iterator[Path]:
    """Give the folder of our programs under a name without blanks: ansible-test writes the Python that it runs under
    behind `#!`, where a blank ends the name."""
    programs = Path(sys.executable).parent
    if " " not in str(programs):
        yield programs
        return
    with tempfile.TemporaryDirectory(prefix="ucops-programs-") as folder:
        link = Path(folder) / "venv"
        link.symlink_to(programs.parent)
        yield link / "bin"


def entrances(there: Path) -> list[str]:
    """Return the folders of plugins that Ansible itself imports from.

    The test "import" forgets after each file what that imported, so for each of plugin_utils it would import nearly
    all of the others anew. The plugins import all of them; tests/unit/test_arrows.py holds that none is left out.
    """
    folders = sorted(path.name for path in (there / "plugins").iterdir() if path.is_dir())
    return [f"plugins/{name}/" for name in folders if name != "plugin_utils"]


def sanity(options: argparse.Namespace, environment: Mapping[str, str]) -> bool:
    """Run the sanity tests, list what was left out and tell whether the rest passed."""
    there = tree.copy("sanity")
    alone = {"pylint": ["plugins/"], "import": entrances(there)}
    missing = left_out(path for path in there.rglob("*") if ".git" not in path.parts)
    base = ["sanity", "--requirements", "--color", "no"]
    base += ["--python", options.python] if options.python else []
    chosen = [word for name in options.test for word in ("--test", name)]
    skipped = [word for name in [*missing, *alone] for word in ("--skip-test", name)]
    passed = True
    if not options.test or not set(options.test) <= set(alone):
        passed = run(there, [*base, *chosen, *skipped], environment)
    for name, paths in alone.items():
        if not options.test or name in options.test:
            passed = run(there, [*base, "--test", name, *paths], environment) and passed
    if not options.test or "pylint" in options.test:
        missing["pylint of tests/"] = "its settings are fixed and forbid the name _, for one; ruff looks at the tests"
    for line in [*(f"{name}: {reason}" for name, reason in missing.items()), *skip_lines(there)]:
        print(f"did not run: {line}")
    return passed


def units(options: argparse.Namespace, environment: Mapping[str, str]) -> bool:
    """Run the unit tests as ansible-test does, with the packages of .venv."""
    own = f"{sys.version_info[0]}.{sys.version_info[1]}"
    arguments = ["units", "--color", "no", "--num-workers", options.jobs, "--python", options.python or own]
    with without_blanks() as programs:
        path = os.pathsep.join([str(programs), environment["PATH"]])
        return run(tree.copy("units"), arguments, {**environment, "PATH": path}, programs)


def main() -> int:
    """Run what is asked and return 0 when all of it passed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--python", help="only this version of Python, for example 3.11")
    parser.add_argument("--test", action="append", default=[], help="only this sanity test; may be repeated")
    parser.add_argument("--units", action="store_true", help="run the unit tests instead")
    parser.add_argument("--jobs", default="2", help="how many processes the unit tests use (default: 2)")
    options = parser.parse_args()
    controller, remote = constants()
    known = [*remote, *controller]
    here = interpreters(known)
    absent = [version for version in known if version not in [python.version for python in here]]
    prepare_home()
    dropped = ("ANSIBLE_", "GIT_", "PYTHON", "VIRTUAL_ENV", "PYENV")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
    environment.update(HOME=str(HOME), PATH=search_path(here))
    if options.units:
        return 0 if units(options, environment) else 1
    print(f"Python here: {', '.join(python.version for python in here)}; not here: {', '.join(absent) or 'none'}")
    return 0 if sanity(options, environment) else 1


if __name__ == "__main__":
    sys.exit(main())
