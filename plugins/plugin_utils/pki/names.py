# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS names: which are valid, and which a certificate covers (RFC 6125: a wildcard is the leftmost label only)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .certificate import Certificate

LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
"""One label. Underscores are tolerated: Windows hosts have them."""


def normal(name: str) -> str:
    """The form in which names are compared: lower case, without a trailing dot, international labels as A-labels.

    A name that has no A-label form is returned as it is, in lower case; it then equals only itself.
    """
    plain = name.strip().lower().removesuffix(".")
    if plain.isascii():
        return plain
    prefix, rest = ("*.", plain[2:]) if plain.startswith("*.") else ("", plain)
    try:
        return prefix + rest.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return plain


def valid_dns_name(name: str, wildcard: bool = False) -> bool:
    """Whether it can be a host name; ``wildcard`` also allows ``*.`` in front of at least two labels."""
    plain = normal(name)
    if wildcard and plain.startswith("*."):
        plain = plain[2:]
        if "." not in plain:
            return False
    return 0 < len(plain) <= 253 and all(LABEL.fullmatch(label) for label in plain.split("."))


def is_wildcard(name: str) -> bool:
    """Whether the name has an asterisk in it."""
    return "*" in name


def has_wildcard(names: Iterable[str]) -> bool:
    """Whether any of the names has an asterisk in it."""
    return any(is_wildcard(name) for name in names)


def covers(pattern: str, name: str) -> bool:
    """Whether one name of a certificate covers one required name.

    ``*.contoso.example`` covers ``sip.contoso.example``, not ``a.b.contoso.example`` nor ``contoso.example``.
    An asterisk within a label, or in any but the leftmost one, covers nothing. A required wildcard is covered only by
    itself.
    """
    have, want = normal(pattern), normal(name)
    if have == want:
        return bool(want)
    if not have.startswith("*.") or "*" in have[2:] or "." not in have[2:]:
        return False
    label, _dot, rest = want.partition(".")
    return bool(label) and "*" not in label and rest == have[2:]


def missing_names(have: Iterable[str], required: Iterable[str]) -> tuple[str, ...]:
    """The required names that none of the certificate's names covers, each once, in their order."""
    patterns = tuple(have)
    wanted = dict.fromkeys(required)
    return tuple(name for name in wanted if not any(covers(pattern, name) for pattern in patterns))


def names_of(certificate: Certificate) -> tuple[str, ...]:
    """The DNS names a certificate is for: its alternative names, or its common name when it has none of them."""
    if certificate.dns_names:
        return certificate.dns_names
    name = certificate.common_name
    return (name,) if name and valid_dns_name(name, wildcard=True) else ()
