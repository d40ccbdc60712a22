# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bundle: leaf, private key and intended chain, opened from whatever a vendor delivers. No file is touched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from . import deps, dn, formats, keys
from .certificate import Certificate
from .chain import chain_paths
from .errors import BundleError, PkiFinding, Where, refused
from .formats import Contents
from .keys import PrivateKey
from .signatures import is_self_signed

__all__ = ["Bundle", "BundleError", "PkiFinding", "open_bundle", "read_certificates"]


@dataclass(frozen=True)
class Bundle:
    """What is to be put on every member of an array."""

    leaf: Certificate
    """The server's certificate."""
    intermediates: tuple[Certificate, ...]
    """Certificates of CAs, not self-signed: those of the intended chain from the leaf upwards, then the rest."""
    roots: tuple[Certificate, ...]
    """Self-signed certificates that came with the delivery. They are not trusted because of that."""
    key: PrivateKey = field(repr=False, compare=False)
    """The private key of the leaf (RSA). Never printed."""
    source: str
    """What the delivery is called in messages."""
    notes: tuple[PkiFinding, ...] = ()
    """What is worth knowing about the delivery but no fault."""


def open_bundle(name: str, data: bytes, password: str | None = None, extra: Sequence[tuple[str, bytes]] = ()) -> Bundle:
    """Opens a delivery: a zip, PFX, PEM, DER or PKCS#7, and further sources such as the key in a file of its own.

    Formats are recognised by content, never by name; order and duplicates do not matter.

    :param name: what the delivery is called in messages, a path for example.
    :param password: opens a PFX or an encrypted key in any of the sources; not used where nothing is encrypted.
    :param extra: (name, bytes) of further sources.
    :raises BundleError: with a stable id and a sentence for the reader; never with a secret in it.
    :raises deps.DependencyError: ``cryptography`` is not installed.
    """
    deps.require()
    contents = Contents()
    for source, content in ((name, data), *extra):
        formats.read(contents, source, content, password)
    where = Where(", ".join([name, *(source for source, _data in extra)]))
    if not contents.certificates:
        advice = "add the server's certificate and the vendor's intermediates"
        raise refused("no-leaf", "the server's certificate", "no certificate at all", where, advice)
    leaf = _leaf(contents, where)
    key = _key(contents, leaf, where)
    others = [certificate for certificate in contents.certificates if certificate != leaf]
    roots = tuple(certificate for certificate in others if is_self_signed(certificate))
    intermediates = _in_order(leaf, [certificate for certificate in others if certificate not in roots], roots)
    return Bundle(leaf, intermediates, roots, key, name, tuple(contents.notes))


def _leaf(contents: Contents, where: Where) -> Certificate:
    """The one certificate that issued none of the others and is no CA; else the one that the key is for."""
    everything = list(contents.certificates)
    issuers = {dn.key(c.issuer_raw) for c in everything if not c.self_issued}
    leaves = [c for c in everything if not c.is_ca and dn.key(c.subject_raw) not in issuers]
    if len(leaves) == 1:
        return leaves[0]
    if len(leaves) > 1:
        found = f"{len(leaves)}: {'; '.join(_named(leaf, contents.certificates[leaf]) for leaf in leaves[:4])}"
        advice = "leave out the one that is not meant, or give them as two bundles"
        raise refused("two-leaves", "one server certificate", found, where, advice)
    owned = [c for c in everything if any(keys.matches(key, c) for key, _place in contents.keys)]
    if len(owned) == 1:
        return owned[0]
    found = f"only certificates of CAs: {'; '.join(c.common_name or c.subject for c in everything[:4])}"
    advice = "add the server's own certificate; vendors often send it as a file named after its serial number"
    raise refused("no-leaf", "the server's certificate", found, where, advice)


def _key(contents: Contents, leaf: Certificate, where: Where) -> PrivateKey:
    if not contents.keys:
        advice = "add the key file that was made with the request, or give a PFX"
        raise refused("no-key", f"the private key of {leaf.subject}", "no key at all", where, advice)
    key = next((key for key, _place in contents.keys if keys.matches(key, leaf)), None)
    if key is None:
        found = ", ".join(f"{keys.describe(key)} for another certificate in {place}" for key, place in contents.keys)
        advice = "find the key that was made with the request of this certificate; every request makes a new one"
        expected = f"the private key of {_named(leaf, contents.certificates[leaf])}"
        raise refused("key-mismatch", expected, found, where, advice)
    if not isinstance(key, deps.rsa.RSAPrivateKey):
        advice = "make a new request with an RSA key of 2048 bits or more; Lync and Exchange cannot use others"
        raise refused("ec-key", f"an RSA key for {leaf.subject}", keys.describe(key), where, advice)
    return key


def _in_order(
    leaf: Certificate, intermediates: list[Certificate], roots: Iterable[Certificate]
) -> tuple[Certificate, ...]:
    """Along the best chain first. The day the leaf was made decides which of several was meant; no clock is asked."""
    best = chain_paths(leaf, intermediates, roots, leaf.not_before, None)[0]
    return tuple(dict.fromkeys([*(c for c in best.certificates if c in intermediates), *intermediates]))


def _named(leaf: Certificate, where: Where) -> str:
    dates = f"{leaf.not_before:%Y-%m-%d} to {leaf.not_after:%Y-%m-%d}"
    return f"{leaf.subject} (serial {leaf.serial_hex}, {dates}, in {where})"


def read_certificates(name: str, data: bytes) -> tuple[Certificate, ...]:
    """All certificates of one source in any format, each once: a list of trusted roots, roots to install.

    :raises BundleError: as :func:`open_bundle`; also when there is none.
    """
    contents = Contents()
    formats.read(contents, name, data, None)
    if not contents.certificates:
        raise refused("unreadable", "certificates", "none", Where(name), formats.FORMATS)
    return tuple(contents.certificates)
