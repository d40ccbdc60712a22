"""`python tests/bench/fleet.py [pools] [members]`: one verification of many pools, with its time and memory.

Each pool is a lab of its own; their inventories are put together, so ansible-playbook sees one fleet. Nothing is
asserted about time: the numbers are printed with the machine's size, for the documentation.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from demo.playbook import environment  # noqa: E402

from lab.client import LabProcess  # noqa: E402


def together(labs: list[LabProcess], folder: Path) -> Path:
    """One inventory of all labs: each pool is a group of its own, and so are its hosts' names."""
    children: dict[str, Any] = {}
    roots = ""
    for number, lab in enumerate(labs, 1):
        one = yaml.safe_load(lab.inventory.read_text(encoding="utf-8"))["all"]
        common = {name: value for name, value in one["vars"].items() if name.startswith("ansible_")}
        hosts = one["children"]["edge"]["hosts"]
        children[f"pool{number}"] = {
            "hosts": {f"p{number}-{name}": {**common, **host} for name, host in hosts.items()},
        }
        roots += (lab.directory / "trust" / "roots.pem").read_text(encoding="ascii")
    trust = folder / "roots.pem"
    trust.write_text(roots, encoding="ascii")
    inventory = folder / "inventory.yml"
    inventory.touch(mode=0o600)
    text = yaml.safe_dump({"all": {"vars": {"verify_trust": str(trust)}, "children": children}})
    inventory.write_text(text, encoding="utf-8")
    return inventory


def main() -> int:
    """Starts the labs, runs the verification, says what it took."""
    pools, members = (int(text) for text in (*sys.argv[1:], *("10", "20")[len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        labs = [
            stack.enter_context(LabProcess(settings={"members": str(members)}, connection="winrm-basic-https"))
            for _ in range(pools)
        ]
        inventory = together(labs, folder)
        variables = {
            "verify_edge_arrays": [f"pool{number + 1}" for number in range(pools)],
            "verify_exchange_arrays": [],
            "verify_warn_days": 14,
            "verify_report_dir": str(folder / "reports"),
            "verify_textfile": str(folder / "certificates.prom"),
        }
        (folder / "vars.yml").write_text(yaml.safe_dump(variables), encoding="utf-8")
        program = Path(sys.executable).with_name("ansible-playbook")
        command = [str(program), "-i", str(inventory), "ucops.certificates.verify", "-e", f"@{folder}/vars.yml"]
        began = time.monotonic()
        done = subprocess.run(
            [*command, "--forks", "20"],
            cwd=folder,
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        took = time.monotonic() - began
        largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(done.stdout[-3000:] if done.returncode else "")
        asked = sum(counts["commands"] for lab in labs for counts in lab.counts().values())
        reports = len(list((folder / "reports").glob("*/report.json")))
        ports = sum(len(host["rollout_endpoints"]) for lab in labs for host in hosts_of(lab))
        print(f"{pools * members} members in {pools} arrays, {ports} ports: exit code {done.returncode}, {took:.0f} s")
        print(f"{asked} commands, {reports} reports, largest process {largest:.0f} MB")
        print(f"{os.cpu_count()} processors, 20 forks, the labs on the same machine")
        metrics = folder / "certificates.prom"
        if metrics.exists():
            print(f"{len(metrics.read_text(encoding='utf-8').splitlines())} lines of metrics")
            keep = os.environ.get("UCOPS_KEEP_METRICS")
            if keep:
                Path(keep).write_bytes(metrics.read_bytes())
        return done.returncode


def hosts_of(lab: LabProcess) -> list[dict[str, Any]]:
    """The hosts of a lab's inventory."""
    one = yaml.safe_load(lab.inventory.read_text(encoding="utf-8"))["all"]
    return list(one["children"]["edge"]["hosts"].values())


if __name__ == "__main__":
    sys.exit(main())
