"""What the vendor delivers to an Exchange lab, and its answers to requests made on a server."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7

from ..deliveries import _write, _zip, encrypted_key, p7b, pem_bundle, pfx, serial_name
from .certificates import ExchangePki, pem, read_request

_README = """\
What the vendor delivered. Every password in this folder is: {password}

complete.zip       the certificate, the issuing CA, the root; the key is mail.key.pem
incomplete.zip     the same certificate with the vendor's old bundle: the new issuing CA is missing
mail.key.pem       the private key of the request, encrypted
complete.pfx       certificate, key and chain in one file; incomplete.pfx has no chain
same-issuer.pfx    a renewal from the old issuing CA: issuer and subject did not change
rival.pfx          the next certificate, from another vendor; ../trust/rival-root.pem is its root
issuing-ca.crt     the issuing CA that incomplete.zip lacks
answer-*.zip       answers to requests made while the lab ran (control: sign)
bad/               one file for each kind of bad input, named after it
"""


def write(pki: ExchangePki, folder: Path) -> str:
    """Write ``vendor/`` and ``trust/`` below ``folder``. Returns the password of the deliveries."""
    password = secrets.token_urlsafe(12)
    vendor, bad, trust = folder / "vendor", folder / "vendor" / "bad", folder / "trust"
    for each in (vendor, bad, trust):
        each.mkdir(mode=0o700)
    leaf, issuing, root = pki["mail-new"], pki["issuing-new"], pki["root"]
    name = serial_name(leaf)
    crt = {f"{name}.crt": leaf.pem}
    files = {
        "complete.zip": _zip(
            {**crt, "et_bundle-g3.crt": pem_bundle(issuing, root), f"{name}.p7b": p7b(leaf, issuing, root)}
        ),
        "incomplete.zip": _zip({**crt, "et_bundle-g2.crt": pem_bundle(pki["issuing-old"], root)}),
        "mail.key.pem": encrypted_key(leaf, password),
        "complete.pfx": pfx(leaf, [issuing, root], password),
        "incomplete.pfx": pfx(leaf, [], password),
        "same-issuer.pfx": pfx(pki["mail-same-issuer"], [pki["issuing-old"], root], password),
        "rival.pfx": pfx(pki["mail-rival"], [pki["rival-issuing"], pki["rival-root"]], password),
        "issuing-ca.crt": issuing.pem,
        "bad/other-key.pem": encrypted_key(pki["mail-other-key"], password),
    }
    for kind in ("wildcard", "expired", "not-yet-valid", "older", "names-missing"):
        files[f"bad/{kind}.pfx"] = pfx(pki[f"mail-{kind}"], [issuing, root], password)
    for file, data in files.items():
        _write(vendor / file, data)
    _write(vendor / "README.txt", _README.format(password=password).encode())
    _write(vendor / "password.txt", password.encode() + b"\n")
    _write(trust / "roots.pem", root.pem)
    _write(trust / "rival-root.pem", pki["rival-root"].pem)
    return password


def sign(pki: ExchangePki, folder: Path, order: dict[str, Any]) -> dict[str, Any]:
    """``sign``: {request, issuer}: the vendor answers a request. Raises ValueError on what is no request."""
    try:
        request = read_request(str(order["request"]).encode())
        issuer = str(order.get("issuer", "issuing-new"))
        certificate = pki.answer(request, issuer)
    except (ValueError, KeyError, x509.ExtensionNotFound) as error:
        raise ValueError(f"expected a certificate request with DNS names, found: {error}") from error
    number = len(list((folder / "vendor").glob("answer-*.zip"))) + 1
    chain = [pki[issuer], pki["root"]]
    name = f"{certificate.serial_number:016x}"
    whole = [certificate, *(c.certificate for c in chain)]
    file = folder / "vendor" / f"answer-{number}.zip"
    bundle = {f"{name}.crt": pem(certificate), "et_bundle-g3.crt": pem_bundle(*chain)}
    _write(file, _zip({**bundle, f"{name}.p7b": pkcs7.serialize_certificates(whole, serialization.Encoding.PEM)}))
    return {"file": str(file), "certificate": pem(certificate).decode()}
