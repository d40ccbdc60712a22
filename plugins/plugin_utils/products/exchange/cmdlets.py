# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cmdlets of Exchange Server that may be called, with the parameters that Microsoft documents."""

from __future__ import annotations

from collections.abc import Mapping

from ...windows.calls import Kind

CMDLETS: Mapping[str, Kind] = {
    "Get-ExchangeCertificate": "read",
    "Get-TransportServer": "read",
    "Get-TransportService": "read",
    "Get-ReceiveConnector": "read",
    "Get-SendConnector": "read",
    "Get-PopSettings": "read",
    "Get-ImapSettings": "read",
    "Get-AuthConfig": "read",
    "Get-FederationTrust": "read",
    "Get-EdgeSubscription": "read",
    "Get-UMService": "read",
    "Get-UMCallRouterSettings": "read",
    "Get-ClientAccessServer": "read",
    "Get-ClientAccessService": "read",
    "Get-OwaVirtualDirectory": "read",
    "Get-EcpVirtualDirectory": "read",
    "Get-WebServicesVirtualDirectory": "read",
    "Get-ActiveSyncVirtualDirectory": "read",
    "Get-OabVirtualDirectory": "read",
    "Get-MapiVirtualDirectory": "read",
    "Get-OutlookAnywhere": "read",
    # Without a password it gives nothing of a key: a pending request is exported, a certificate with its key refused.
    "Export-ExchangeCertificate": "read",
    "New-ExchangeCertificate": "write",
    "Import-ExchangeCertificate": "write",
    "Enable-ExchangeCertificate": "write",
    "Set-PopSettings": "write",
    "Set-ImapSettings": "write",
    "Set-ReceiveConnector": "write",
    "Set-SendConnector": "write",
    "Get-ServerComponentState": "read",
    "Get-Queue": "read",
    "Get-MailboxServer": "read",
    "Get-MailboxDatabaseCopyStatus": "read",
    "Set-ServerComponentState": "write",
    "Redirect-Message": "write",
    "Set-MailboxServer": "write",
    "Move-ActiveMailboxDatabase": "write",
}
