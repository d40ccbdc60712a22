# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One phase of a rollout on one member; the role's tasks call it. See the module of the same name for its
documentation."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.ucops.certificates.plugins.plugin_utils.array.phase import PHASES, GateRefused, run_phase
from ansible_collections.ucops.certificates.plugins.plugin_utils.array.wanted import bundles_by_leaf, wanted_for
from ansible_collections.ucops.certificates.plugins.plugin_utils.base import CertificateAction, Stop, aware, utc_now
from ansible_collections.ucops.certificates.plugins.plugin_utils.inputs import BUNDLE_SPEC, load_delivery
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.conversation import Conversation
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.drain import Clock
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.evidence import Evidence
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.settings import Settings
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.stop import PhaseFailed
from ansible_collections.ucops.certificates.plugins.plugin_utils.plain import PlainError
from ansible_collections.ucops.certificates.plugins.plugin_utils.products import rolled
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import CallError

BUNDLE = {"type": "dict", "options": BUNDLE_SPEC}


class ActionModule(CertificateAction):
    """Options in, phase, evidence out."""

    ARGUMENT_SPEC = {
        "phase": {"type": "str", "required": True, "choices": list(PHASES)},
        "member": {"type": "str", "required": True},
        "settings": {"type": "dict", "required": True},
        "bundles": {"type": "dict", "options": {"external": BUNDLE, "av": BUNDLE, "internal": BUNDLE}},
        "evidence": {"type": "dict", "default": {}},
        "gate": {"type": "dict", "default": {}},
        "since": {"type": "str"},
        "stage": {"type": "bool", "default": False},
    }
    _requires_connection = True

    def act(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Runs the phase; a failure brings along what the member said after it."""
        try:
            settings = Settings.from_dict(options["settings"])
        except ValueError as error:
            raise Stop(str(error)) from None
        given = {name: spec for name, spec in (options["bundles"] or {}).items() if spec}
        deliveries = [load_delivery(name, spec, settings.trust) for name, spec in given.items()]
        product = rolled(settings.product)
        own = product.own(settings.own)
        root = settings.install_root
        member = Conversation(
            host=self.host(task_vars),
            member=options["member"],
            settings=settings,
            product=product,
            own=own,
            wanted=wanted_for(deliveries, product, own, utc_now(), root) if deliveries else None,
            clock=Clock(utc_now, time.monotonic, time.sleep),
            tell=self.tell,
            one_time_password=lambda: secrets.token_urlsafe(24),
            bundles=bundles_by_leaf(deliveries),
        )
        since = aware(options["since"], "since") if options["since"] else None
        try:
            result = run_phase(
                options["phase"],
                member,
                Evidence.from_plain(options["evidence"]) if options["evidence"] else None,
                options["gate"],
                self.check_mode,
                since=since,
                stage=options["stage"],
            )
        except (PlainError, CallError) as error:
            raise Stop(f"What is known of {member.member} cannot be read ({error}). Start the playbook again") from None
        except GateRefused as refused:
            raise Stop(str(refused), member=member.member, finding="gate.missing") from None
        except PhaseFailed as failed:
            known = {"member": member.member, "evidence": failed.evidence.to_plain() if failed.evidence else {}}
            raise Stop(str(failed), **known, **({"finding": failed.finding} if failed.finding else {})) from None
        changes = result.get("changes", [])
        header = member.member
        lines = "".join(f"{line}\n" for line in changes)
        return result | {
            "member": header,
            "diff": {"before_header": header, "after_header": header, "before": "", "after": lines},
        }
