# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""chain_paths: every chain that can be built for a certificate, as a Jinja2 filter. Documentation: chain_paths.yml."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from typing import Any

from ansible.errors import AnsibleFilterError

from ..plugin_utils.pki.certificate import Certificate, CertificateError, load_der, pem_blocks
from ..plugin_utils.pki.chain import chain_paths
from ..plugin_utils.pki.deps import DependencyError
from ..plugin_utils.pki.rules import PURPOSES
from ..plugin_utils.text import clean

NAME = "ucops.certificates.chain_paths"


def chain_paths_filter(
    leaf_pem: str, pool: Any = (), anchors: Any = (), at: Any = None, purpose: str | None = "server"
) -> list[dict[str, Any]]:
    """The filter. Raises AnsibleFilterError for input that is not what it should be."""
    leaf, *sent_along = _certificates(leaf_pem, "the certificate to judge", lenient=False)
    if purpose is not None and purpose not in PURPOSES:
        raise _error(f"expected the purpose 'server', 'client' or none, found {purpose!r}")
    try:
        paths = chain_paths(leaf, [*sent_along, *_all(pool, "pool")], _all(anchors, "anchors"), _instant(at), purpose)
    except DependencyError as error:
        raise _error(str(error)) from None
    return [path.plain() for path in paths]


def _all(given: Any, what: str) -> Iterable[Certificate]:
    """Certificates of one PEM text or a list of them; each text may hold several."""
    if given is None:
        return []
    texts = [given] if isinstance(given, str | bytes) else given
    if not isinstance(texts, Iterable) or isinstance(texts, dict):
        raise _error(f"expected {what} to be a list of PEM texts, found {type(given).__name__}")
    return [c for place, text in enumerate(texts) for c in _certificates(text, f"{what}[{place}]", lenient=True)]


def _certificates(text: Any, what: str, lenient: bool) -> list[Certificate]:
    """:param lenient: pass over blocks that are no certificates, as a store with one odd entry is still a store."""
    if not isinstance(text, str | bytes):
        raise _error(f"expected {what} to be PEM text, found {type(text).__name__}")
    blocks = pem_blocks(text)
    if not blocks:
        raise _error(f"expected {what} to be PEM text with a certificate, found {len(text)} characters without any")
    found = []
    for block in blocks:
        try:
            found.append(load_der(block))
        except CertificateError as error:
            if not lenient:
                raise _error(f"expected {what} to be a certificate, found something else: {error}") from None
    return found


def _instant(at: Any) -> datetime:
    """An aware instant; None is now. Without a time zone UTC is meant, as in YAML."""
    if at is None:
        return datetime.now(timezone.utc)
    if isinstance(at, str):
        text = at.strip()
        try:
            at = datetime.fromisoformat(text[:-1] + "+00:00" if text[-1:] in ("Z", "z") else text)
        except ValueError:
            raise _error(f"expected at as ISO 8601 such as 2026-11-23T00:00:00Z, found {text[:40]!r}") from None
    if not isinstance(at, datetime):
        raise _error(f"expected at as ISO 8601 text, found {type(at).__name__}")
    return at if at.tzinfo else at.replace(tzinfo=timezone.utc)


def _error(text: str) -> AnsibleFilterError:
    return AnsibleFilterError(f"{NAME}: {clean(text)}")


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"chain_paths": chain_paths_filter}
