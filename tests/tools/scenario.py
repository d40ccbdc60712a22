"""Run the molecule scenario, and fail it for a warning or deprecation that Ansible prints. Standard library only."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
WARNED = re.compile(r"\[(?:DEPRECATION )?WARNING\]")


def main(arguments: list[str]) -> int:
    """Show what molecule prints as it runs; return its exit code, or 1 when there was a warning."""
    folder = Path(sys.executable).parent
    environment = dict(os.environ, PATH=os.pathsep.join([str(folder), os.environ.get("PATH", os.defpath)]))
    command = [str(folder / "molecule"), "test", "--all", *arguments]
    warned = []
    with subprocess.Popen(
        command,
        cwd=ROOT / "extensions",
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            if WARNED.search(COLOURS.sub("", line)):
                warned.append(COLOURS.sub("", line).strip())
    if warned:
        print(f"\n{len(warned)} warning(s) of Ansible above, expected none; the first: {warned[0]}")
    return process.returncode or int(bool(warned))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
