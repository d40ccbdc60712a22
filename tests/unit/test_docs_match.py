"""What is documented is what runs: options of modules against the specs that validate them, and role defaults too.

The documentation is read with ansible-doc, as a user reads it, fragments and all.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "ucops.certificates"
PACKAGE = f"ansible_collections.{COLLECTION}.plugins"
RULES = ("mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by")


def names(folder: str, suffixes: tuple[str, ...]) -> list[str]:
    """Return the plugin names of a folder below plugins/."""
    found = {path.stem for suffix in suffixes for path in (ROOT / "plugins" / folder).glob(f"*{suffix}")}
    return sorted(found - {"__init__"})


# remote_calls is the script that crosses WinRM: it has a page, but no options that Ansible validates.
MODULES = [name for name in names("modules", (".py", ".yml")) if name != "remote_calls"]
ACTIONS = names("action", (".py",))
FILTERS = names("filter", (".yml",))
ROLES = sorted(path.parents[1].name for path in ROOT.glob("roles/*/meta/argument_specs.yml"))


def collections_path() -> Path:
    """Return the folder that holds the `ansible_collections` that Python imports here."""
    package = importlib.import_module("ansible_collections.ucops.certificates.plugins")
    return Path(next(iter(package.__path__))).parents[3]


@cache
def documentation(kind: str, wanted: tuple[str, ...]) -> dict[str, Any]:
    """Return what ansible-doc says of the plugins, by their full names."""
    program = Path(sys.executable).with_name("ansible-doc")
    command = [str(program), "--json", "-t", kind, *(f"{COLLECTION}.{name}" for name in wanted)]
    environment = dict(os.environ, ANSIBLE_COLLECTIONS_PATH=str(collections_path()), ANSIBLE_NOCOLOR="1")
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def spec_of(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (argument spec, rules across options) of a module, from its action or from the module itself."""
    if name in ACTIONS:
        action = importlib.import_module(f"{PACKAGE}.action.{name}").ActionModule
        return action.ARGUMENT_SPEC, action.REQUIREMENTS
    module = importlib.import_module(f"{PACKAGE}.modules.{name}")
    return module.ARGUMENT_SPEC, getattr(module, "REQUIREMENTS", {})


def differences(documented: dict[str, Any], spec: dict[str, Any], where: str = "") -> list[str]:
    """Return a line for each thing that documentation and spec say differently."""
    found = [f"{where}{name}: not documented" for name in sorted(spec.keys() - documented.keys())]
    found += [f"{where}{name}: documented, but no option" for name in sorted(documented.keys() - spec.keys())]
    for name in sorted(spec.keys() & documented.keys()):
        says, does = documented[name], spec[name]
        pairs = {
            "type": (says.get("type", "str"), does.get("type", "str")),
            "elements": (says.get("elements"), does.get("elements")),
            "required": (bool(says.get("required", False)), bool(does.get("required", False))),
            "default": (says.get("default"), does.get("default")),
            "choices": (sorted(says.get("choices") or [], key=str), sorted(does.get("choices") or [], key=str)),
            "aliases": (sorted(says.get("aliases") or []), sorted(does.get("aliases") or [])),
        }
        for what, (text, code) in pairs.items():
            if text != code:
                found.append(f"{where}{name}: {what} is documented as {text!r}, validated as {code!r}")
        if not says.get("description"):
            found.append(f"{where}{name}: no description")
        inner = differences(says.get("suboptions") or {}, does.get("options") or {}, f"{where}{name}.")
        found += inner
    return found


@pytest.mark.parametrize("name", MODULES)
def test_options_are_documented_as_they_are_validated(name: str) -> None:
    """Names, types, defaults, choices and sub-options are the same in the documentation and in the spec."""
    doc = documentation("module", tuple(MODULES))[f"{COLLECTION}.{name}"]["doc"]
    spec, rules = spec_of(name)
    assert not differences(doc.get("options") or {}, spec)
    assert set(rules) <= set(RULES), "validate_argument_spec knows no other rules"


def test_every_action_is_documented_and_every_module_runs() -> None:
    """An action without a module beside it has no documentation; a documentation alone does nothing."""
    assert set(ACTIONS) <= set(MODULES)
    for name in set(MODULES) - set(ACTIONS):
        source = ROOT / "plugins" / "modules" / f"{name}.py"
        assert source.is_file() and "AnsibleModule" in source.read_text(), f"{name} has neither an action nor a module"


def test_the_action_group_holds_what_a_playbook_may_use() -> None:
    """Every module but those that only the roles of this collection call."""
    groups = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["action_groups"]
    internal = ("rollout_", "request_", "verify_")
    assert groups == {"certificates": [name for name in MODULES if not name.startswith(internal)]}


@pytest.mark.parametrize("name", MODULES)
def test_each_module_says_what_it_promises(name: str) -> None:
    """Short description, examples under the full name, return values, and what becomes of check mode and diff."""
    entry = documentation("module", tuple(MODULES))[f"{COLLECTION}.{name}"]
    assert entry["doc"]["short_description"]
    assert entry["doc"]["author"]
    assert f"{COLLECTION}.{name}:" in (entry["examples"] or ""), "no example uses the full name"
    assert entry["return"], "no return values are documented"
    assert {"check_mode", "diff_mode"} <= set(entry["doc"].get("attributes") or {}), "attributes are missing"


@pytest.mark.parametrize("name", MODULES)
def test_secret_options_are_marked(name: str) -> None:
    """An option that carries a key or a password is never shown."""
    spec, dummy = spec_of(name)

    def unmarked(options: dict[str, Any]) -> list[str]:
        found = [key for key, one in options.items() if "password" in key and not one.get("no_log")]
        return found + [key for one in options.values() for key in unmarked(one.get("options") or {})]

    assert not unmarked(spec)


@pytest.mark.parametrize("name", FILTERS)
def test_filters_are_documented(name: str) -> None:
    """ansible-doc shows each filter with examples and what it returns."""
    entry = documentation("filter", tuple(FILTERS))[f"{COLLECTION}.{name}"]
    assert entry["doc"]["short_description"] and entry["examples"] and entry["return"]


@pytest.mark.parametrize("role", ROLES)
def test_role_defaults_are_those_documented(role: str) -> None:
    """Each default of a role is a documented variable, with the same value; each documented default is really set."""
    folder = ROOT / "roles" / role
    options = yaml.safe_load((folder / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    path = folder / "defaults" / "main.yml"
    defaults = (yaml.safe_load(path.read_text()) if path.is_file() else None) or {}
    assert not sorted(defaults.keys() - options.keys()), "in defaults/main.yml, but not documented"
    documented = {name: option["default"] for name, option in options.items() if "default" in option}
    assert documented == {name: value for name, value in defaults.items() if name in documented}
    assert not sorted(name for name in options if not name.startswith(f"{role}_")), "not prefixed with the role's name"
