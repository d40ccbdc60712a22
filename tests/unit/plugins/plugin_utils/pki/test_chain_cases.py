# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every hard case, asked of the chain builder, of the filter, and of two others who were not written here."""

from __future__ import annotations

import subprocess
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509 import verification

from ansible_collections.ucops.certificates.plugins.filter.chain_paths import chain_paths_filter
from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.chain import Path as Chain
from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.chain import chain_paths
from ansible_collections.ucops.certificates.tests.unit.zoo import Issued

from . import cases_odd, cases_paths, cases_rules, cases_twins
from .chain_case import CASES, Case

LISTS = (cases_odd, cases_paths, cases_rules, cases_twins)
FACES = {"server": "sslserver", "client": "sslclient"}


@cache
def made(name: str) -> Case:
    """The case, made once, so that every judge sees the same certificates."""
    return CASES[name]()


def ours(case: Case, leaf: Issued | None = None) -> Sequence[Chain]:
    """The chain builder's answer."""
    pool, anchors = ([one.certificate for one in some] for some in (case.pool, case.anchors))
    return chain_paths((leaf or case.leaf).certificate, pool, anchors, case.at, case.purpose)


def openssl_accepts(
    folder: Path, case: Case, pool: Sequence[Issued] | None = None, anchors: Sequence[Issued] | None = None
) -> tuple[bool, str]:
    """What ``openssl verify`` says, with the strength of algorithms that current clients ask for."""
    command = ["openssl", "verify", "-no-CAfile", "-no-CApath", "-no-CAstore", "-partial_chain", "-auth_level", "2",
               "-attime", str(int(case.at.timestamp()))]  # fmt: skip
    if case.purpose:
        command += ["-purpose", FACES[case.purpose]]
    for option, certificates in (
        ("-untrusted", case.pool if pool is None else pool), ("-trusted", case.anchors if anchors is None else anchors)
    ):  # fmt: skip
        file = folder / f"{option[1:]}.pem"
        file.write_text("".join(one.pem for one in certificates))
        if certificates:
            command += [option, str(file)]
    leaf = folder / "leaf.pem"
    leaf.write_text(case.leaf.pem)
    done = subprocess.run([*command, str(leaf)], capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def library_accepts(case: Case) -> bool:
    """What the verifier of ``cryptography`` says; it is stricter than Windows in many ways."""
    if not hasattr(verification, "ExtensionPolicy"):
        pytest.skip("the verifier of cryptography before version 45 judges otherwise")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            store = verification.Store([x509.load_der_x509_certificate(one.der) for one in case.anchors])
            pool = [x509.load_der_x509_certificate(one.der) for one in case.pool]
            leaf = x509.load_der_x509_certificate(case.leaf.der)
            builder = verification.PolicyBuilder().store(store).time(case.at)
            builder.build_client_verifier().verify(leaf, pool) if case.purpose == "client" else (
                builder.build_server_verifier(x509.DNSName(case.leaf.certificate.dns_names[0])).verify(leaf, pool)
            )
        except (ValueError, IndexError, verification.VerificationError):
            return False
    return True


def test_there_are_enough_of_them() -> None:
    """Lists are imported for what they put on the list."""
    assert all(module.__doc__ for module in LISTS)
    assert len(CASES) >= 100


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    """The best chain has exactly the findings expected, and is fine when there are none."""
    case = made(name)
    paths = ours(case)
    best = paths[0]
    assert {finding.id for finding in best.findings} == {f"chain.{id}" for id in case.findings}, best.findings
    assert best.ok == case.ok
    assert all(path.ok == (not path.findings) for path in paths)
    assert (best.anchor is not None) or not best.ok
    if case.length is not None:
        assert len(best.certificates) == case.length
    if case.paths is not None:
        assert len(paths) == case.paths


@pytest.mark.parametrize("name", CASES)
def test_case_through_the_filter(name: str) -> None:
    """The filter says the same in plain data."""
    case = made(name)
    rows = chain_paths_filter(
        case.leaf.pem, pool=[one.pem for one in case.pool], anchors=[one.pem for one in case.anchors],
        at=case.at.isoformat().replace("+00:00", "Z"), purpose=case.purpose,
    )  # fmt: skip
    assert rows == [path.plain() for path in ours(case)]
    assert all(set(row) == {"subjects", "sha256", "anchor", "ok", "findings"} for row in rows)
    for finding in rows[0]["findings"]:
        assert finding["text"].isprintable()
        assert rows[0]["subjects"][finding["depth"]] == finding["subject"]


@pytest.mark.parametrize("name", CASES)
def test_openssl_agrees(name: str, tmp_path: Path) -> None:
    """OpenSSL accepts exactly what we accept, but where the case says why not; and then it does not agree either."""
    case = made(name)
    accepted, said = openssl_accepts(tmp_path, case)
    if case.openssl:
        assert accepted != case.ok, f"{case.openssl}: not so, it says {said}"
    else:
        assert accepted == case.ok, said


@pytest.mark.parametrize("name", CASES)
def test_whatever_the_strict_library_accepts_is_accepted(name: str) -> None:
    """A second opinion: being laxer than it is meant, being stricter would refuse what works."""
    case = made(name)
    if library_accepts(case):
        assert ours(case)[0].ok or case.library
    else:
        assert not case.library
