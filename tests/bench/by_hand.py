"""(playbooks) What a member costs: this collection against the playbooks that people write with ansible.windows."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from bench.measure import BUILD, FLAVOUR, ROOT, Cost, counted, folder_of, median, playbook, renewal, tell
from lab.client import LabProcess

RELEASE = "12.3.0"
"""Of the package `ansible` on PyPI, which holds ansible.windows, for the ansible-core of constraints.txt."""
WITHIN = "ansible_collections/ansible/windows/"
PLAYS = ROOT / "tests" / "bench" / "plays"
EDGE_READS = """Import-Module Lync
Get-CsCertificate
Get-CsWindowsService
Get-WinEvent -FilterHashtable @{LogName='Lync Server'; StartTime=(Get-Date).AddDays(-1)} -ErrorAction SilentlyContinue
"""
EXCHANGE_READS = """Add-PSSnapin Microsoft.Exchange.Management.PowerShell.SnapIn
Get-ExchangeCertificate
Get-Service MSExchange*
Get-WinEvent -FilterHashtable @{LogName='Application'; StartTime=(Get-Date).AddDays(-1)} -ErrorAction SilentlyContinue
"""


class Missing(Exception):
    """ansible.windows cannot be had; the text says why."""


def windows_collection() -> Path:
    """The folder of collections that holds ansible.windows, fetched once with pip. Raises Missing."""
    place = BUILD / "collections"
    if (place / WITHIN / "MANIFEST.json").exists():
        return place
    wheels = BUILD / "wheels"
    tell(f"fetching ansible {RELEASE} for ansible.windows")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    done = subprocess.run(
        [*command, "--dest", str(wheels), f"ansible=={RELEASE}"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise Missing(f"ansible.windows cannot be had: pip download ansible=={RELEASE}: {why}")
    with zipfile.ZipFile(next(wheels.glob(f"ansible-{RELEASE}-*.whl"))) as wheel:
        names = [name for name in wheel.namelist() if name.startswith(WITHIN)]
        last = f"{WITHIN}MANIFEST.json"
        wheel.extractall(place, [*(name for name in names if name != last), last])
    return place


def measure(rounds: int, members: int) -> dict[str, Any]:
    """Both products: first renewal, again, verification; each of ours beside each of theirs, round by round."""
    collections = windows_collection()
    found: dict[str, list[tuple[Cost, dict[str, float]]]] = {}
    with folder_of("playbooks") as folder:
        for number in range(rounds):
            for product in ("edge", "exchange"):
                tell(f"playbooks: {product}, round {number + 1} of {rounds}")
                for name, result in one_round(folder, product, members, collections):
                    found.setdefault(name, []).append(result)
    rows = {
        name: {**median([cost for cost, _counts in results]), **results[-1][1]}
        for name, results in sorted(found.items())
    }
    return {"rows": rows, "members": members, "rounds": rounds, "windows": RELEASE}


def one_round(
    folder: Path, product: str, members: int, collections: Path
) -> list[tuple[str, tuple[Cost, dict[str, float]]]]:
    """Every case of a product, ours and theirs in turn, on new labs."""
    with ExitStack() as stack:
        settings = {"members": str(members)}
        scenario = "edge-pool" if product == "edge" else "exchange-array"
        start = partial(LabProcess, settings=settings, connection=FLAVOUR)
        lab = stack.enter_context(start(scenario))
        other = stack.enter_context(start(f"bench.stand_ins:{product}"))
        cases = [
            ("verification", ours_verified(folder, lab, product), theirs_verified(folder, other, product, collections)),
            ("first renewal", ours(folder, lab, product), theirs(folder, other, product, collections, True)),
            ("again", ours(folder, lab, product), theirs(folder, other, product, collections, False)),
        ]
        found = []
        for case, mine, by_hand in cases:
            for whose, run, place in (("ours", mine, lab), ("by hand", by_hand, other)):
                place.reset_counts()
                cost = run()
                found.append((f"{product}, {case}, {whose}", (cost, counted([place]))))
    return found


def ours(folder: Path, lab: LabProcess, product: str) -> Callable[[], Cost]:
    """Our renewal."""
    if product == "edge":
        given = renewal(lab, folder)
        return partial(playbook, folder, lab.inventory, "ucops.certificates.renew_edge_pool", given)
    given = renewal(lab, folder, "mail.key.pem", rollout_shell="session")
    return partial(playbook, folder, lab.inventory, "ucops.certificates.renew_exchange", given)


def ours_verified(folder: Path, lab: LabProcess, product: str) -> Callable[[], Cost]:
    """Our verification, with the ports: it has no other way."""
    given = {
        "verify_report_dir": str(folder / "reports"),
        "verify_warn_days": 14,
        "verify_exchange_shell": "session",
        "verify_trust": str(lab.directory / "trust" / "roots.pem"),
    }
    return partial(playbook, folder, lab.inventory, "ucops.certificates.verify", given)


def theirs(folder: Path, lab: LabProcess, product: str, collections: Path, switch: bool) -> Callable[[], Cost]:
    """The renewal that people write; ``switch``: whether it finds something to do."""
    vendor = lab.directory / "vendor"
    given = {
        "bench_pfx": str(next(vendor.glob("complete*.pfx"))),
        "bench_intermediate": str(lab.directory / "winrm-ca.pem"),  # a certificate of the usual size
        "bench_password": "not used: the stand-in opens nothing",
        "bench_thumbprint": "AB" * 20,
        "bench_switch": switch,
    }
    return partial(playbook, folder, lab.inventory, str(PLAYS / f"{product}.yml"), given, collections=collections)


def theirs_verified(folder: Path, lab: LabProcess, product: str, collections: Path) -> Callable[[], Cost]:
    """The reads that people write."""
    given = {"bench_group": product, "bench_reads": EDGE_READS if product == "edge" else EXCHANGE_READS}
    return partial(playbook, folder, lab.inventory, str(PLAYS / "verify.yml"), given, collections=collections)
