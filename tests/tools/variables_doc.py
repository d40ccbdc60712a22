"""Write docs/variables.md from the argument specs of the roles: `python tests/tools/variables_doc.py`.

Descriptions, types and defaults stand in the argument specs, which Ansible itself validates; here is only the order in
which a reader wants them. A unit test holds the page equal to what this writes.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "variables.md"

INTRODUCTION = """\
# Variables

<!-- Written by tests/tools/variables_doc.py from roles/*/meta/argument_specs.yml. Do not edit. -->

`renew_edge_pool`, `renew_exchange`, `settle` and `rollback` take the same variables; `request` has
[its own](#the-request); `verify` and `expiry` take
[those of a verification](#verification). A value that is not of the right kind is refused before any member is touched.
(`hostcheck` has its own two: `hostcheck_hosts`, a pattern, and `hostcheck_product`, `edge`, `frontend` or `none`.)

**Where to set them.** The first and the last play of each playbook run on localhost, which is no member of the array:
the `group_vars` of the array's own group are not seen there. Set the variables with `-e @renewal.yml` or in
`group_vars/all.yml`. Only `rollout_endpoints` and `verify_endpoints` belong to the members: in the inventory or in
their `host_vars`.

Passwords and keys: keep them in an Ansible vault or a lookup, and refer to them, as in
`password: "{{ vault_key_password }}"`. They are marked as secret; no report and no journal holds them.
"""

Section = tuple[str, str, tuple[str, ...]]

ROLLOUT: tuple[Section, ...] = (
    ("What is renewed", "", ("rollout_bundles", "rollout_names", "rollout_trust", "rollout_install_root")),
    (
        "Which servers",
        "",
        ("rollout_array", "rollout_arrays", "rollout_waves", "rollout_site", "rollout_size", "rollout_excluded"),
    ),
    ("What was approved", "How: [rollout.md](rollout.md#the-plan-that-was-approved).", ("rollout_expect_plan",)),
    (
        "A/V authentication",
        "Why its certificate is rolled and not replaced: [rollout.md](rollout.md#roll).",
        ("rollout_av", "rollout_roll_at", "rollout_roll_hours", "rollout_allow_call_drop", "rollout_cancel_roll"),
    ),
    (
        "Draining",
        "",
        ("rollout_drain_seconds", "rollout_drain_poll_seconds", "rollout_drain_expired"),
    ),
    (
        "Exchange",
        "Only renew_exchange reads them: [exchange.md](exchange.md).",
        (
            "rollout_services",
            "rollout_default_smtp",
            "rollout_pop_name",
            "rollout_imap_name",
            "rollout_restart",
            "rollout_require_ssl",
            "rollout_shell",
            "rollout_edge_subscription",
        ),
    ),
    (
        "Around each member",
        "Files of tasks of your own, such as those for a load balancer.",
        ("rollout_before_member", "rollout_after_member"),
    ),
    (
        "When it cannot wait",
        "The page to print: [emergency.md](emergency.md).",
        ("rollout_emergency",),
    ),
    (
        "When something fails",
        "",
        ("rollout_on_failure", "rollout_window_hours", "rollout_take_over", "rollout_completed"),
    ),
    (
        "Looking at ports and events",
        "",
        ("rollout_endpoints", "rollout_vantage_host", "rollout_probe_timeout", "rollout_event_hours"),
    ),
    ("Output", "", ("rollout_report_dir", "rollout_show_calls")),
    ("Set by the playbooks", "Not meant to be set by you.", ("rollout_product", "rollout_purpose")),
)
VERIFY: tuple[Section, ...] = (
    (
        "Verification",
        "How a verification works: [verify.md](verify.md).",
        (
            "verify_edge_arrays",
            "verify_exchange_arrays",
            "verify_frontend_arrays",
            "verify_excluded",
            "verify_exchange_shell",
        ),
    ),
    (
        "Verification: ports",
        "",
        (
            "verify_endpoints",
            "verify_front_ends",
            "verify_without_sni",
            "verify_vantage_hosts",
            "verify_wire_only",
            "verify_probe_timeout",
            "verify_probe_workers",
            "verify_trust",
            "verify_internal_trust",
        ),
    ),
    (
        "Verification: what is a finding",
        "",
        (
            "verify_names",
            "verify_warn_days",
            "verify_error_days",
            "verify_event_hours",
            "verify_exportable",
            "verify_accept",
            "verify_fail_on",
            "verify_only",
        ),
    ),
    ("Verification: output", "", ("verify_report_dir", "verify_textfile", "verify_compare_with")),
)
REQUEST: tuple[Section, ...] = (
    (
        "The request",
        "How a request is made and answered: [request.md](request.md).",
        ("request_product", "request_array", "request_excluded", "request_on", "request_server", "request_shell"),
    ),
    (
        "The request: what is asked for",
        "",
        (
            "request_names",
            "request_subject",
            "request_key_size",
            "request_exportable",
            "request_friendly_name",
            "request_use",
            "request_check_names",
            "request_accept_missing",
        ),
    ),
    (
        "The request: files",
        "",
        ("request_file", "request_key_file", "request_key_password", "request_answer"),
    ),
)
ROLES: tuple[tuple[str, tuple[Section, ...]], ...] = (("rollout", ROLLOUT), ("request", REQUEST), ("verify", VERIFY))
"""Every role with variables, in the order in which the page has them."""


def sentence(option: dict[str, Any]) -> str:
    """Return the description of a variable or key as one line; variables and choices in it are marked as code."""
    description = option["description"]
    parts = description if isinstance(description, list) else [description]
    text = " ".join(" ".join(str(part).split()) for part in parts if part)
    variables = [f"{role}_[a-z_]+" for role, _sections in ROLES]
    words = "|".join([*variables, *(re.escape(str(choice)) for choice in option.get("choices") or ())])
    text = re.sub(rf"(?<![\w.])({words})(?!\w|\.yml)", r"`\1`", text)
    return (text if text.endswith((".", ")")) else f"{text}.").replace("|", "\\|")


def shown(value: Any) -> str:
    """Return a default as a user would write it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def kind(option: dict[str, Any]) -> str:
    """Return type, choices and whether it is demanded, in a few words."""
    name = str(option.get("type", "str"))
    if name == "list":
        name = f"list of {option.get('elements', 'str')}"
    words = [" \\| ".join(f"`{choice}`" for choice in option["choices"]) if option.get("choices") else name]
    words += ["required"] * bool(option.get("required")) + ["secret"] * bool(option.get("no_log"))
    return ", ".join(words)


def rows(options: dict[str, Any]) -> list[str]:
    """Return the rows of a table of sub-options."""
    lines = ["| key | | default | |", "|---|---|---|---|"]
    for name, option in options.items():
        default = f"`{shown(option['default'])}`" if "default" in option else ""
        lines.append(f"| `{name}` | {kind(option)} | {default} | {sentence(option)} |")
    return lines


def variable(name: str, option: dict[str, Any]) -> list[str]:
    """Return one variable: heading, type and default, description, its keys."""
    default = f"default `{shown(option['default'])}`" if "default" in option else "not set by default"
    lines = [f"### `{name}`", "", f"{kind(option)}; {default}", "", sentence(option), ""]
    inner = option.get("options") or {}
    if not inner:
        return lines
    alike = {key: one for key, one in inner.items() if one.get("options")}
    if not alike:
        return [*lines, *rows(inner), ""]
    lines += [f"* `{key}`: {sentence(one)}" for key, one in alike.items()]
    first = next(iter(alike.values()))["options"]
    if any(one["options"] != first for one in alike.values()):
        raise SystemExit(f"{name}: its keys take different options; teach {Path(__file__).name} to say so")
    return [*lines, "", "Each takes:", "", *rows(first), ""]


def options_of(role: str) -> dict[str, Any]:
    """Return the documented variables of a role."""
    specs = ROOT / "roles" / role / "meta" / "argument_specs.yml"
    found: dict[str, Any] = yaml.safe_load(specs.read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
    return found


def page() -> str:
    """Return the whole page. Raises SystemExit when a variable has no place in the sections of its role."""
    lines = [INTRODUCTION]
    for role, sections in ROLES:
        options = options_of(role)
        placed = [name for _, _, names in sections for name in names]
        astray = sorted(set(options) ^ set(placed)) + sorted(name for name in placed if placed.count(name) > 1)
        if astray:
            where = f"the sections of {role} in {Path(__file__).name}"
            raise SystemExit(f"expected each variable once in {where}, found {', '.join(astray)}")
        for title, words, names in sections:
            lines += [f"## {title}", ""] + ([words, ""] if words else [])
            for name in names:
                lines += variable(name, options[name])
    return "\n".join(lines).rstrip("\n") + "\n"


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
