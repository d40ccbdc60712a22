# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the script is packed: stripping, slicing, and the size of the command line."""

from __future__ import annotations

import base64
import gzip

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.windows import bootstrap

SCRIPT = """# a comment
core 1
#region a: Get-A, Get-B; needs b
  a 1
#endregion
core 2

#region b: Get-C
  b 1   # stays
#endregion
#region c: Get-D
c 1
#endregion
core 3
"""


@pytest.mark.parametrize(
    ("names", "regions"),
    [
        ([], []),
        (["Get-A"], ["a", "b"]),
        (["Get-B", "Get-B"], ["a", "b"]),
        (["Get-C"], ["b"]),
        (["Get-D", "Get-A"], ["a", "b", "c"]),
    ],
)
def test_only_the_regions_that_the_calls_need_are_sent(names: list[str], regions: list[str]) -> None:
    text = bootstrap.slice_script(SCRIPT, names)
    assert [name for name in "abc" if f"{name} 1" in text] == regions
    assert [f"core {n}" in text for n in (1, 2, 3)] == [True] * 3


@pytest.mark.parametrize(
    "script",
    ["#region a: X\n", "#endregion\n", "#region a: X\n#region b: Y\n#endregion\n", "#region a: X; needs z\n#endregion"],
)
def test_malformed_regions_are_refused(script: str) -> None:
    with pytest.raises(ValueError, match="region"):
        bootstrap.slice_script(script, ["X"])


def test_stripping_drops_comments_indentation_and_blank_lines_only() -> None:
    assert bootstrap.strip_script(SCRIPT).splitlines() == ["core 1", "a 1", "core 2", "b 1   # stays", "c 1", "core 3"]


def test_only_blanks_that_please_are_cut_off_a_line() -> None:
    line = """    if ($a -eq ' = , { } ') { $b = "x; { $c }", 'y'; $d += -1 }"""
    assert bootstrap.strip_script(line) == """if ($a -eq ' = , { } ') {$b="x; { $c }",'y';$d += -1}\n"""


def test_standard_input_is_two_ascii_lines_that_unpack_to_script_and_document() -> None:
    text = bootstrap.stdin_text("script", '{"a": "\\u00fc"}')
    assert text.isascii() and text.endswith("\n") and text.count("\n") == 2
    assert [gzip.decompress(base64.b64decode(line)).decode() for line in text.splitlines()] == [
        "script",
        '{"a": "\\u00fc"}',
    ]
    assert bootstrap.stdin_text("script", "x") == bootstrap.stdin_text("script", "x")


def test_the_command_is_small_and_names_no_cmdlet() -> None:
    assert len(bootstrap.BOOTSTRAP) <= 600
    # No pipeline, and no Verb-Noun.
    assert "|" not in bootstrap.BOOTSTRAP
    assert "-" not in bootstrap.BOOTSTRAP
