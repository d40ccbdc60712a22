# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""bundle_info: what is in a vendor's delivery, looked at on the controller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..plugin_utils.base import CertificateAction, aware, utc_now
from ..plugin_utils.findings.finding import from_problem, in_order
from ..plugin_utils.inputs import BUNDLE_SPEC, load_delivery
from ..plugin_utils.pki.chain import chain_paths
from ..plugin_utils.pki.preflight import check_bundle
from ..plugin_utils.products import PRODUCTS
from ..plugin_utils.products.interface import can_roll
from ..plugin_utils.stores.shown import certificate_row

WILDCARDS = {product.name: product.wildcards for product in PRODUCTS.values() if can_roll(product)}
"""Product that takes a bundle -> whether every version of it takes a wildcard."""


class ActionModule(CertificateAction):
    """Opens a bundle and shows its public parts."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        **BUNDLE_SPEC,
        "names": {"type": "list", "elements": "str", "default": []},
        "product": {"type": "str", "choices": [*WILDCARDS, "none"], "default": "none"},
        "at": {"type": "str"},
    }

    def act(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """See plugins/modules/bundle_info.yml."""
        at = aware(options["at"], "at") if options["at"] else utc_now()
        delivery = load_delivery("bundle", options, "system")
        bundle = delivery.bundle
        pool = (*bundle.intermediates, *bundle.roots)
        paths = chain_paths(bundle.leaf, pool, delivery.trust, at, "server")
        problems = check_bundle(
            bundle,
            at,
            delivery.friendly_name,
            trust=delivery.trust,
            required=options["names"],
            wildcards=WILDCARDS.get(options["product"], True),
        )
        findings = in_order(from_problem(problem) for problem in problems)
        return {
            "changed": False,
            "source": bundle.source,
            "notes": [note.text for note in bundle.notes],
            "leaf": certificate_row(bundle.leaf),
            "intermediates": [certificate_row(c) for c in bundle.intermediates],
            "roots": [certificate_row(c) for c in bundle.roots],
            "paths": [path.plain() for path in paths],
            "findings": [finding.to_dict() for finding in findings],
            "usable": not any(finding.stops for finding in findings),
        }
