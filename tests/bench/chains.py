"""(chains) Finding the chain of a leaf among many certificates: this collection, cryptography's verifier, OpenSSL.

All three get the same leaf, root and pool, in which one certificate is the leaf's issuer and the others are of no use.
``warm``: everything was parsed before. ``cold``: parsing counts, and is done anew each time.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import crypto

from bench.measure import Cost, alternating, here, tell

HOW = ("warm", "cold")
NAME = "sip.contoso.example"
Key = ec.EllipticCurvePrivateKey
Run = Callable[[], None]


@dataclass(frozen=True)
class Case:
    """DER of a leaf, of its root, and of the certificates between which its issuer is."""

    leaf: bytes
    root: bytes
    pool: tuple[bytes, ...]
    now: datetime


def measure(rounds: int, sizes: list[int]) -> dict[str, Any]:
    """A row for each size of pool; milliseconds of CPU, medians."""
    rows = {}
    for size in sizes:
        tell(f"chains: among {size} certificates")
        case = made(size)
        ways = {f"{name}, {how}": run for name, pair in runs(case).items() for how, run in zip(HOW, pair, strict=True)}
        costs = alternating(max(rounds, 5), {name: partial(again, run) for name, run in ways.items()})
        rows[str(size)] = {
            name: round(1000 * statistics.median(c.cpu for c in found), 3) for name, found in costs.items()
        }
    return {"rows": rows, "rounds": max(rounds, 5)}


def again(run: Run) -> Cost:
    """What a second run in a row costs: the one before brings its data back to where the way before it worked."""
    run()
    return here(run)


def made(size: int) -> Case:
    """A vendor's root, an issuing CA, a leaf; and CAs of others, whose names and keys have nothing to do with these."""
    now = datetime.now(timezone.utc).replace(microsecond=0)
    root, issuing, own, foreign = (ec.generate_private_key(ec.SECP256R1()) for _ in range(4))
    others = tuple(certificate(now, f"Other CA {n}", f"Other Root {n // 3}", foreign, foreign) for n in range(size - 1))
    return Case(
        certificate(now, NAME, "Issuing CA", own, issuing, leaf=True),
        certificate(now, "Root", "Root", root, root),
        (*others, certificate(now, "Issuing CA", "Root", issuing, root)),
        now,
    )


def certificate(now: datetime, subject: str, issuer: str, key: Key, signer: Key, *, leaf: bool = False) -> bytes:
    """One certificate as DER, with what verifiers of the Web ask for."""

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    others = dict.fromkeys(("content_commitment", "data_encipherment", "key_agreement", "encipher_only"), False)
    usage = x509.KeyUsage(
        leaf, key_encipherment=False, key_cert_sign=not leaf, crl_sign=not leaf, decipher_only=False, **others
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=60))
        .add_extension(x509.BasicConstraints(not leaf, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if leaf:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def runs(case: Case) -> dict[str, tuple[Run, Run]]:
    """Each way, warm and cold. Each raises where it finds no chain."""
    return {"ours": ours(case), "cryptography": by_cryptography(case), "OpenSSL": by_openssl(case)}


def ours(case: Case) -> tuple[Run, Run]:
    """This collection's."""
    from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.certificate import load_der
    from ansible_collections.ucops.certificates.plugins.plugin_utils.pki.chain import chain_paths

    def parsed() -> tuple[Any, list[Any], list[Any]]:
        return load_der(case.leaf), [load_der(der) for der in case.pool], [load_der(case.root)]

    def find(leaf: Any, pool: list[Any], roots: list[Any]) -> None:
        if not chain_paths(leaf, pool, roots, case.now)[0].ok:
            raise AssertionError("no chain was found")

    ready = parsed()
    return lambda: find(*ready), lambda: find(*parsed())


def by_cryptography(case: Case) -> tuple[Run, Run]:
    """cryptography's verifier for servers of the Web."""

    def parsed() -> tuple[x509.Certificate, list[x509.Certificate], x509.Certificate]:
        load = x509.load_der_x509_certificate
        return load(case.leaf), [load(der) for der in case.pool], load(case.root)

    def find(leaf: x509.Certificate, pool: list[x509.Certificate], root: x509.Certificate) -> None:
        builder = verification.PolicyBuilder().store(verification.Store([root])).time(case.now)
        builder.build_server_verifier(x509.DNSName(NAME)).verify(leaf, pool)

    ready = parsed()
    return lambda: find(*ready), lambda: find(*parsed())


def by_openssl(case: Case) -> tuple[Run, Run]:
    """OpenSSL's X509_verify_cert, through pyOpenSSL."""

    def parsed() -> tuple[crypto.X509, list[crypto.X509], crypto.X509]:
        def load(der: bytes) -> crypto.X509:
            return crypto.load_certificate(crypto.FILETYPE_ASN1, der)

        return load(case.leaf), [load(der) for der in case.pool], load(case.root)

    def find(leaf: crypto.X509, pool: list[crypto.X509], root: crypto.X509) -> None:
        store = crypto.X509Store()
        store.add_cert(root)
        crypto.X509StoreContext(store, leaf, chain=pool).verify_certificate()

    ready = parsed()
    return lambda: find(*ready), lambda: find(*parsed())
