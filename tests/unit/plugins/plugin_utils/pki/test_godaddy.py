# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one vendor really delivered in 2017, judged as of then. The files are not part of this repository."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.bundle import BundleError, open_bundle
from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.certificate import Certificate, load_pem
from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.chain import chain_paths
from ansible_collections.ucops.certificates.tests.unit.deliveries import zipped

from .test_certificate import system_roots

THEN = datetime(2018, 1, 1, tzinfo=timezone.utc)
BESIDE = Path(__file__).resolve().parents[6] / "shared" / "data"
FOLDER = Path(os.environ.get("UCOPS_VENDOR_DATA", str(BESIDE))) / "godaddy"
FILES = ("ccff764677002767.crt", "gd_bundle-g2-g1.crt")

pytestmark = pytest.mark.skipif(
    not all((FOLDER / name).is_file() for name in FILES),
    reason="the vendor's files are not here; UCOPS_VENDOR_DATA names the folder with godaddy/ in it",
)


def delivery() -> tuple[Certificate, list[Certificate]]:
    """The leaf and what came with it."""
    leaf, rest = (load_pem((FOLDER / name).read_bytes()) for name in FILES)
    return leaf[0], rest


def root_g2() -> Certificate:
    """The self-signed root, out of this machine's list."""
    found = [one for one in system_roots() if one.common_name == "Go Daddy Root Certificate Authority - G2"]
    if not found:
        pytest.skip("this machine does not trust the vendor's root")
    return found[0]


def test_delivered_chain_leads_to_the_old_root() -> None:
    """By itself: issuing CA, the root as signed by Class 2, Class 2."""
    leaf, (issuing, cross, class2) = delivery()
    paths = chain_paths(leaf, [issuing, cross, class2], [class2], THEN)
    assert [path.certificates for path in paths] == [(leaf, issuing, cross, class2)]
    assert paths[0].ok


def test_two_chains_and_the_shorter_first() -> None:
    """With both roots trusted, as on Windows."""
    leaf, (issuing, cross, class2) = delivery()
    g2 = root_g2()
    paths = chain_paths(leaf, [issuing, cross, class2], [class2, g2], THEN)
    assert [path.certificates for path in paths] == [(leaf, issuing, g2), (leaf, issuing, cross, class2)]
    assert all(path.ok for path in paths)


def test_the_missing_intermediate_is_named() -> None:
    """What happened in 2013."""
    leaf, (_, cross, class2) = delivery()
    paths = chain_paths(leaf, [cross, class2], [class2, root_g2()], THEN)
    assert [finding.id for finding in paths[0].findings] == ["chain.issuer-missing"]
    assert "Go Daddy Secure Certificate Authority - G2" in paths[0].findings[0].text
    assert "40C2BD278ECC348330A233D7FB6CB3F0B42C80CE" in paths[0].findings[0].text


def test_expired_today() -> None:
    """The leaf alone."""
    leaf, rest = delivery()
    paths = chain_paths(leaf, rest, rest[-1:], datetime(2026, 11, 23, tzinfo=timezone.utc))
    assert {(finding.id, finding.depth) for finding in paths[0].findings} == {("chain.expired", 0)}


def test_as_a_zip_without_its_key() -> None:
    """The leaf is found under its odd name; the key never comes from the vendor."""
    data = zipped({name: (FOLDER / name).read_bytes() for name in FILES})
    with pytest.raises(BundleError, match="greenroutesdk") as caught:
        open_bundle("vendor.zip", data)
    assert caught.value.id == "bundle.no-key"
