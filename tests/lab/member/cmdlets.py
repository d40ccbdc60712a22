"""Parameter binding of product cmdlets, strictly by Microsoft's metadata (``data/cmdlets.json``)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any

from .errors import BINDING, CallError
from .values import Switch

DATA = Path(__file__).parent.parent / "data" / "cmdlets.json"
ALL_SETS = "(All)"
COMMON = frozenset(
    {"debug", "erroraction", "errorvariable", "outbuffer", "outvariable", "verbose", "warningaction", "warningvariable"}
)
#: CertType values of Set-CsCertificate's documentation ("include, but are not limited to").
CERT_TYPES = (
    "AccessEdgeExternal",
    "AudioVideoAuthentication",
    "DataEdgeExternal",
    "Default",
    "External",
    "Internal",
    "iPadAPNService",
    "iPhoneAPNService",
    "MPNService",
    "OAuthTokenIssuer",
    "PICWebService",
    "ProvisionService",
    "WebServicesExternal",
    "WebServicesInternal",
    "WsFedTokenTransfer",
    "XMPPServer",
)
#: How a date is typed by hand under en-US.
_TYPED_DATES = ("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y")


@lru_cache(maxsize=1)
def metadata() -> dict[str, Any]:
    """The cmdlets the lab plays, by name."""
    found: dict[str, Any] = json.loads(DATA.read_text("utf-8"))["cmdlets"]
    return found


def known(name: str, product: str) -> str | None:
    """The cmdlet's own spelling of ``name`` when the product version has it."""
    for cmdlet, facts in metadata().items():
        if cmdlet.casefold() == name.casefold() and product in facts["applicable"]:
            return str(cmdlet)
    return None


def parameters(cmdlet: str, product: str) -> dict[str, Any]:
    """Parameters of a cmdlet that this product version has."""
    return {n: p for n, p in metadata()[cmdlet]["parameters"].items() if product in p["applicable"]}


def bind(cmdlet: str, product: str, given: Mapping[str, Any], positional: Sequence[Any] = ()) -> dict[str, Any]:
    """Bind arguments. Returns parameter -> converted value. Raises CallError in PowerShell's shapes."""
    offered = parameters(cmdlet, product)
    bound: dict[str, Any] = {}
    for asked, value in given.items():
        if asked.casefold() in COMMON:
            continue
        name = _name(cmdlet, offered, asked)
        if name in bound:
            raise CallError(
                f"Cannot bind parameter because parameter '{name}' is specified more than once.",
                f"ParameterAlreadyBound,{cmdlet}",
                BINDING,
                "InvalidArgument",
            )
        bound[name] = value
    places = sorted((p["position"], n) for n, p in offered.items() if p["position"] != "Named" and n not in bound)
    for value in positional:
        if not places:
            raise CallError(
                f"A positional parameter cannot be found that accepts argument '{value}'.",
                f"PositionalParameterNotFound,{cmdlet}",
                BINDING,
                "InvalidArgument",
            )
        bound[places.pop(0)[1]] = value
    bound = {n: convert(cmdlet, n, offered[n]["type"], v) for n, v in bound.items()}
    _check_sets(cmdlet, offered, bound)
    return bound


def _name(cmdlet: str, offered: Mapping[str, Any], asked: str) -> str:
    low = asked.casefold()
    for name, facts in offered.items():
        if low in (name.casefold(), *(a.casefold() for a in facts["aliases"])):
            return name
    starting = [n for n in offered if n.casefold().startswith(low)]
    if len(starting) == 1:
        return starting[0]
    if starting:
        raise CallError(
            f"Parameter cannot be processed because the parameter name '{asked}' is ambiguous. "
            "Possible matches include: " + " ".join(f"-{n}" for n in starting) + ".",
            f"AmbiguousParameter,{cmdlet}",
            BINDING,
            "InvalidArgument",
        )
    raise CallError(
        f"A parameter cannot be found that matches parameter name '{asked}'.",
        f"NamedParameterNotFound,{cmdlet}",
        BINDING,
        "InvalidArgument",
    )


def _check_sets(cmdlet: str, offered: Mapping[str, Any], bound: Mapping[str, Any]) -> None:
    named = {s for p in offered.values() for s in p["sets"]} - {ALL_SETS}
    fitting = {
        s for s in named or {ALL_SETS} if all(s in offered[n]["sets"] or ALL_SETS in offered[n]["sets"] for n in bound)
    }
    missing = {
        s: [
            n
            for n, p in offered.items()
            if p["required"] and (s in p["sets"] or ALL_SETS in p["sets"]) and n not in bound
        ]
        for s in fitting
    }
    if any(not m for m in missing.values()):
        return
    if len(missing) == 1:
        names = " ".join(next(iter(missing.values())))
        raise CallError(
            f"Cannot process command because of one or more missing mandatory parameters: {names}.",
            f"MissingMandatoryParameter,{cmdlet}",
            BINDING,
            "InvalidArgument",
        )
    raise CallError(
        "Parameter set cannot be resolved using the specified named parameters.",
        f"AmbiguousParameterSet,{cmdlet}",
        BINDING,
        "InvalidArgument",
    )


def convert(cmdlet: str, name: str, wanted: str, value: Any) -> Any:
    """One argument as the parameter's type. Raises CallError (CannotConvertArgument...)."""
    kind = wanted.removesuffix("[]").rsplit(".", 1)[-1]
    if wanted.endswith("[]"):
        return [convert(cmdlet, name, kind, v) for v in (value if isinstance(value, list) else [value])]
    if kind == "SwitchParameter" and isinstance(value, (Switch, bool)):
        return bool(value)
    if kind == "DateTime":
        if isinstance(value, datetime):
            return value
        for form in _TYPED_DATES if isinstance(value, str) else ():
            try:
                return datetime.strptime(value, form).replace(tzinfo=timezone.utc)
            except ValueError:
                continue
    if kind == "CertType" and isinstance(value, str):
        for known_type in CERT_TYPES:
            if value.casefold() == known_type.casefold():
                return known_type
    if kind in ("String", "XdsIdentity", "XdsGlobalRelativeIdentity", "Fqdn") and isinstance(value, (str, int)):
        return str(value)
    raise CallError(
        f'Cannot bind parameter \'{name}\'. Cannot convert the value "{_shown(value)}" to type "{wanted}".',
        f"CannotConvertArgumentNoMessage,{cmdlet}",
        BINDING,
        "InvalidArgument",
    )


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, (str, int, float)) else type(value).__name__
