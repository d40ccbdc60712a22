# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter's own part: what goes in, and how it is refused. What comes out is tested with the chain builder."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.ucops.certificates.plugins.filter.chain_paths import FilterModule
from ansible_collections.ucops.certificates.plugins.plugin_utils.pki import deps
from ansible_collections.ucops.certificates.tests.unit.zoo import DAY, NOW, authority, issue

chain_paths = FilterModule().filters()["chain_paths"]
ROOT = authority("Root")
ISSUING = authority("Issuing", ROOT)
LEAF = issue(issuer=ISSUING)
AT = "2026-11-23T12:00:00Z"


def ok(*given: Any, **named: Any) -> bool:
    """Whether the best chain is good."""
    found: bool = chain_paths(*given, **named)[0]["ok"]
    return found


def test_pool_and_anchors_in_every_shape() -> None:
    """Lists, one text, several certificates in one text, the chain in the leaf's own text, octets."""
    assert ok(LEAF.pem, [ISSUING.pem], [ROOT.pem], AT)
    assert ok(LEAF.pem, ISSUING.pem, ROOT.pem, AT)
    assert ok(LEAF.pem, [ISSUING.pem + issue().pem], (ROOT.pem + ISSUING.pem,), AT)
    assert ok(LEAF.pem + ISSUING.pem, anchors=[ROOT.pem], at=AT)
    assert ok(LEAF.pem.encode(), iter([ISSUING.pem.encode()]), [ROOT.pem], AT, "client")
    assert not ok(LEAF.pem, None, None, AT)


@pytest.mark.parametrize("at", [
    "2026-11-23T12:00:00Z", "2026-11-23T12:00:00z", "2026-11-23T12:00:00", "2026-11-23 12:00:00+00:00",
    "2026-11-23T13:00:00+01:00", "2026-11-23T12:00:00.000Z", " 2026-11-23T12:00:00Z ", NOW, NOW.replace(tzinfo=None),
])  # fmt: skip
def test_instants(at: Any) -> None:
    """All of these are the same; judged to the second."""
    tight = issue(issuer=ISSUING, not_before=NOW, not_after=NOW)
    assert ok(tight.pem, [ISSUING.pem], [ROOT.pem], at)


def test_now_is_the_default() -> None:
    """Without an instant the clock is asked."""
    now = datetime.now(timezone.utc)
    root = authority("Root", not_before=now - DAY, not_after=now + DAY)
    assert ok(issue(issuer=root, not_before=now - DAY, not_after=now + DAY).pem, anchors=[root.pem])
    assert not ok(issue(issuer=root, not_before=now - 2 * DAY, not_after=now - timedelta(hours=1)).pem, [], [root.pem])


def test_odd_entries_of_a_pool_are_passed_over() -> None:
    """A store with one broken entry is still a store."""
    broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    assert ok(LEAF.pem, [broken, ISSUING.pem], [ROOT.pem, broken], AT)


@pytest.mark.parametrize(("given", "expected"), [
    (("no pem",), "PEM text with a certificate"),
    ((None,), "PEM text, found NoneType"),
    (({"a": 1},), "PEM text, found dict"),
    (("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",), "expected the certificate to judge to be a"),
    ((LEAF.pem, ["no pem"]), r"pool\[0\]"),
    ((LEAF.pem, [ISSUING.pem, 5]), r"pool\[1\] to be PEM text, found int"),
    ((LEAF.pem, 5), "pool to be a list"),
    ((LEAF.pem, {"a": 1}), "pool to be a list"),
    ((LEAF.pem, [], ["x"]), r"anchors\[0\]"),
    ((LEAF.pem, [], [], "tomorrow"), "ISO 8601"),
    ((LEAF.pem, [], [], 5), "ISO 8601"),
    ((LEAF.pem, [], [], AT, "mail"), "'server', 'client' or none, found 'mail'"),
])  # fmt: skip
def test_refused(given: tuple[Any, ...], expected: str) -> None:
    """What was expected, what was found, and of which filter it is."""
    with pytest.raises(AnsibleFilterError, match=expected) as caught:
        chain_paths(*given)
    assert "ucops.certificates.chain_paths" in str(caught.value)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to install."""
    monkeypatch.setattr(deps, "MISSING", "No module named 'cryptography'")
    with pytest.raises(AnsibleFilterError, match="pip install"):
        chain_paths(LEAF.pem)


WITHOUT = """
import importlib, sys
sys.modules["cryptography"] = None
for name in ("bundle", "pfx", "preflight", "blob", "chain"):
    importlib.import_module(f"ansible_collections.ucops.certificates.plugins.plugin_utils.pki.{name}")
module = importlib.import_module("ansible_collections.ucops.certificates.plugins.filter.chain_paths")
try:
    module.FilterModule().filters()["chain_paths"](sys.stdin.read())
except Exception as error:
    print(type(error).__name__, error)
"""


def test_everything_can_be_imported_without_the_library() -> None:
    """ansible-test imports every plugin where nothing is installed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], input=LEAF.pem, capture_output=True, text=True, env=environment, check=True
    )
    assert "expected the Python package 'cryptography'" in done.stdout
