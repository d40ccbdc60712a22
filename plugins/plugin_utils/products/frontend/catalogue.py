# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Catalogue of findings about Front End servers and Directors alone: names of Default, the issuer of OAuth tokens."""

from __future__ import annotations

from collections.abc import Mapping

from ...findings.entry import Entry

INTERNAL_SERVERS = "Microsoft, Certificate requirements for internal servers in Lync Server 2013"
SERVER_TO_SERVER = "Microsoft, Assign a server-to-server authentication certificate to Skype for Business Server"
STAGED = "Microsoft, Stage AV and OAuth certificates using -Roll in Set-CsCertificate"

# fmt: off
FRONTEND: Mapping[str, Entry] = {
    "frontend.default-names": Entry(
        "error", "The Default certificate lacks the name of the pool or of the server",
        "Servers and clients reach it by these names over mutual TLS, and refuse a certificate that has not both.",
        "Have it reissued with the pool's and this server's FQDN, and assign it with Set-CsCertificate -Type Default.",
        INTERNAL_SERVERS, column="chain"),
    "frontend.names-unread": Entry(
        "info", "The names of pool and server could not be read",
        "Whether the Default certificate covers them is not known.",
        "Run Get-CsComputer -Local in the Management Shell on the server, under the account of this run.",
        "Microsoft, Get-CsComputer", column="chain"),
    "frontend.oauth-differs": Entry(
        "error", "The servers have different certificates for OAuthTokenIssuer",
        "It is configured once for the whole deployment and replicated, and all servers have to have the same.",
        "Do not assign it server by server. Look at Get-CsManagementStoreReplicationStatus, then assign it once, on "
        "one Front End server: Set-CsCertificate -Identity global -Type OAuthTokenIssuer.", SERVER_TO_SERVER,
        column="store"),
    "frontend.oauth-missing": Entry(
        "warning", "No certificate is assigned to OAuthTokenIssuer",
        "Authentication between servers (Exchange, SharePoint, Office Web Apps) cannot be used without it.",
        "Assign one once for the deployment, on one Front End server: Set-CsCertificate -Identity global -Type "
        "OAuthTokenIssuer. Where others have it, look at Get-CsManagementStoreReplicationStatus first.",
        SERVER_TO_SERVER, column="product"),
    "frontend.oauth-pending": Entry(
        "info", "A successor of OAuthTokenIssuer is waiting for its instant",
        "Until then the old certificate signs the tokens, then the new one by itself.",
        "See to it that the successor is on every server before the instant; keep the old one until it has expired.",
        STAGED, column="product"),
    "frontend.oauth-short": Entry(
        "error", "The key of OAuthTokenIssuer is too short",
        "Authentication between servers demands at least 2048 bits.",
        "Have a certificate issued with a key of 2048 bits or more, and assign it once with -Identity global.",
        SERVER_TO_SERVER, column="key"),
}
# fmt: on
