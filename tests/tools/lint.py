"""Run ansible-lint, profile production, offline, on a copy of the collection.

A copy, because ansible-lint follows links and looks at a folder's name; .ansible-lint holds its settings. Standard
library only.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import tree


def main() -> int:
    """Run it and return its exit code."""
    folder = Path(sys.executable).parent
    there = tree.copy("lint")
    environment = dict(
        os.environ,
        PATH=os.pathsep.join([str(folder), os.environ.get("PATH", os.defpath)]),
        ANSIBLE_COLLECTIONS_PATH=str(tree.BUILD / "lint"),
        ANSIBLE_CONFIG=str(there / "tests" / "ansible.cfg"),
    )
    command = [str(folder / "ansible-lint"), "--offline", "--profile", "production", *sys.argv[1:]]
    return subprocess.run(command, cwd=there, env=environment, stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
