# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user hands over on the controller: bundles and lists of trusted roots, read from files or taken as bytes.

Nothing is written, and nothing that is read here goes back into a result: only certificates do.
"""

from __future__ import annotations

import base64
import binascii
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import CollectionError
from .pki.bundle import Bundle, open_bundle
from .pki.certificate import Certificate, CertificateError, load_pem

MAX_FILE = 16 * 1024 * 1024
"""Bytes; no vendor's delivery is near this."""

BUNDLE_SPEC: dict[str, Any] = {
    "path": {"type": "path"},
    "content": {"type": "str", "no_log": True},
    "password": {"type": "str", "no_log": True},
    "key_path": {"type": "path"},
    "key_content": {"type": "str", "no_log": True},
    "extra_paths": {"type": "list", "elements": "path", "default": []},
    "exportable": {"type": "bool", "default": True},
    "friendly_name": {"type": "str"},
    "trust": {"type": "str"},
}
"""Options of one bundle, as every module that takes one documents them."""


class InputError(CollectionError):
    """Something that the user gave cannot be used. The message says what, where and what to do."""

    def __init__(self, id: str, message: str) -> None:
        super().__init__(message)
        self.id = id


@dataclass(frozen=True)
class Delivery:
    """One bundle with what the user wants of it."""

    name: str
    """Its name in the map of bundles."""
    bundle: Bundle
    exportable: bool
    friendly_name: str | None
    trust: tuple[Certificate, ...]
    """Roots that the clients of this certificate trust."""
    trust_name: str


def read_file(path: str, what: str) -> bytes:
    """The file's bytes; raises :class:`InputError` for a missing, unreadable, empty or far too large one."""
    try:
        if os.path.isdir(path):
            raise InputError("bundle.unreadable", f"{what} {path} is a folder; give the file in it")
        size = os.path.getsize(path)
        if size > MAX_FILE:
            raise InputError("bundle.unreadable", f"{what} {path} has {size} bytes; a delivery has a few thousand")
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise InputError("bundle.unreadable", f"{what} {path} cannot be read: {error.strerror or error}") from None
    if not data:
        raise InputError("bundle.unreadable", f"{what} {path} is empty")
    return data


def content_bytes(text: str, what: str) -> bytes:
    """PEM text as it is; anything else must be base64 (a PFX out of a vault)."""
    if "-----BEGIN" in text:
        return text.encode("utf-8")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        message = f"{what}: expected PEM text or base64, found neither ({len(text)} characters)"
        raise InputError("bundle.unreadable", message) from None


def load_delivery(name: str, spec: Mapping[str, Any], default_trust: str) -> Delivery:
    """Opens the bundle of one map entry.

    Raises InputError or BundleError for anything that cannot be used; both carry a stable id.
    """
    what = f"bundle {name!r}"
    path, content = spec.get("path"), spec.get("content")
    if bool(path) == bool(content):
        raise InputError("bundle.unreadable", f"{what}: give exactly one of path and content")
    source = str(path) if path else f"{name} (content)"
    data = read_file(str(path), f"{what}:") if path else content_bytes(str(content), f"{what}, content")
    extra: list[tuple[str, bytes]] = []
    if spec.get("key_path"):
        extra.append((str(spec["key_path"]), read_file(str(spec["key_path"]), f"{what}, key:")))
    if spec.get("key_content"):
        extra.append((f"{name} (key_content)", content_bytes(str(spec["key_content"]), f"{what}, key_content")))
    for more in spec.get("extra_paths") or []:
        extra.append((str(more), read_file(str(more), f"{what}, extra:")))
    password = spec.get("password")
    bundle = open_bundle(source, data, str(password) if password is not None else None, extra)
    trust = str(spec.get("trust") or default_trust)  # empty: whoever calls does not judge chains
    return Delivery(
        name=name,
        bundle=bundle,
        exportable=bool(spec.get("exportable", True)),
        friendly_name=str(spec["friendly_name"]) if spec.get("friendly_name") else None,
        trust=load_trust(trust) if trust else (),
        trust_name=trust,
    )


def load_trust(trust: str) -> tuple[Certificate, ...]:
    """The roots of ``system`` (this controller's list), of ``mozilla`` (the list in the Python package certifi, which
    pywinrm brings), of PEM text, or of a PEM file."""
    if "-----BEGIN" in trust:
        return _certificates(trust.encode("utf-8"), "trust")
    if trust == "system":
        paths = ssl.get_default_verify_paths()
        candidates = (
            paths.cafile,
            paths.openssl_cafile,
            "/etc/ssl/certs/ca-certificates.crt",
            "/etc/pki/tls/certs/ca-bundle.crt",
        )
        found = next((p for p in candidates if p and os.path.isfile(p)), None)
        if found is None:
            message = (
                "trust: system, but this controller has no list of roots. Install ca-certificates, or name a PEM file"
            )
            raise InputError("trust.unreadable", message)
        return _certificates(read_file(found, "list of trusted roots"), found)
    if trust == "mozilla":
        return _certificates(read_file(_mozilla(), "list of trusted roots"), "of Mozilla (certifi)")
    return _certificates(read_file(os.path.expanduser(trust), "list of trusted roots"), trust)


def _mozilla() -> str:
    try:
        import certifi  # pylint: disable=import-outside-toplevel
    except ImportError:
        text = "trust: mozilla needs the Python package certifi on this controller: pip install certifi"
        raise InputError("trust.unreadable", text) from None
    return str(certifi.where())


def _certificates(data: bytes, source: str) -> tuple[Certificate, ...]:
    try:
        found = tuple(load_pem(data))
    except CertificateError as error:
        raise InputError("trust.unreadable", f"list of trusted roots {source}: {error}") from None
    if not found:
        raise InputError("trust.unreadable", f"list of trusted roots {source} holds no certificate in PEM form")
    return found
