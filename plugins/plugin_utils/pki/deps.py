# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that imports ``cryptography``, so that every file here can be read where it is not installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import CollectionError

try:
    from cryptography import x509
    from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CBC
    from cryptography.hazmat.primitives.serialization import pkcs12
    from cryptography.x509 import load_der_x509_certificate

    try:
        from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
    except ImportError:  # before 43
        from cryptography.hazmat.primitives.ciphers.algorithms import TripleDES
except ImportError as error:  # pragma: no cover - shown by require()
    if not TYPE_CHECKING:
        AES = CBC = Cipher = InternalError = InvalidSignature = TripleDES = UnsupportedAlgorithm = None
        ec = ed448 = ed25519 = hashes = load_der_x509_certificate = padding = pkcs12 = rsa = serialization = x509 = None
    MISSING: str | None = str(error)
else:
    MISSING = None

__all__ = [
    "AES", "CBC", "Cipher", "DependencyError", "InternalError", "InvalidSignature", "TripleDES", "UnsupportedAlgorithm",
    "ec", "ed448", "ed25519", "hashes",
    "load_der_x509_certificate", "padding", "pkcs12", "require", "rsa", "serialization", "x509",
]  # fmt: skip


class DependencyError(CollectionError):
    """The Python package ``cryptography`` is not there. The message says what to install and where."""


def require() -> None:
    """Raises DependencyError when ``cryptography`` cannot be imported; call it before anything that needs keys."""
    if MISSING is not None:
        raise DependencyError(
            "expected the Python package 'cryptography' (42 or newer) beside ansible-core on the control node, "
            f"found none that can be imported ({MISSING}); next: install it there, for example with "
            "'python3 -m pip install \"cryptography>=42\"' in the environment that ansible-playbook runs from"
        )
