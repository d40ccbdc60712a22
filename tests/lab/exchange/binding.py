"""Parameter binding of Exchange cmdlets, strictly by Microsoft's metadata (``data/exchange_cmdlets.json``)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from ..member.cmdlets import COMMON, DATA, _check_sets, _name
from ..member.errors import BINDING, CallError
from ..member.values import Secure, Switch

#: AllowedServices in the order of their values, which is how the enumeration prints them.
SERVICES = ("IMAP", "POP", "UM", "IIS", "SMTP", "Federation", "UMCallRouter")
_STRINGS = ("String", "Fqdn", "X500DistinguishedName", "SmtpX509Identifier", "UMStartupMode")
_NULLABLE = ("String", "ExchangeCertificateIdParameter", "SmtpX509Identifier", "Fqdn", "MultiValuedProperty")


@lru_cache(maxsize=1)
def metadata() -> dict[str, Any]:
    """The cmdlets the lab plays, by name."""
    found: dict[str, Any] = json.loads(DATA.with_name("exchange_cmdlets.json").read_text("utf-8"))["cmdlets"]
    return found


def known(name: str, product: str) -> str | None:
    """The cmdlet's own spelling of ``name`` when the product version has it."""
    for cmdlet, facts in metadata().items():
        if cmdlet.casefold() == name.casefold() and product in facts["applicable"]:
            return str(cmdlet)
    return None


def parameters(cmdlet: str, product: str) -> dict[str, Any]:
    """Parameters of a cmdlet that this product version has."""
    facts = metadata()[cmdlet]
    return {n: p for n, p in facts["parameters"].items() if product in p.get("applicable", facts["applicable"])}


def bind(cmdlet: str, product: str, given: Mapping[str, Any], positional: Sequence[Any] = ()) -> dict[str, Any]:
    """Bind arguments. Returns parameter -> converted value. Raises CallError in PowerShell's shapes."""
    offered = parameters(cmdlet, product)
    bound: dict[str, Any] = {}
    for asked, value in given.items():
        if asked.casefold() in COMMON:
            continue
        name = _name(cmdlet, offered, asked)
        if name in bound:
            text = f"Cannot bind parameter because parameter '{name}' is specified more than once."
            raise _refused(text, f"ParameterAlreadyBound,{cmdlet}")
        bound[name] = value
    for place, value in enumerate(positional, 1):
        fitting = [n for n, p in offered.items() if p["position"] == str(place) and n not in bound]
        if not fitting:
            text = f"A positional parameter cannot be found that accepts argument '{value}'."
            raise _refused(text, f"PositionalParameterNotFound,{cmdlet}")
        bound["Thumbprint" if "Thumbprint" in fitting else fitting[0]] = value  # Thumbprint's is the default set
    bound = {n: convert(cmdlet, n, offered[n]["type"], v) for n, v in bound.items()}
    _check_sets(cmdlet, offered, bound)
    return bound


def _refused(text: str, fqid: str) -> CallError:
    return CallError(text, fqid, BINDING, "InvalidArgument")


def convert(cmdlet: str, name: str, wanted: str, value: Any) -> Any:
    """One argument as the parameter's type. Raises CallError (CannotConvertArgument...)."""
    if wanted == "SwitchParameter" and isinstance(value, (Switch, bool)):
        return bool(value)
    if wanted == "Boolean" and isinstance(value, (bool, int)) and not isinstance(value, Switch):
        return bool(value)
    if wanted == "Byte[]" and isinstance(value, bytes):
        return value
    if wanted == "SecureString" and isinstance(value, Secure):
        return value
    if value is None and wanted in _NULLABLE:
        return [] if wanted == "MultiValuedProperty" else None
    if wanted == "AllowedServices":
        return _services(cmdlet, name, value)
    if wanted == "MultiValuedProperty" and isinstance(value, (str, list)):
        return [str(v) for v in value] if isinstance(value, list) else [value]
    if wanted in ("Int32", "UInt32") and str(value).lstrip("-").isdigit() and not isinstance(value, bool):
        return int(value)
    if (wanted in _STRINGS or wanted.endswith("IdParameter")) and isinstance(value, (str, int)):
        return str(value)
    if wanted not in _STRINGS and isinstance(value, (str, int)) and not _played(wanted):
        return value
    raise cannot_convert(cmdlet, name, wanted, value)


def _played(wanted: str) -> bool:
    kinds = ("SwitchParameter", "Boolean", "Byte[]", "SecureString", "MultiValuedProperty", "Int32", "UInt32")
    return wanted in kinds


def cannot_convert(cmdlet: str, name: str, wanted: str, value: Any) -> CallError:
    """The error of an argument of the wrong type."""
    shown = str(value) if isinstance(value, (str, int, float, list)) else type(value).__name__
    text = f'Cannot bind parameter \'{name}\'. Cannot convert the value "{shown}" to type "{wanted}".'
    return _refused(text, f"CannotConvertArgumentNoMessage,{cmdlet}")


def _services(cmdlet: str, name: str, value: Any) -> list[str]:
    words = [w.strip() for v in (value if isinstance(value, list) else [value]) for w in str(v).split(",")]
    found = set()
    for word in words:
        match = next((s for s in (*SERVICES, "None") if s.casefold() == word.casefold()), None)
        if match is None:
            raise cannot_convert(cmdlet, name, "AllowedServices", word)
        found.add(match)
    return [s for s in SERVICES if s in found]
