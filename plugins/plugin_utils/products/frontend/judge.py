# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong on a Front End server or a Director as it is. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ...findings.finding import Finding, finding
from ...pki.names import missing_names, names_of
from ...stores.store import label
from ..cs.state import unassigned
from .state import DEFAULT, OAUTH, USES, FrontEndState

OAUTH_BITS = 2048
"""Microsoft, Assign a server-to-server authentication certificate to Skype for Business Server."""


def check(member: str, state: FrontEndState) -> Iterable[Finding]:
    """Every use has a certificate that is there; Default has its names; what is particular about OAuthTokenIssuer."""
    missing = state.current(OAUTH) is None
    yield from unassigned(member, state, [use for use in USES if use != OAUTH or not missing])
    if missing:
        yield finding("frontend.oauth-missing", member, OAUTH, f"{OAUTH} has no certificate")
    yield from default_names(member, state)
    yield from token_issuer(member, state)


def default_names(member: str, state: FrontEndState) -> Iterable[Finding]:
    """FQDN of the pool and FQDN of the server, both (Microsoft, Certificate requirements for internal servers).

    Which names of the web services and simple URLs are needed is in the topology, which is not read here.
    """
    held = state.mine(state.current(DEFAULT))
    if held is None:
        return
    if not (state.pool and state.server):
        text = "Get-CsComputer -Local did not tell them, so the names on the Default certificate were not judged"
        yield finding("frontend.names-unread", member, DEFAULT, text)
        return
    lacking = missing_names(names_of(held.certificate), tuple(dict.fromkeys((state.pool, state.server))))
    if lacking:
        text = f"{label(held.certificate)} does not cover {', '.join(lacking)}"
        yield finding("frontend.default-names", member, DEFAULT, text, evidence={"missing": ", ".join(lacking)})


def token_issuer(member: str, state: FrontEndState) -> Iterable[Finding]:
    """The length of its key, and a successor that waits."""
    held, successor = state.mine(state.current(OAUTH)), state.scheduled(OAUTH)
    if held is not None and 0 < held.certificate.key_bits < OAUTH_BITS:
        text = f"{label(held.certificate)} has a key of {held.certificate.key_bits} bits, expected {OAUTH_BITS} or more"
        yield finding("frontend.oauth-short", member, OAUTH, text)
    if successor is not None and successor.effective is not None:
        text = f"{successor.thumbprint} takes over at {successor.effective:%Y-%m-%d %H:%M} UTC"
        yield finding("frontend.oauth-pending", member, OAUTH, text)
