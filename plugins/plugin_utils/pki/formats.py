# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and keys out of one file, whatever format it has and whatever its name says."""

from __future__ import annotations

import base64
import binascii
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

from . import archive, cost, deps, der, keys
from .certificate import Certificate, CertificateError, load_der
from .errors import BundleError, PkiFinding, Where, refused
from .keys import PrivateKey

MAX_FILE = 5_000_000
"""Octets of one file; real deliveries are a thousand times smaller."""

FORMATS = "give a zip, PFX, PEM, DER or p7b file as the vendor delivers it"

SIGNED_DATA, DATA = cost.SIGNED_DATA, cost.DATA
PBES2 = bytes.fromhex("06092a864886f70d01050d")

FOREIGN = {
    b"\x1f\x8b": "a gzip archive", b"7z\xbc\xaf": "a 7-Zip archive", b"Rar!": "a RAR archive",
    b"%PDF": "a PDF document", b"\xfe\xed\xfe\xed": "a Java key store", b"\xd0\xcf\x11\xe0": "an Office document",
    b"BZh": "a bzip2 archive", b"\x89PNG": "a picture", b"{\\rtf": "an RTF document",
}  # fmt: skip
"""What a file may be instead, by its first octets."""

WORTH_AN_ERROR = re.compile(r"\.(crt|cer|cert|pem|der|p7b|p7c|p7s|pfx|p12|key)$", re.I)
"""Entries of an archive that must be readable; others (readme, pictures, checksums) are passed over."""

MAY_BE_NOISE = frozenset({"bundle.empty", "bundle.html", "bundle.truncated", "bundle.unreadable"})

PAGE = ("<!doctype", "<html", "<head", "<body", "<script", "<?xml")
"""What web pages and the error pages of download sites begin with."""

BOMS = (
    (b"\xff\xfe\x00\x00", "utf-32"), (b"\x00\x00\xfe\xff", "utf-32"), (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"),
)  # fmt: skip


@dataclass
class Contents:
    """What was found in all sources so far."""

    certificates: dict[Certificate, Where] = field(default_factory=dict)
    """Each certificate once, with the place where it was seen first."""
    keys: list[tuple[PrivateKey, Where]] = field(default_factory=list, repr=False)
    """Private keys; never printed."""
    notes: list[PkiFinding] = field(default_factory=list)
    budget: cost.Budget = field(default_factory=cost.Budget)
    """What opening the sources has cost."""


def read(contents: Contents, name: str, data: bytes, password: str | None) -> None:
    """Adds what one source holds. Raises BundleError."""
    where = Where(name)
    if len(data) > MAX_FILE:
        raise refused("too-large", f"at most {MAX_FILE} octets", str(len(data)), where, "check which file was named")
    if not archive.is_zip(data):
        _file(contents, where, data, password)
        return
    for place, content in archive.entries(data, where):
        try:
            _file(contents, place, content, password)
        except BundleError as error:
            name = place.entry or ""
            if error.id not in MAY_BE_NOISE or WORTH_AN_ERROR.search(name) and not name.startswith("__MACOSX/"):
                raise


def _file(contents: Contents, where: Where, data: bytes, password: str | None) -> None:
    if not data.strip(b"\x00 \t\r\n"):
        raise refused("empty", "certificates", "an empty file", where, archive.DOWNLOAD)
    foreign = next((what for magic, what in FOREIGN.items() if data.startswith(magic)), None)
    if foreign:
        raise _unreadable(foreign, where)
    if data[0] == der.SEQUENCE and (data[1:2] >= b"\x80" or data[1:2] == bytes((len(data) - 2 & 0xFF,))):
        _binary(contents, where, data, password)
    else:
        _text(contents, where, _decode(data, where), password)


def _decode(data: bytes, where: Where) -> str:
    """Text in any of the encodings that editors and Windows tools save PEM in."""
    encoding = next((name for bom, name in BOMS if data.startswith(bom)), None)
    if encoding is None and b"\x00" in data[:64]:
        encoding = "utf-16-le" if data[1:2] == b"\x00" else "utf-16-be"
    try:
        text = data.decode(encoding or "utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    if sum(not (character.isprintable() or character in "\t\r\n\f\x1a") for character in text[:2000]) > 20:
        raise _unreadable(f"{len(data)} octets that are neither text nor any known container", where)
    return text


def _text(contents: Contents, where: Where, text: str, password: str | None) -> None:
    if _is_page(text[:4000]):
        advice = "log in at the vendor's site and download the certificate again"
        raise refused("html", "certificates", "a web page saved under that name", where, advice)
    found = False
    for label, block in _blocks(text, where):
        found = True
        if label.endswith("PRIVATE KEY"):
            contents.keys.append((keys.from_pem(label, block, password, where, contents.budget), where))
        elif label.endswith("CERTIFICATE") or "PKCS" in label or label == "CMS":
            body = re.sub(r"(?m)^[A-Za-z0-9-]+:.*$", "", block)
            _binary(contents, where, _base64(body, where), password)
    if found:
        return
    if not re.fullmatch(r"[A-Za-z0-9+/=\s\x1a]{16,}", text):
        raise _unreadable("text without any", where)
    _binary(contents, where, _base64(text, where), password)


def _is_page(text: str) -> bool:
    """Whether a text begins as a web page does, comments before it left out."""
    at = 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if not text.startswith("<!--", at):
            return text[at : at + 16].lower().startswith(PAGE)
        end = text.find("-->", at + 4)
        if end < 0:
            return False
        at = end + 3


def _blocks(text: str, where: Where) -> Iterator[tuple[str, str]]:
    """The (label, content) of each PEM block."""
    at = 0
    while match := re.compile(r"-----BEGIN ([^-\r\n]{1,64})-----").search(text, at):
        label = match[1].strip()
        end = text.find(f"-----END {match[1]}-----", match.end())
        following = text.find("-----BEGIN ", match.end())
        if end < 0 or 0 <= following < end:
            found, advice = "the end of the block without it", "copy or download the file again, whole"
            raise refused("truncated", f"the line 'END {label}'", found, where, advice)
        yield label, text[match.end() : end]
        at = end


def _base64(text: str, where: Where) -> bytes:
    plain = re.sub(r"[\s\x1a=]", "", text)
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        found = f"{len(plain)} characters that cannot be decoded"
        raise refused("truncated", "intact base64", found, where, archive.DOWNLOAD) from None


def _binary(contents: Contents, where: Where, data: bytes, password: str | None) -> None:
    """DER or BER: told apart by shape, since file names and PEM labels are often wrong."""
    try:
        at = 0
        while at < len(data) and data[at] == der.SEQUENCE:
            node = der.read(data, at)
            _container(contents, where, node, password)
            at = node.after
    except der.Truncated:
        found = f"one that ends too early, after {len(data)} octets"
        raise refused("truncated", "a complete file", found, where, archive.DOWNLOAD) from None
    except (der.DerError, CertificateError):
        raise _unreadable("damaged or unknown binary data", where) from None
    if at == 0:
        raise _unreadable("base64 of something else", where)


def _container(contents: Contents, where: Where, node: der.Node, password: str | None) -> None:
    parts = node.parts()
    tags = [part.tag for part in parts[:3]]
    if tags[:1] == [der.OID]:
        for certificate in _signed_data(parts, where):
            contents.certificates.setdefault(certificate, where)
    elif tags[:2] == [der.INTEGER, der.SEQUENCE] and _is_pfx(parts):
        _pfx(contents, where, node.raw, len(parts) > 2, password)
    elif tags[:1] == [der.INTEGER] or tags == [der.SEQUENCE, der.OCTET_STRING]:
        key = keys.from_der(node.raw, tags[0] == der.SEQUENCE, password, where, contents.budget)
        contents.keys.append((key, where))
    elif tags == [der.SEQUENCE, der.SEQUENCE, der.BIT_STRING]:
        inside = parts[0].parts()
        if len(inside) == 4 and inside[-1].tag == 0xA0:
            raise _unreadable("a certificate request, not a certificate", where)
        contents.certificates.setdefault(load_der(node.raw), where)
    else:
        raise _unreadable("an unknown kind of binary data", where)


def _is_pfx(parts: list[der.Node]) -> bool:
    inner = parts[1].first()
    return inner.tag == der.OID and der.oid(inner) in (DATA, SIGNED_DATA)


def _signed_data(parts: list[der.Node], where: Where) -> Iterator[Certificate]:
    """The certificates of a PKCS#7 SignedData, as .p7b files are."""
    if der.oid(parts[0]) != SIGNED_DATA or len(parts) < 2:
        raise _unreadable("a PKCS#7 container that is not of certificates (encrypted, or plain data)", where)
    held = [part for part in parts[1].first().parts() if part.tag == 0xA0]
    nodes = list(held[0].children()) if held else []
    if not nodes:
        raise _unreadable("a PKCS#7 container without any certificate", where)
    for node in nodes:
        if node.tag == der.SEQUENCE:
            yield load_der(node.raw)


def _pfx(contents: Contents, where: Where, data: bytes, has_mac: bool, password: str | None) -> None:
    deps.require()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = keys.from_pfx(data, password, where, contents.budget)
    if not has_mac:
        text = f"the PFX has no integrity check, so that damage would go unseen: {where}"
        contents.notes.append(PkiFinding("bundle.pfx-no-mac", where.source, text))
    if PBES2 in data:
        text = f"the PFX uses a cipher that Windows before Server 2019 cannot read; re-wrapped on the way: {where}"
        contents.notes.append(PkiFinding("bundle.pfx-new-cipher", where.source, text))
    for encoded in loaded.certificates:
        contents.certificates.setdefault(load_der(encoded), where)
    if loaded.key is not None:
        contents.keys.append((loaded.key, where))


def _unreadable(what: str, where: Where) -> BundleError:
    return refused("unreadable", "certificates", what, where, FORMATS)
