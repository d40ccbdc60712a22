# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an admin is told about a request and the vendor's answer: what is there, and what to do next. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..products import rolled
from .plan import INTERNAL, SERVER, RequestOrder, answer_differences

PLAYBOOK = "ansible-playbook ucops.certificates.request -i INVENTORY"
VENDOR = "Ask for a server certificate with these names, in this order, signed with SHA-256"
WHOLE = "Take all that the vendor offers (the zip as it comes): it holds the intermediates"


def made_lines(order: RequestOrder, made: Mapping[str, Any], check: bool) -> tuple[str, ...]:
    """A request that was made, found again, or would be made; the request itself is not among the lines."""
    where = f"on {order.server}" if order.on == SERVER else "on this control node"
    how = ("would be made" if check else "made") if made["changed"] else "is there already"
    said = [f"request for {order.array}: {how}, {where}", *(f"  {line}" for line in made.get("changes") or ())]
    said += ["  names in their order:", *(f"    {name}" for name in order.names)]
    return (*said, *["  nothing was changed, so there is no request to show yet"] * (not made.get("csr")))


def next_lines(order: RequestOrder, file: str, key_file: str) -> tuple[str, ...]:
    """What to do with a request."""
    return ("what to do next", *_steps(_request_steps(order, file, key_file)))


def _request_steps(order: RequestOrder, file: str, key_file: str) -> list[str]:
    upload = f"upload {file}, or paste" if file else "paste"
    steps = [f"{upload} the lines above, BEGIN and END included, into the vendor's form. {VENDOR}."]
    if order.on == SERVER:
        steps.append(
            f"Leave the pending request on {order.server} alone: the private key is there and nowhere else. A second "
            "request has another key, and the vendor's answer fits only its own."
        )
        steps.append(f"{WHOLE}. Then, with the same variables: {PLAYBOOK} -e request_answer=PATH")
        if order.others:
            steps.append(
                f"After that the key has to get from {order.server} to {', '.join(order.others)}; the same playbook "
                "then says what to type."
            )
    else:
        steps.append(f"Keep {key_file} and its password: the answer is worth nothing without them.")
        steps.append(f"{WHOLE}. Then, with the same variables: {PLAYBOOK} -e request_answer=PATH")
    return steps


def staged_lines(
    order: RequestOrder, answered: Mapping[str, Any], names: Sequence[str], check: bool
) -> tuple[str, ...]:
    """The vendor's answer met its key on a server. ``names``: those of the certificate."""
    thumbprint = answered.get("staged")
    if not thumbprint:
        return (f"the answer fits a request that waits on {order.server}; nothing was changed",)
    how = ("would be imported" if check else "was imported") if answered["changed"] else "was imported already"
    said = [
        f"the answer {how} on {order.server}: {thumbprint}",
        f"  it lies with its key in the machine store {rolled(order.product).key_store}, where no service looks",
        *(f"  {line}" for line in answered.get("changes") or ()),
        *(f"  note: {text}" for text in (answer_differences(names, order.names) if names else ())),
    ]
    if not order.others:
        step = (
            f"Give it to the services: module ucops.certificates.exchange_services on {order.server} with thumbprint: "
            f"{thumbprint} and the list of services"
        )
        return (*said, "what to do next", *_steps([step]))
    others = ", ".join(order.others)
    if answered.get("exportable") is False:
        return (
            *said,
            f"the key on {order.server} may not be exported, so {others} can never get it, and an array with two "
            "certificates is none. Make a new request with request_exportable: true, or with request_on: controller, "
            "and have the vendor issue the certificate anew for it (most do that free of charge)",
        )
    return (*said, f"how the key gets to {others}", *_steps(_export_steps(order, str(thumbprint))))


def _export_steps(order: RequestOrder, thumbprint: str) -> list[str]:
    """certutil -exportPFX [CertificateStoreName] CertId PFXFile asks for the password and shows it nowhere."""
    product = rolled(order.product)
    file = f"C:\\Windows\\Temp\\{thumbprint[:8].lower()}.pfx"
    return [
        f"On {order.server}, in a command prompt opened as administrator: certutil -exportPFX {product.key_store} "
        f"{thumbprint} {file}   (it asks for a new password; choose a long one and keep it in the vault. 0x8009000b "
        "means that the key is not exportable)",
        f"Bring {file} to the control node over something encrypted, and delete it on {order.server}: it holds the "
        "private key.",
        f"Roll it out to all members, {order.server} included: {product.asks.renewal} with rollout_array: "
        f"{order.array} and rollout_bundles: {{external: {{path: the file, password: from the vault, extra_paths: "
        f"[{order.answer}]}}}}; first with --check --diff. The answer goes along for its intermediates.",
    ]


def bundle_lines(order: RequestOrder, leaf: Mapping[str, Any], answer: str, key_file: str) -> tuple[str, ...]:
    """The vendor's answer fits the key on the control node."""
    said = [
        f"the answer {answer} fits the key in {key_file}: {leaf['thumbprint']}",
        f"  {leaf['subject']}, valid {leaf['not_before']} to {leaf['not_after']}",
        f"  names: {', '.join(leaf['names'])}",
        *(f"  note: {text}" for text in answer_differences(leaf["names"], order.names)),
    ]
    use = "internal" if order.use == INTERNAL else "external"
    bundle = f"{{path: {answer}, key_path: {key_file}, password: the key's, from the vault}}"
    renew = rolled(order.product).asks.renewal
    step = (
        f"Roll it out: {renew} with rollout_array: {order.array} and rollout_bundles: {{{use}: {bundle}}}; first with "
        "--check --diff"
    )
    return (*said, "what to do next", *_steps([step]))


def _steps(steps: Sequence[str]) -> list[str]:
    return [f"  {number}. {step[0].upper()}{step[1:]}" for number, step in enumerate(steps, 1)]
