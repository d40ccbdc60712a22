# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module around the probe: what goes in is what the documentation says, and so is what comes out."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.ucops.certificates.plugins.modules import tls_endpoint_info
from ansible_collections.ucops.certificates.tests.unit.tls_servers import HOST, listener, openssl_server
from ansible_collections.ucops.certificates.tests.unit.zoo import authority, issue, rsa_key

ROOT = authority("Root")
LEAF = issue("sip.contoso.example", ROOT, key=rsa_key())


def asked(**options: Any) -> list[dict[str, Any]]:
    """The module's answer."""
    validated = ArgumentSpecValidator(tls_endpoint_info.ARGUMENT_SPEC).validate(options)
    assert not validated.error_messages
    return tls_endpoint_info.read_endpoints(validated.validated_parameters)


def test_rows(tmp_path: Path) -> None:
    """One for each port, in the order asked, with what was given and what was read."""
    with listener() as free:
        closed = free.getsockname()[1]
    with openssl_server(tmp_path, LEAF, [ROOT]) as port:
        first, second = asked(timeout=10, endpoints=[
            {"name": "Access Edge", "host": HOST, "port": port, "server_name": "sip.contoso.example", "use": "X"},
            {"host": HOST, "port": closed}])  # fmt: skip
    assert (first["name"], first["use"], first["ok"], first["error"]) == ("Access Edge", "X", True, None)
    assert [base64.b64decode(one["der"]) for one in first["certificates"]] == [LEAF.der, ROOT.der]
    assert first["certificates"][0]["thumbprint"] == LEAF.certificate.thumbprint
    assert first["certificates"][0]["sha256"] == hashlib.sha256(LEAF.der).hexdigest()
    assert (second["name"], second["ok"], second["certificates"]) == (None, False, [])
    assert "refused" in second["error"]


def test_returned_is_what_is_documented(tmp_path: Path) -> None:
    """Every key of a row, and no other."""
    documented = yaml.safe_load(tls_endpoint_info.RETURN)["endpoints"]["contains"]
    with openssl_server(tmp_path, LEAF) as port:
        row = asked(endpoints=[{"host": HOST, "port": port}])[0]
    assert set(row) == set(documented)
    assert set(row["certificates"][0]) == set(documented["certificates"]["contains"])
