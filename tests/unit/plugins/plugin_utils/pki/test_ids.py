# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks say and what the documentation lists are the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.catalogue import CATALOGUE

PKI = Path(__file__).parents[5] / "plugins" / "plugin_utils" / "pki"


@pytest.mark.parametrize("module", sorted(PKI.glob("*.py")), ids=lambda path: path.stem)
def test_every_id_is_in_the_catalogue(module: Path) -> None:
    """What the checks say and what the documentation lists are the same ids."""
    said = set(re.findall(r'"((?:leaf|names|chain|friendly-name)\.[a-z0-9-]+)"', module.read_text(encoding="utf-8")))
    said |= {f"chain.{id}" for id in re.findall(r'finding\("([a-z-]+)"', module.read_text(encoding="utf-8"))}
    said |= {f"bundle.{id}" for id in re.findall(r'refused\("([a-z0-9-]+)"', module.read_text(encoding="utf-8"))}
    assert not said - set(CATALOGUE)
