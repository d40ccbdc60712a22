# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a member shall have, and the chains of it as a report draws them."""

from __future__ import annotations

from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.chain import chain_paths
from ansible_collections.ucops.certificates.plugins.plugin_utils.stores.pictures import picture
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import NEW, wanted
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    ACCESS,
    INTERNAL,
    internal,
    issuing,
    new,
    root,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW


def test_a_chain_is_drawn_with_what_is_missing_at_its_end() -> None:
    whole = chain_paths(new().certificate, [issuing().certificate], [root().certificate], NOW, "server")[0]
    drawn = picture(whole, (ACCESS,))
    assert [link.role for link in drawn.path] == ["leaf", "intermediate", "root"]
    assert drawn.ok and drawn.missing == () and drawn.path[0].thumbprint == NEW and drawn.uses == (ACCESS,)
    broken = picture(chain_paths(new().certificate, [], [root().certificate], NOW, "server")[0], ())
    assert not broken.ok and broken.missing == ("Contoso Issuing CA",)


def test_wanted_counts_each_leaf_once() -> None:
    several = wanted()
    assert several.leaves == (new().certificate,) and several.thumbprints == (NEW,)
    both = type(several)({ACCESS: new().certificate, INTERNAL: internal().certificate})
    assert len(both.leaves) == 2
    twice = type(several)(several.uses, several.keys, {"a": (issuing().certificate,), "b": (issuing().certificate,)})
    assert twice.stores.intermediates == (issuing().certificate,), "installed once, wanted by two"
