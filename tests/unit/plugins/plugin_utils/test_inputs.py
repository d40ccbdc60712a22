# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles and lists of roots as the user hands them over, and each way in which they cannot be used."""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ucops.certificates.plugins.plugin_utils import inputs
from ansible_collections.ucops.certificates.plugins.plugin_utils.inputs import (
    InputError,
    content_bytes,
    load_delivery,
    load_trust,
    read_file,
)
from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.bundle import BundleError
from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.pfx import rewrap_pfx
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.member.pool import bundle
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.edge.edge_rows import (
    UNHURRIED,
    issuing,
    new,
    root,
)
from ansible_collections.ucops.certificates.tests.unit.zoo import key_pem

KEY = key_pem(new().key).decode()
WHOLE = new().pem + issuing().pem + KEY
CHAIN = new().pem + issuing().pem


def load(**spec: Any) -> Any:
    return load_delivery("external", spec, root().pem)


def file(folder: Path, content: str | bytes, name: str = "delivery") -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


# -- what works --------------------------------------------------------------------------------------------------------


def test_a_file_and_the_same_as_content(tmp_path: Path) -> None:
    path = file(tmp_path, WHOLE)
    by_path, by_content = load(path=path), load(content=WHOLE)
    assert by_path.bundle.leaf == by_content.bundle.leaf == new().certificate
    assert by_path.bundle.intermediates == (issuing().certificate,)
    assert by_path.bundle.source == path and by_content.bundle.source == "external (content)"
    assert by_path.trust == (root().certificate,) and by_path.exportable and by_path.friendly_name is None


def test_a_pfx_out_of_a_vault_is_base64_in_lines() -> None:
    text = base64.encodebytes(rewrap_pfx(bundle(), b"secret")).decode()
    assert load(content=text, password="secret").bundle.leaf == new().certificate
    with pytest.raises(BundleError) as wrong:
        load(content=text, password="hunter2")
    assert wrong.value.id == "bundle.password-wrong" and "hunter2" not in str(wrong.value)


def test_the_key_may_come_apart(tmp_path: Path) -> None:
    key = file(tmp_path, KEY, "key.pem")
    assert load(content=CHAIN, key_path=key).bundle.leaf == new().certificate
    assert load(content=CHAIN, key_content=KEY).bundle.leaf == new().certificate
    apart = load(content=new().pem, key_content=KEY, extra_paths=[file(tmp_path, issuing().pem, "ca.crt")])
    assert apart.bundle.intermediates == (issuing().certificate,)


def test_wishes_go_along() -> None:
    wish = load(content=WHOLE, exportable=False, friendly_name="Edge 2026")
    assert not wish.exportable and wish.friendly_name == "Edge 2026"
    assert load(content=WHOLE, friendly_name="").friendly_name is None


def test_a_bundle_s_own_trust_comes_before_the_run_s(tmp_path: Path) -> None:
    own = load(content=WHOLE, trust=issuing().pem)
    assert own.trust == (issuing().certificate,)
    named = load(content=WHOLE, trust=file(tmp_path, root().pem))
    assert named.trust == (root().certificate,) and named.trust_name == str(tmp_path / "delivery")


def test_nobody_s_trust_is_no_list() -> None:
    assert load_delivery("external", {"content": WHOLE}, "").trust == ()


# -- what does not -----------------------------------------------------------------------------------------------------


def refused(action: Callable[[], Any], id: str, *says: str) -> None:
    with pytest.raises(InputError) as error:
        action()
    assert error.value.id == id
    for word in says:
        assert word in str(error.value)
    assert "PRIVATE KEY" not in str(error.value)


@pytest.mark.parametrize("spec", [{}, {"path": "", "content": ""}, {"path": "x", "content": "y"}, {"password": "z"}])
def test_a_bundle_is_either_a_file_or_content(spec: dict[str, Any]) -> None:
    refused(lambda: load(**spec), "bundle.unreadable", "bundle 'external'", "exactly one of path and content")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    path = str(tmp_path / "nowhere.pfx")
    refused(lambda: load(path=path), "bundle.unreadable", path, "No such file")


def test_a_folder_an_empty_file_and_a_far_too_large_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(lambda: load(path=str(tmp_path)), "bundle.unreadable", str(tmp_path), "is a folder")
    refused(lambda: load(path=file(tmp_path, "")), "bundle.unreadable", "is empty")
    monkeypatch.setattr(inputs, "MAX_FILE", 9)
    assert read_file(file(tmp_path, "123456789"), "x") == b"123456789"
    refused(lambda: read_file(file(tmp_path, "1234567890"), "x"), "bundle.unreadable", "has 10 bytes")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_the_right_to_read_it(tmp_path: Path) -> None:
    path = file(tmp_path, WHOLE)
    os.chmod(path, 0)
    refused(lambda: load(path=path), "bundle.unreadable", path, "Permission denied")


@pytest.mark.parametrize("which, what", [("key_path", "key:"), ("extra_paths", "extra:")])
def test_a_further_file_is_named_when_it_is_missing(tmp_path: Path, which: str, what: str) -> None:
    path = str(tmp_path / "gone")
    spec = {which: [path] if which == "extra_paths" else path}
    refused(lambda: load(content=CHAIN, **spec), "bundle.unreadable", what, path)


@pytest.mark.parametrize("field", ["content", "key_content"])
@pytest.mark.parametrize("text", ["hello there!", "/etc/ssl/renewal.pfx", "MIIC\u00fc", "{{ lookup(...) }}"])
def test_content_that_is_neither_pem_nor_base64_is_not_repeated(field: str, text: str) -> None:
    """A path or a secret in the wrong place: the error names the option and shows nothing of it."""
    spec = {"content": CHAIN} | {field: text}
    with pytest.raises(InputError) as error:
        load(**spec)
    assert error.value.id == "bundle.unreadable" and field in str(error.value) and text not in str(error.value)


@UNHURRIED
@given(st.binary(max_size=300))
def test_base64_comes_back_whatever_its_line_ends(data: bytes) -> None:
    text = base64.b64encode(data).decode()
    assert content_bytes(text, "x") == data
    assert content_bytes("\r\n ".join(text[i : i + 7] for i in range(0, len(text), 7)), "x") == data


@UNHURRIED
@given(st.text(max_size=60))
def test_any_text_is_bytes_or_an_error_that_says_what(text: str) -> None:
    try:
        assert isinstance(content_bytes(text, "bundle 'av', content"), bytes)
    except InputError as error:
        assert error.id == "bundle.unreadable" and "bundle 'av', content" in str(error)


# -- trust -------------------------------------------------------------------------------------------------------------


def test_trust_as_text_and_in_a_file_of_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file(tmp_path, root().pem + issuing().pem, "roots.pem")
    assert load_trust("~/roots.pem") == (root().certificate, issuing().certificate)
    assert load_trust(root().pem) == (root().certificate,)


def test_mozilla_s_list_is_the_one_of_certifi(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real roots, all self-signed; where certifi is missing, what to install is said."""
    roots = load_trust("mozilla")
    assert len(roots) > 50 and all(certificate.self_issued for certificate in roots)
    monkeypatch.setitem(sys.modules, "certifi", None)
    with pytest.raises(InputError, match="pip install certifi"):
        load_trust("mozilla")


class Paths:
    """Where this controller's list would be."""

    def __init__(self, cafile: str | None) -> None:
        self.cafile, self.openssl_cafile = None, cafile


def test_the_system_s_list_is_found_where_python_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = file(tmp_path, root().pem)
    monkeypatch.setattr("ssl.get_default_verify_paths", lambda: Paths(path))
    assert load_trust("system") == (root().certificate,)


def test_a_controller_without_a_list_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ssl.get_default_verify_paths", lambda: Paths(None))
    monkeypatch.setattr("os.path.isfile", lambda path: False)
    refused(lambda: load_trust("system"), "trust.unreadable", "Install ca-certificates, or name a PEM file")


@pytest.mark.parametrize(
    "content", ["no certificates here", KEY, "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"]
)
def test_a_list_without_roots_is_refused_with_its_name(tmp_path: Path, content: str) -> None:
    path = file(tmp_path, content)
    refused(lambda: load_trust(path), "trust.unreadable", path)


def test_a_list_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "roots.pem")
    with pytest.raises(InputError, match="list of trusted roots") as error:
        load_trust(path)
    assert path in str(error.value)
