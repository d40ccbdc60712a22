# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that a verification leaves: the report and what is made from it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence

from ..inputs import InputError, read_file
from ..plain import PlainError
from ..report.advice import next_steps
from ..report.junit import junit_xml
from ..report.page import report_html
from ..report.prometheus import metrics
from ..report.report import Report, report_from_json, report_json
from ..report.ticket import summary_markdown


def write(report: Report, folder: str) -> Iterator[str]:
    """Writes the evidence of one report into its folder; yields the page's path once all of it is there."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    for name, text in (
        ("report.json", json.dumps(report_json(report, next_steps(report)), indent=1)),
        ("report.html", report_html(report)),
        ("junit.xml", junit_xml(report)),
        ("summary.md", summary_markdown(report)),
    ):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    yield os.path.join(folder, "report.html")


def write_metrics(reports: Sequence[Report], path: str) -> None:
    """Replaces a textfile at once: the collector must never read half of it."""
    folder = os.path.dirname(path) or "."
    handle, made = tempfile.mkstemp(dir=folder, prefix=".ucops-", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(metrics(reports))
        os.chmod(made, 0o644)  # node_exporter runs as somebody else
        os.replace(made, path)
    except BaseException:
        os.unlink(made)
        raise


def read_report(path: str) -> Report:
    """An earlier report. Raises InputError naming the file and what is wrong with it."""
    data = read_file(path, "report:")
    try:
        return report_from_json(json.loads(data))
    except (ValueError, PlainError) as error:
        text = f"report {path} cannot be read: {error}; expected a report.json of this collection"
        raise InputError("input.report", text) from None
