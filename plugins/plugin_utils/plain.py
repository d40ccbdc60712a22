# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frozen dataclasses to plain data (what JSON and Ansible facts can carry) and back.

Reading is tolerant where it can be and loud where it cannot: unknown fields are ignored (a newer minor version may have
written them), a missing field without a default or a value of the wrong kind raises :class:`PlainError` that names the
place (``members[2].wire[0].port``). Datetimes become ISO-8601 UTC text ending in ``Z``.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime, timezone
from functools import cache
from typing import Any, TypeVar, cast

from .errors import CollectionError

T = TypeVar("T")


class PlainError(CollectionError, ValueError):
    """Plain data that does not have the shape asked for; the message names the place."""


def iso(moment: datetime) -> str:
    """An aware datetime as ISO-8601 UTC with ``Z``; fractions of a second only where there are some.

    Raises ValueError for a naive datetime: an instant without a zone is not an instant.
    """
    if moment.tzinfo is None:
        raise ValueError(f"an instant needs a time zone, got {moment!r}")
    return moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def instant(text: str) -> datetime:
    """The aware UTC datetime of ISO-8601 text; text without a zone is refused with ValueError."""
    moment = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    if moment.tzinfo is None:
        raise ValueError(f"an instant needs a time zone, got {text!r}")
    return moment.astimezone(timezone.utc)


def to_plain(value: Any) -> Any:
    """Dataclasses, mappings, sequences, sets and datetimes as dict, list and scalars; TypeError for anything else."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, datetime):
        return iso(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(to_plain(item) for item in value)
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return [to_plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} cannot become plain data")


def from_plain(cls: type[T], data: Any, where: str = "") -> T:
    """A dataclass out of plain data, checked against its type hints; see the module's text for what is tolerated."""
    if isinstance(data, cls):
        return data
    if not isinstance(data, Mapping):
        raise PlainError(f"{where or cls.__name__}: expected a mapping, found {_shown(data)}")
    hints = _hints(cast(Hashable, cls))
    values: dict[str, Any] = {}
    for field in fields(cls):  # type: ignore[arg-type]  # T is a dataclass by contract
        place = f"{where}.{field.name}" if where else field.name
        if field.name in data:
            values[field.name] = _convert(hints[field.name], data[field.name], place)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise PlainError(f"{place}: missing")
    return cls(**values)


@cache
def _hints(cls: Hashable) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _convert(kind: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Union or origin is types.UnionType:
        if value is None and type(None) in arguments:
            return None
        return _convert(next(item for item in arguments if item is not type(None)), value, where)
    if origin is typing.Literal:
        if value not in arguments:
            raise PlainError(f"{where}: expected one of {', '.join(map(str, arguments))}, found {_shown(value)}")
        return arguments[arguments.index(value)]
    if origin is tuple:
        if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
            raise PlainError(f"{where}: expected a list, found {_shown(value)}")
        return tuple(_convert(arguments[0], item, f"{where}[{index}]") for index, item in enumerate(value))
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise PlainError(f"{where}: expected a mapping, found {_shown(value)}")
        return {str(key): _convert(arguments[1], item, f"{where}[{key}]") for key, item in value.items()}
    if is_dataclass(kind):
        return from_plain(cast(type, kind), value, where)
    return _scalar(kind, value, where)


def _scalar(kind: Any, value: Any, where: str) -> Any:
    if kind is Any or kind is object:
        return value
    if kind is datetime:
        if isinstance(value, datetime):
            return value
        try:
            return instant(value)
        except ValueError as error:
            raise PlainError(f"{where}: expected an ISO-8601 instant with its zone, found {_shown(value)}") from error
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind in (int, float) and isinstance(value, bool)):
        raise PlainError(f"{where}: expected {kind.__name__}, found {_shown(value)}")
    return value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def loosely(cls: type[T], data: Mapping[str, Any], prefix: str) -> T:
    """A flat dataclass out of options as templates leave them: a number or a truth may be its text (ansible-core up to
    2.18), an empty text or None is "not given". Options that the class does not know are left alone.

    Raises ValueError naming the option, with ``prefix`` before it, that does not fit.
    """
    kinds = {field.name: str(field.type) for field in fields(cls)}  # type: ignore[arg-type]  # as above
    values = {name: _loose(kinds[name], data[name], prefix + name) for name in kinds if name in data}
    given = {name: value for name, value in values.items() if value is not None or kinds[name].endswith("None")}
    return cls(**given)


_KINDS = {"bool": "true or false", "int": "a whole number", "float": "a number"}


def _loose(kind: str, value: Any, name: str) -> Any:
    if value is None or (isinstance(value, str) and value in ("", "None") and kind != "str"):
        return None
    try:
        if kind == "bool":
            return value if isinstance(value, bool) else {"true": True, "false": False}[str(value).lower()]
        if kind in ("int", "float"):
            return int(float(value)) if kind == "int" else float(value)
    except (KeyError, ValueError, TypeError):
        raise ValueError(f"{name}: expected {_KINDS[kind]}, found {value!r}") from None
    if kind.startswith("tuple"):
        return tuple(str(item) for item in value)
    return str(value) if kind.startswith("str") else value
