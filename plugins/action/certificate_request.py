# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""certificate_request: a private key and a request for a certificate, made on the controller."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ..plugin_utils.base import CertificateAction, Stop
from ..plugin_utils.inputs import read_file
from ..plugin_utils.outputs import write_file
from ..plugin_utils.pki import deps, formats, request
from ..plugin_utils.pki.errors import BundleError


class ActionModule(CertificateAction):
    """Keeps what is there and fits, makes what is missing, and overwrites no key, ever."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "path": {"type": "path", "required": True},
        "key_path": {"type": "path", "required": True},
        "key_password": {"type": "str", "required": True, "no_log": True},
        "names": {"type": "list", "elements": "str", "required": True},
        **{field: {"type": "str"} for field in request.FIELDS},
        "key_size": {"type": "int", "choices": list(request.SIZES), "default": request.SIZES[0]},
    }

    def act(self, options: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """See plugins/modules/certificate_request.yml."""
        path, key_path = Path(options["path"]), Path(options["key_path"])
        if not options["key_password"]:
            raise Stop("key_password: expected a password, found an empty one; no key is written in the clear")
        if os.path.abspath(path) == os.path.abspath(key_path):
            raise Stop(f"path and key_path are the same file, {path}; the key needs one of its own")
        try:
            wanted = request.wish(options["names"], {field: options[field] for field in request.FIELDS})
        except ValueError as error:
            raise Stop(str(error)) from None
        key = self._key_there(key_path, options)
        found, reasons = self._request_there(path, key_path, wanted, key)
        made_key = key is None
        if reasons and not self.check_mode:
            if key is None:
                key = request.new_key(options["key_size"])
                self._write(key_path, request.encrypted(key, options["key_password"].encode()), 0o600, new=True)
            self._write(path, request.make(wanted, key), 0o644, new=False)
            found = request.read(read_file(str(path), "certificate request"))
        return {
            "changed": bool(reasons),
            "changes": [f"private key: made, RSA {options['key_size']} bits"] * made_key + list(reasons),
            "path": str(path),
            "key_path": str(key_path),
            "csr": None if reasons and self.check_mode else path.read_text(encoding="ascii"),
            "names": list(wanted.names),
            "subject": request.written(wanted.subject),
            "key_size": found.bits if found is not None and not reasons else options["key_size"],
            "public_key_sha256": found.spki_sha256 if found is not None else None,
            "diff": self._diff(path, key_path, wanted, reasons, made_key),
        }

    @staticmethod
    def _key_there(key_path: Path, options: Mapping[str, Any]) -> Any:
        """The key that is there, opened; None where there is none. Raises Stop for one that cannot be used."""
        if not os.path.lexists(key_path):
            return None
        data = read_file(str(key_path), "private key:")
        keep = "It is not overwritten; name another key_path to make a new key"
        if b"ENCRYPTED" not in data or b"-----BEGIN" not in data:
            raise Stop(f"{key_path}: expected an encrypted private key in PEM, found something else. {keep}")
        contents = formats.Contents()
        try:
            formats.read(contents, str(key_path), data, options["key_password"])
        except BundleError as error:
            if error.id != "bundle.password-wrong":
                raise Stop(f"{error}. {keep}", finding=error.id) from None
            raise Stop(f"{key_path}: key_password does not open the private key that is there. {keep}") from None
        key = contents.keys[0][0] if contents.keys else None
        if not isinstance(key, deps.rsa.RSAPrivateKey) or key.key_size != options["key_size"]:
            kind = f"RSA key of {key.key_size} bits" if isinstance(key, deps.rsa.RSAPrivateKey) else "other kind of key"
            raise Stop(f"{key_path}: expected an RSA key of {options['key_size']} bits, found an {kind}. {keep}")
        return key

    @staticmethod
    def _request_there(
        path: Path, key_path: Path, wanted: request.Wish, key: Any
    ) -> tuple[request.Request | None, tuple[str, ...]]:
        """The request that is there, and why it has to be made anew; no reasons where it does."""
        if not os.path.lexists(path):
            return None, ("certificate request: made",)
        try:
            found = request.read(read_file(str(path), "certificate request:"))
        except ValueError as error:
            raise Stop(f"{path}: {error}. It is not overwritten; name another path") from None
        if key is None:
            raise Stop(
                f"{path} is a request whose private key is not at {key_path}. Expected both or neither: a new key "
                "would leave the vendor's answer to that request without one. Name the key's file, or another path"
            )
        return found, tuple(
            f"certificate request: {reason}" for reason in request.differences(wanted, found, request.spki_sha256(key))
        )

    @staticmethod
    def _write(path: Path, data: bytes, mode: int, new: bool) -> None:
        """As :func:`write_file`. Raises Stop."""
        try:
            write_file(path, data, mode, new)
        except OSError as error:
            raise Stop(f"{path} cannot be written: {error.strerror or error}") from None

    @staticmethod
    def _diff(
        path: Path, key_path: Path, wanted: request.Wish, reasons: tuple[str, ...], made_key: bool
    ) -> dict[str, str]:
        if not reasons:
            return {"before": "", "after": ""}
        lines = [f"{key_path}: an encrypted RSA key"] * made_key
        lines += [f"{path}: {request.written(wanted.subject)}", *(f"  {name}" for name in wanted.names)]
        before = "" if made_key else "".join(f"{reason}\n" for reason in reasons)
        return {
            "before_header": str(path),
            "after_header": str(path),
            "before": before,
            "after": "\n".join(lines) + "\n",
        }
