"""Give the checkout the folder name that Ansible wants, `ansible_collections/ucops/certificates`, wherever it lies.

`link`  makes .build/collections/ansible_collections/ucops/certificates, a symbolic link to the checkout, for
        ansible-playbook, pytest and mypy.
`build` builds the collection's archive, installs it into .build/installed, reads the documentation of every plugin
        from there, and gives the archive to galaxy-importer; a complaint of its fails.

For tools that resolve links (ansible-test, ansible-lint, ansible-galaxy), `copy` makes a real folder with the files
that git tracks or would track, and a git repository of its own; each tool gets its own copy.

Standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import importer

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / ".build"
NAME = Path("ansible_collections") / "ucops" / "certificates"
# What is left out where there is no git to ask (an unpacked archive).
CACHES = {".ansible", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache", "__pycache__"}
LEFT_OUT = {".git", ".build", ".venv", *CACHES}


def link() -> Path:
    """Make the link, unless it already leads to this checkout, and return its path."""
    path = BUILD / "collections" / NAME
    if path.is_symlink() and path.resolve() == ROOT:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".certificates-{os.getpid()}")
    # A relative target: the link outlives a move of the checkout.
    fresh.symlink_to(os.path.relpath(ROOT, path.parent))
    fresh.replace(path)
    return path


def files() -> list[Path]:
    """Return the files of the checkout, relative to it: tracked by git, or new and not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
        names = [Path(os.fsdecode(name)) for name in done.stdout.split(b"\0") if name]
    except (OSError, subprocess.CalledProcessError):
        names = [path.relative_to(ROOT) for path in ROOT.rglob("*") if not LEFT_OUT & set(path.relative_to(ROOT).parts)]
    # A file deleted but not yet committed is still listed by git.
    return sorted(name for name in set(names) if (ROOT / name).is_file() or (ROOT / name).is_symlink())


def copy_files(there: Path) -> None:
    """Copy the files of the checkout into a folder."""
    for name in files():
        target = there / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target, follow_symlinks=False)


def copy(use: str) -> Path:
    """Make the copy for one use afresh, below .build/USE, and return its path."""
    there = BUILD / use / NAME
    shutil.rmtree(there, ignore_errors=True)
    copy_files(there)
    # ansible-test lists the files of a collection with git; the outer repository ignores .build.
    for command in (["init", "--quiet"], ["add", "--all", "--force"]):
        subprocess.run(["git", *command], cwd=there, check=True, env=git_environment())
    return there


def git_environment() -> dict[str, str]:
    """Return the environment for git in the copy: not that of an outer repository whose hook called us."""
    return {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}


def galaxy(*arguments: str | Path, **variables: str) -> None:
    """Run `ansible-galaxy collection`; ``variables`` are added to its environment."""
    command = [sys.executable, "-m", "ansible.cli.galaxy", "collection", *map(str, arguments)]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env={**os.environ, **variables})


def archive(source: Path, folder: Path) -> Path:
    """Build the archive of a folder with a galaxy.yml into another, empty one, and return its path."""
    galaxy("build", "--output-path", folder, source)
    (made,) = folder.glob("*.tar.gz")
    return made


def install(made: Path, folder: Path) -> None:
    """Install an archive into a folder of collections, as a user does."""
    galaxy("install", "--offline", "-p", folder, made, ANSIBLE_COLLECTIONS_PATH=str(folder))


def build() -> None:
    """Build the archive, install it into .build/installed, read its documentation, and have Galaxy's importer read it.

    Raises SystemExit when the importer refuses the archive or complains about anything.
    """
    source, archives, installed = copy("build"), BUILD / "dist", BUILD / "installed"
    for folder in (archives, installed):
        shutil.rmtree(folder, ignore_errors=True)
    made = archive(source, archives)
    install(made, installed)
    documented = len(documentation(installed))
    size = made.stat().st_size // 1024
    print(f"{made.relative_to(ROOT)}: {size} kB, installs, {documented} plugins and roles documented", flush=True)
    verdict = importer.judge(made, BUILD / "imported")
    if not verdict.taken:
        said = "\n".join(verdict.complaints) or "It ended without a result."
        raise SystemExit(f"{verdict.output}\ngalaxy-importer does not take {made.name} as it is:\n{said}")
    print(f"galaxy-importer takes it: {len(verdict.contents)} files of content, no warning and no error")


def documentation(installed: Path) -> list[str]:
    """Return the names of what ansible-doc documents in an installed collection; raise when it cannot read one."""
    program = str(Path(sys.executable).with_name("ansible-doc"))
    environment = dict(os.environ, ANSIBLE_COLLECTIONS_PATH=str(installed), ANSIBLE_NOCOLOR="1")
    found: list[str] = []
    for kind in ("module", "filter", "callback", "role"):
        listing = [program, "--json", "-t", kind, "--list", "ucops.certificates"]
        names = list(json.loads(subprocess.run(listing, capture_output=True, check=True, env=environment).stdout))
        if names:
            reading = [program, "--json", "-t", kind, *names]
            subprocess.run(reading, stdout=subprocess.DEVNULL, check=True, env=environment)
        found += names
    return found


def main() -> int:
    """Do what is asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=["link", "build"])
    {"link": link, "build": build}[parser.parse_args().what]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
