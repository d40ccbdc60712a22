# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Catalogue of findings about certificates themselves: chains, leaves, names, bundles. See :mod:`findings`."""

from __future__ import annotations

from collections.abc import Mapping

from .catalogue_entry import Entry

KB954755 = "Microsoft KB954755, Configure intermediate certificates on a computer that runs IIS"
KB2831004 = "Microsoft KB2831004, Certificate validation fails when a certificate has multiple trusted paths"
RFC5280 = "RFC 5280, section 6 (certification path validation)"
EDGE_PLAN = "Microsoft, Plan for Edge Server certificates in Lync Server 2013"
EDGE_NEEDS = "Microsoft, Edge Server environmental requirements in Skype for Business Server"
PFX_AES = "Microsoft, Can't import an AES256-SHA256-encrypted PFX certificate"
SHA512 = "Microsoft blog (Canberra PFE), SHA512 certificates preventing RTCSRV from starting"
LYNC_EXPIRED = "Microsoft, Lync Server certificate expiration"
LYNC_CNG = "Perficient blog 2013-12-09, The buffer supplied to a function was too small (Set-CsCertificate)"

GET_CHAIN = "Take the missing certificate from the vendor's delivery or repository, give it with the bundle, run again."
ASK_VENDOR = "Ask the vendor for a new certificate; nothing on the servers can mend this one."

PKI: Mapping[str, Entry] = {
    "chain.issuer-missing": Entry(
        "error", "An issuer of the chain is missing",
        "Clients and federation partners that do not already know this intermediate cannot verify the server, although"
        " the certificate viewer on the server may show a valid chain.", GET_CHAIN, KB954755),
    "chain.incomplete": Entry(
        "error", "The chain does not reach a root",
        "What would be sent stops before a certificate that clients trust.", GET_CHAIN, KB954755),
    "chain.ambiguous": Entry(
        "warning", "More than one chain can be sent",
        "Windows scores the possible chains and sends the shortest of equals; which one that is can change when a root"
        " or cross-certificate arrives.",
        "Decide which chain is meant; remove or disable the other cross-certificate or root on the members.",
        KB2831004),
    "chain.expired": Entry(
        "error", "A certificate of the chain has expired",
        "Clients refuse a chain with an expired certificate in it.",
        "Give the current intermediate of the vendor with the bundle and remove the expired one from LocalMachine\\CA.",
        RFC5280),
    "chain.not-yet-valid": Entry(
        "error", "A certificate of the chain is not valid yet",
        "Clients refuse it until its first day has come.",
        "Check the clocks first; else wait for the date or give another intermediate.", RFC5280),
    "chain.untrusted-root": Entry(
        "error", "The chain ends in a root that is not trusted",
        "Who does not have this root in their own store refuses the connection.",
        "Compare the root's SHA-256 with the vendor's publication. If it is right, name it as trusted for the clients "
        "meant; if not, give the bundle with the intended intermediates.", RFC5280),
    "chain.signature-bad": Entry(
        "error", "A signature in the chain does not verify",
        "A certificate names this issuer but was not signed with its key: same name, other key.",
        "Give the intermediate whose key identifier the finding names.", RFC5280),
    "chain.signature-unknown": Entry(
        "warning", "A signature in the chain could not be verified",
        "It is made with an algorithm that this machine does not know; clients may not know it either.",
        "Look at the certificate named; ask the vendor for a common algorithm.", RFC5280),
    "chain.malformed": Entry(
        "warning", "A certificate of the chain is not well-formed",
        "Part of it cannot be read as X.509; some clients refuse such a certificate as a whole.",
        "Look at the certificate named; ask the vendor for one that is well-formed.", RFC5280),
    "chain.unknown-critical": Entry(
        "error", "A certificate of the chain has a critical extension that nobody knows",
        "Who does not understand a critical extension has to refuse the certificate.",
        "Look at the certificate named; ask the vendor for one without that extension.", RFC5280),
    "chain.usage": Entry(
        "error", "A certificate of the chain is not meant for this purpose",
        "Its extended key usage leaves out server authentication; clients refuse a server with it.",
        "Ask the vendor for a certificate, or an intermediate, that is meant for servers.", RFC5280),
    "chain.key-usage": Entry(
        "error", "An issuer of the chain may not sign certificates",
        "Its key usage leaves out the signing of certificates, so what it signed does not count.",
        "Give the intermediate that the vendor meant.", RFC5280),
    "chain.weak-key": Entry(
        "warning", "A key of the chain is too short",
        "RSA keys under 2048 bits are refused by current clients.",
        "Ask the vendor for a chain with keys of 2048 bits or more.", RFC5280),
    "chain.not-a-ca": Entry(
        "error", "An issuer in the chain is not a CA certificate",
        "Clients refuse a chain through a certificate that may not issue.",
        "Give the vendor's intermediates, not another server's certificate.", RFC5280),
    "chain.path-length": Entry(
        "error", "The chain is longer than a CA in it allows",
        "Clients enforce the limit.", "Give the intended intermediates; ask the vendor which they are.", RFC5280),
    "chain.name-constraint": Entry(
        "error", "A CA in the chain may not issue for these names",
        "Clients enforce name constraints.", ASK_VENDOR, RFC5280),
    "chain.purpose": Entry(
        "error", "The chain is not meant for this purpose",
        "A certificate of the chain restricts its use and leaves out server (or client) authentication.", ASK_VENDOR,
        RFC5280),
    "chain.weak-signature": Entry(
        "error", "The chain is signed with a weak algorithm",
        "Current clients refuse MD5 and SHA-1 signatures below the root.", ASK_VENDOR,
        "Microsoft, Windows enforcement of SHA1 certificates"),
    "chain.unsupported": Entry(
        "warning", "The chain carries something that could not be judged",
        "A critical extension or algorithm is unknown here; clients may refuse it.",
        "Look at the certificate named; ask the vendor what the extension is for.", RFC5280),
    "chain.too-many": Entry(
        "error", "Too many certificates to build chains from",
        "The search for paths was stopped at its limit, so no path is proven.",
        "Give only the vendor's own intermediates with the bundle.", ""),
    "chain.intermediate-as-root": Entry(
        "error", "An intermediate was offered as a root",
        "A certificate that is not self-signed does not belong into the Root store: it breaks mutual TLS on Lync and "
        "Skype for Business.", "Move it to the intermediates of the bundle.",
        "uclobby 2015-06-19, naming Microsoft KB2795828"),
    "chain.problem": Entry(
        "warning", "A certificate of the chain is malformed",
        "Parts of it could not be read; Windows may read it otherwise.",
        "Compare with the vendor's original file; download it again.", RFC5280),
    "leaf.expired": Entry(
        "error", "The new certificate has expired",
        "Services do not start with an expired certificate.",
        "You probably have last year's delivery: give the renewed one.", LYNC_EXPIRED),
    "leaf.not-yet-valid": Entry(
        "error", "The new certificate is not valid yet",
        "Clients refuse it until its first day has come.",
        "Check the clock of this machine and of the members; else plan the rollout after that date.", RFC5280),
    "leaf.older-than-current": Entry(
        "error", "The certificate offered is older than the one in use",
        "Its first day lies before that of the certificate it is to replace: most likely the wrong delivery.",
        "Give the renewed certificate.", ""),
    "leaf.expires-soon": Entry(
        "warning", "The certificate expires soon",
        "Services do not start with an expired certificate.",
        "Renew it and plan the rollout while old and new overlap by at least the token lifetime.", LYNC_EXPIRED),
    "leaf.sha512": Entry(
        "error", "SHA-512 signature on a Windows older than Server 2016",
        "Without a hotfix Schannel there cannot use it and the Access Edge service does not start (Schannel 36874, "
        "36888).", "Ask the vendor for a SHA-256 signed certificate.", SHA512),
    "leaf.key-weak": Entry(
        "error", "The key is too short",
        "Current clients refuse RSA keys below 2048 bits.", "Make a new request with 2048 bits or more.",
        "Microsoft KB2661254, Minimum certificate key length"),
    "leaf.weak-signature": Entry(
        "error", "The certificate is signed with a weak algorithm",
        "Current clients refuse MD5 and SHA-1 signatures.", ASK_VENDOR,
        "Microsoft, Windows enforcement of SHA1 certificates"),
    "leaf.key-type": Entry(
        "error", "The key is not RSA",
        "Exchange and Lync need an RSA key in a classic provider.",
        "Make a new request with an RSA key of 2048 bits or more.", LYNC_CNG),
    "leaf.no-server-auth": Entry(
        "error", "The certificate is not for servers",
        "Its extended key usage leaves out server authentication.", ASK_VENDOR, EDGE_PLAN),
    "leaf.is-ca": Entry(
        "error", "The certificate offered for the servers is a CA certificate",
        "It is the issuer, not the server's own.",
        "Give the server certificate; CA certificates go with it as intermediates.", RFC5280),
    "names.missing": Entry(
        "error", "Names are missing in the new certificate",
        "The members are configured for names that the certificate does not cover; clients of these names will refuse "
        "it.",
        "Ask the vendor to reissue it with the names listed, or take the name out of the members' configuration first.",
        EDGE_NEEDS),
    "names.wildcard": Entry(
        "error", "A wildcard certificate on Lync",
        "Wildcards are not supported by Lync Server 2013 apart from simple URLs on the reverse proxy.",
        "Ask the vendor for a certificate that lists every name.", EDGE_PLAN),
    "names.invalid": Entry(
        "warning", "A name in the certificate is not a valid DNS name",
        "Clients will not match it.", "Check the request for typing errors.", "RFC 5280, section 4.2.1.6"),
    "friendly-name.too-long": Entry(
        "error", "The friendly name is too long",
        "Exchange allows fewer than 64 characters.", "Choose a shorter friendly name.",
        "Microsoft, Import-ExchangeCertificate -FriendlyName"),
    "bundle.password-wrong": Entry(
        "error", "The password does not open the file",
        "The key cannot be read; no server was touched.",
        "Check the password variable: trailing spaces and quoting are the usual causes.", ""),
    "bundle.no-key": Entry(
        "error", "There is no private key in the delivery",
        "A certificate without its key cannot serve.",
        "Add the key file that was made with the request, or give the PFX.", ""),
    "bundle.key-mismatch": Entry(
        "error", "The private key belongs to another certificate",
        "The key fits none of the certificates given.",
        "Find the key that was made with this request; a second request makes a second key.", ""),
    "bundle.key-encrypted": Entry(
        "error", "The private key is encrypted and no password was given",
        "The key cannot be read.", "Give the password with the bundle.", ""),
    "bundle.two-leaves": Entry(
        "error", "Two server certificates in one delivery",
        "Which one is meant is not for a program to guess.",
        "Give them as two bundles, or leave out the one that is not meant.", ""),
    "bundle.no-leaf": Entry(
        "error", "No server certificate in the delivery",
        "Only CA certificates were found.", "Add the server's certificate file.", ""),
    "bundle.ec-key": Entry(
        "error", "The key is an EC key",
        "Exchange and Lync need an RSA key in a classic provider.",
        "Make a new request with an RSA key of 2048 bits or more.", LYNC_CNG),
    "bundle.zip-encrypted": Entry(
        "error", "The zip is encrypted",
        "A zip with a password cannot be opened here.",
        "Unpack it and give the files in it, with extra_paths for the intermediates.", ""),
    "bundle.zip-nested": Entry(
        "error", "There is a zip in the zip",
        "An archive within an archive is not opened.",
        "Unpack the outer one and give the inner zip.", ""),
    "bundle.zip-bomb": Entry(
        "error", "The archive unpacks to far more than a certificate delivery",
        "It was not unpacked.", "Check where the file comes from.", ""),
    "bundle.zip-path": Entry(
        "error", "The archive holds paths that lead outside",
        "It was not unpacked.", "Check where the file comes from.", ""),
    "bundle.truncated": Entry(
        "error", "The file ends too early",
        "Part of it is missing.", "Download it again and compare its size.", ""),
    "bundle.html": Entry(
        "error", "The file is a web page",
        "A login or error page was saved instead of the certificate.", "Log in at the vendor's and download it again.",
        ""),
    "bundle.unreadable": Entry(
        "error", "The file could not be read",
        "It is none of the known certificate formats.",
        "Give a zip, PFX, PEM, DER or p7b file as the vendor delivers it.", ""),
    "bundle.too-large": Entry(
        "error", "The file is far larger than a certificate delivery",
        "It was not read.", "Check which file was named.", ""),
    "bundle.too-costly": Entry(
        "error", "Opening the file would take the controller's time or memory",
        "The file demands far more rounds of key derivation than any program makes, or holds a key of absurd size. It "
        "was not opened.", "Export it again with the defaults of the program that made it; check where it comes from.",
        "RFC 8018, section 4.2; RFC 7914, section 2"),
    "bundle.shared-internal": Entry(
        "warning", "One certificate for the external and the internal interface",
        "The internal interface should have a certificate of its own, issued for the pool's internal name.",
        "Give a bundle of its own for the internal interface.", EDGE_NEEDS),
    "bundle.empty": Entry(
        "error", "The file is empty",
        "There is nothing in it.", "Download it again.", ""),
    "bundle.pfx-no-mac": Entry(
        "warning", "The PFX carries no integrity check", "Damage or tampering on the way would go unseen.",
        "Compare it with the vendor's delivery, or export it again.", "RFC 7292, section 5.1"),
    "bundle.pfx-new-cipher": Entry(
        "info", "The PFX uses a cipher that old Windows cannot read",
        "Before Server 2019 it fails with 'The password you entered is incorrect'. It is re-wrapped on the way, "
        "nothing to do.", "Nothing; do not import the file by hand on such a server.", PFX_AES),
}
