# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as one self-contained page: no script, nothing loaded from elsewhere, readable on paper and telephones."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup

from ..stores.pictures import Chain
from ..text import clean
from ..words import day, listed, moment, relative, short_thumbprint, span
from .advice import headline, next_steps, told
from .report import CHECKS, SCHEMA, CertificateReport, MemberReport, Report
from .svg import chain_svg

_ICONS = {
    "ok": "ok",
    "good": "ok",
    "new": "ok",
    "warning": "warn",
    "warn": "warn",
    "error": "bad",
    "critical": "bad",
    "alike": "ok",
    "bad": "bad",
    "failed": "bad",
    "refused": "bad",
    "info": "info",
    "calm": "info",
    "planned": "info",
    "not-run": "none",
    "skipped": "none",
    "other": "bad",
    "partly": "bad",
    "lost": "lost",
}
_WORDS = {"ok": "in order", "warning": "warning", "error": "error", "not-run": "not asked"}
_TEMPLATES = Path(__file__).with_name("templates")
_PURPOSES = {"renew": "Rollout", "settle": "Settling", "rollback": "Taking back", "verify": "Verification"}


@dataclass(frozen=True)
class ChainGroup:
    """Chains that are the same on several members, drawn once."""

    members: tuple[str, ...]
    uses: tuple[str, ...]
    chains: tuple[Chain, ...]

    @property
    def ok(self) -> bool:
        """Every one of them is complete and trusted."""
        return all(chain.ok for chain in self.chains)

    @property
    def svg(self) -> Markup:
        """The drawing."""
        return chain_svg(self.chains)


@dataclass(frozen=True)
class Span:
    """The life of one certificate on the page's time scale."""

    certificate: CertificateReport
    relative: str
    svg: Markup


def report_html(report: Report) -> str:
    """The page. Everything foreign in it is escaped; the content security policy allows its own style sheet only."""
    style = (_TEMPLATES / "report.css").read_text(encoding="utf-8")
    times, scale = _times(report.certificates, report.finished)
    roll = report.roll
    template = _environment().get_template("report.html.j2")
    return template.render(
        report=report,
        top=headline(report),
        steps=next_steps(report),
        findings=told(report),
        chains=chain_groups(report.members),
        times=times,
        scale=scale,
        columns=CHECKS,
        icons=_ICONS,
        words=_WORDS,
        purposes=_PURPOSES,
        schema=SCHEMA,
        took=span(report.finished - report.started),
        roles={item.thumbprint: item.role for item in report.certificates},
        roll_relative=relative(roll.instant, report.finished) if roll and roll.instant else "",
        style=Markup(style),
        style_hash=base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii"),
    )


@cache
def _environment() -> jinja2.Environment:
    """One a process: a verification writes a page for each of its arrays, and compiling costs more than writing."""
    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        finalize=_harmless,
    )
    environment.filters.update(moment=moment, thumbprint=short_thumbprint, names=listed)
    return environment


def _harmless(value: object) -> object:
    """Every text that the template writes goes through here, before it is escaped."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def chain_groups(members: Sequence[MemberReport]) -> tuple[ChainGroup, ...]:
    """The chains of all members, alike ones together, incomplete ones first."""
    found: dict[tuple[object, ...], tuple[list[str], tuple[Chain, ...]]] = {}
    for member in members:
        by_uses: dict[tuple[str, ...], list[Chain]] = {}
        for chain in member.chains:
            by_uses.setdefault(chain.uses, []).append(chain)
        for uses, chains in by_uses.items():
            key = (uses, *((tuple(item.sha256 for item in of.path), of.missing, of.ok) for of in chains))
            found.setdefault(key, ([], tuple(chains)))[0].append(member.name)
    groups = [ChainGroup(tuple(names), chains[0].uses, chains) for names, chains in found.values()]
    return tuple(sorted(groups, key=lambda group: group.ok))


def _times(certificates: Sequence[CertificateReport], now: datetime) -> tuple[tuple[Span, ...], tuple[str, str]]:
    if not certificates:
        return (), ("", "")
    # A year of the past says nothing; a month of it shows that the old certificate was in force.
    start = max(min(item.not_before for item in certificates), now - timedelta(days=45))
    end = max([now + timedelta(days=30), *(item.not_after for item in certificates)])
    length = (end - start).total_seconds()

    def place(at: datetime) -> float:
        return min(max((at - start).total_seconds() / length * 100, 0.0), 100.0)

    spans = []
    for item in certificates:
        drawn = _bar(place(item.not_before), place(item.not_after), place(now), item.role)
        spans.append(Span(item, relative(item.not_after, now), drawn))
    return tuple(spans), (day(start), day(end))


def _bar(begin: float, end: float, now: float, role: str) -> Markup:
    return Markup(
        '<svg class="bar" aria-hidden="true"><rect class="track" y="4" width="100%" height="8" rx="4"/>'
        '<rect class="fill {}" x="{:.2f}%" y="4" width="{:.2f}%" height="8" rx="4"/>'
        '<rect class="now" x="{:.2f}%" width="2" height="16"/></svg>'
    ).format(role, begin, max(end - begin, 0.6), min(now, 99.8))
