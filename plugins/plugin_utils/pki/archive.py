# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Zip archives as vendors send them, opened in memory with every claim of the archive doubted."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator

from .errors import BundleError, Where, refused

MAX_ENTRIES, MAX_ENTRY, MAX_TOTAL, MAX_RATIO = 100, 1_000_000, 5_000_000, 100
"""Entries of an archive, octets of one entry and of all, and how many times smaller an entry may be packed. The largest
deliveries seen have a dozen entries and some ten thousand octets."""

DOWNLOAD = "download it again and compare its size"
UNPACK = "unpack it and give the files inside"

MAGIC = (b"PK\x03\x04", b"PK\x05\x06")


def is_zip(data: bytes) -> bool:
    """Whether the bytes begin as a zip archive does."""
    return data.startswith(MAGIC)


def entries(data: bytes, where: Where) -> Iterator[tuple[Where, bytes]]:
    """The files of an archive with their places; folders are fine, ways out of the archive are not.

    :raises BundleError: ``bundle.truncated``, ``bundle.zip-bomb``, ``bundle.zip-path``, ``bundle.zip-encrypted``,
        ``bundle.unreadable``.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        found = "one without a readable directory at its end"
        raise refused("truncated", "a complete zip archive", found, where, DOWNLOAD) from None
    with archive:
        files = [info for info in archive.infolist() if not info.is_dir()]
        _check(files, where)
        left = MAX_TOTAL
        for info in files:
            content = _content(archive, info, where.inside(info.filename), left)
            left -= len(content)
            yield where.inside(info.filename), content


def _check(files: list[zipfile.ZipInfo], where: Where) -> None:
    """Judges what the directory claims, before anything is unpacked."""
    if len(files) > MAX_ENTRIES:
        raise _bomb(f"{len(files)} entries where at most {MAX_ENTRIES} are expected", where)
    for info in files:
        place = where.inside(info.filename)
        path = info.filename.replace("\\", "/")
        is_link = info.external_attr >> 16 & 0o170000 == 0o120000
        if path.startswith("/") or ":" in path.split("/")[0] or ".." in path.split("/") or is_link:
            advice = "check where the archive comes from, ask the vendor for a clean one"
            raise refused("zip-path", "entries inside the archive", "one that leads outside", place, advice)
        if info.flag_bits & 1:
            raise refused("zip-encrypted", "an archive without a password", "an encrypted entry", place, UNPACK)
        if info.file_size > MAX_ENTRY:
            raise _bomb(f"an entry of {info.file_size} octets where at most {MAX_ENTRY} are expected", place)
        if info.file_size > MAX_RATIO * max(info.compress_size, 1000):
            raise _bomb(f"an entry packed to {info.compress_size} octets out of {info.file_size}", place)


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: Where, left: int) -> bytes:
    """Unpacks one entry, never more than allowed, whatever the directory claims."""
    try:
        with archive.open(info) as file:
            content = file.read(min(MAX_ENTRY, left) + 1)
    except (zipfile.BadZipFile, EOFError, zlib.error, ValueError, OSError):
        raise refused("truncated", "an intact entry", "a damaged one", where, DOWNLOAD) from None
    except (NotImplementedError, RuntimeError):
        raise refused("unreadable", "an entry packed in a usual way", "another", where, UNPACK) from None
    if len(content) > min(MAX_ENTRY, left):
        raise _bomb(f"more than {MAX_TOTAL} octets in all", where)
    if is_zip(content):
        advice = "unpack the outer archive and give the inner one"
        raise refused("zip-nested", "certificate files in the archive", "another archive", where, advice)
    return content


def _bomb(what: str, where: Where) -> BundleError:
    advice = "check where the archive comes from; it was not unpacked"
    return refused("zip-bomb", "a delivery of certificates", what, where, advice)
