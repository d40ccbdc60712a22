# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Catalogue of findings about Exchange servers: services, default SMTP certificate, names. See :mod:`findings`."""

from __future__ import annotations

from collections.abc import Mapping

from ...findings.entry import Entry

ENABLE = "Microsoft, Enable-ExchangeCertificate"
ANONYMOUS = "Microsoft, Selection of inbound anonymous TLS certificates"
STARTTLS = "Microsoft, Selection of inbound STARTTLS certificates"
KB2989382 = "Microsoft KB2989382, Cannot receive mail with a new certificate (EdgeSync)"
KB2779694 = "Microsoft KB2779694, OWA, ECP or EMS can't connect after a self-signed certificate is removed"

# fmt: off
EXCHANGE: Mapping[str, Entry] = {
    "bundle.unknown-use": Entry(
        "error", "A bundle for something that this product has not",
        "An Exchange array takes one certificate for all of its services.",
        "Give one bundle, named external.", "", column="store"),
    "event.exchange-transport": Entry(
        "error", "Transport found no good certificate",
        "Since the switch Exchange wrote that STARTTLS or mail between servers has no certificate that fits.",
        "Compare the connector's name with those of the certificate; event 12014 names the connector.", STARTTLS,
        column="events"),
    "exchange.not-found": Entry(
        "error", "There is no Exchange on the host",
        "None of its services was found.", "Check that the inventory names Exchange servers.", "", column="product"),
    "exchange.service-absent": Entry(
        "error", "The server does not have this service",
        "A certificate cannot be given to it here.", "Take it off the list for this server.", ENABLE,
        column="product"),
    "exchange.um-mode": Entry(
        "error", "Unified Messaging would refuse the certificate",
        "It takes one only while its startup mode is TLS or Dual and its service is stopped.",
        "Set the mode, stop the service, run again and start it; or leave Unified Messaging out.", ENABLE,
        column="product"),
    "exchange.services-unknown": Entry(
        "warning", "Whether a certificate has a service cannot be known",
        "Exchange's answer does not show its services: the session has no types of Exchange (RemoteExchange.ps1 is not "
        "there or failed), or its data cannot be verified (auth certificate). Bindings, key access and names leave it "
        "open.",
        "A renewal gives the service again, which does no harm; to see it, mend RemoteExchange.ps1 in Exchange's bin "
        "folder or the auth certificate.", ENABLE, column="product"),
    "exchange.answer-foreign": Entry(
        "error", "The vendor's answer is for another request",
        "Its key is not that of any request that waits on this server; imported here it would have no key.",
        "Import it on the server where its request waits, or have the vendor issue it anew for the one that is here.",
        "Microsoft, Import-ExchangeCertificate", column="product"),
    "exchange.default-smtp-moves": Entry(
        "warning", "The default SMTP certificate moves along",
        "In an emergency the one that is replaced, has expired or is gone cannot stay it. EdgeSync and mail between "
        "servers use the new one from then on.",
        "Where an Edge Transport server is subscribed, remove the Edge Subscription and make it anew; otherwise "
        "nothing.",
        "", column="product"),
    "exchange.default-smtp-none": Entry(
        "warning", "There is no default SMTP certificate",
        "Servers of the organization cannot encrypt mail among themselves; event 12012.",
        "Run New-ExchangeCertificate on the server, or give SMTP a certificate with default_smtp set to move.",
        ANONYMOUS, column="product"),
    "exchange.default-smtp-gone": Entry(
        "error", "The default SMTP certificate is not in the store",
        "Mail between servers goes without encryption or not at all; event 12013.",
        "Put it back, or give SMTP another certificate with default_smtp set to move.", ANONYMOUS, column="product"),
    "exchange.default-smtp-expired": Entry(
        "error", "The default SMTP certificate has expired",
        "It is still used, with event 12015; whether Exchange takes it again is not certain.",
        "Make a new self-signed one with New-ExchangeCertificate, or set default_smtp to move.", ANONYMOUS,
        column="product"),
    "exchange.default-smtp-choice": Entry(
        "error", "The default SMTP certificate is the one that is replaced",
        "Somebody once answered yes to Exchange's question. Keeping it means that it can never be retired.",
        "Set default_smtp (in a rollout rollout_default_smtp) to keep or move; after a move an Edge Subscription has "
        "to be made anew.", KB2989382, column="product"),
    "exchange.default-smtp-changed": Entry(
        "critical", "The default SMTP certificate or port 444 is not what it was",
        "EdgeSync, mail between servers or the management shell may break.",
        "Give it back at once, as the finding says.", KB2989382, column="product"),
    "exchange.client-name": Entry(
        "error", "POP or IMAP finds no certificate by its name",
        "Its X509CertificateName has to be a name of the certificate.",
        "Set pop_name or imap_name (in a rollout rollout_pop_name, rollout_imap_name) to a name that clients use and "
        "the certificate covers.",
        "Microsoft, Set-PopSettings and Set-ImapSettings", column="product"),
    "exchange.back-end": Entry(
        "error", "The certificate of port 444 is gone or not the server's own",
        "Outlook on the web stays blank, and the management shell does not open.",
        "Make one with New-ExchangeCertificate (answer no to the question), bind it to Exchange Back End.", KB2779694,
        column="product"),
    "exchange.smtp-not-enabled": Entry(
        "error", "SMTP chooses a certificate whose key it cannot read",
        "The newest fitting certificate of the store is taken for STARTTLS, enabled or not; TLS then fails.",
        "Give SMTP the certificate, or take it out of LocalMachine\\My.", STARTTLS, column="product"),
    "exchange.auth-certificate": Entry(
        "warning", "The auth certificate has expired",
        "Sign-in to Outlook on the web and the management shell's output suffer.",
        "Run Microsoft's MonitorExchangeAuthCertificate script.", "Microsoft, CSS-Exchange, AuthCertificateCheck",
        column="product"),
    "exchange.unread": Entry(
        "warning", "A part of the configuration could not be read",
        "What it would have shown was not judged.",
        "See the error text; a missing management role is the usual cause.", "", column="product"),
    "exchange.cmdlet-missing": Entry(
        "error", "The account may not run a cmdlet that is needed",
        "A cmdlet that the account's management roles lack does not exist in its shell; the switch would end half-way.",
        "Give the account the role that the finding names, or take another account.",
        "Microsoft, Find the permissions required to run any Exchange cmdlet", column="product"),
    "exchange.connector-elsewhere": Entry(
        "warning", "A Send connector sends from servers outside of the array",
        "A certificate name whose certificate a server does not hold is taken without an error, and mail then waits.",
        "Renew the other servers, then set its TlsCertificateName with exchange_connectors.", KB2989382,
        column="product"),
    "exchange.connector-foreign": Entry(
        "error", "The connector is not this server's, or is not there",
        "A Receive connector belongs to one server, and only that one presents its certificate.",
        "Run it on the connector's own server, or correct the name.", "win-acme issue 2811", column="product"),
    "exchange.connector-uncovered": Entry(
        "error", "Not all servers of the connector hold the certificate",
        "A certificate name whose certificate a server does not hold is taken without an error, and mail then waits.",
        "Give every server of the connector the certificate, with SMTP, and run it again.", KB2989382,
        column="product"),
    "exchange.edge-subscription": Entry(
        "error", "The Edge Subscription has to be made anew",
        "An Edge Transport server with a new certificate of a CA is no longer the one that was subscribed.",
        "Plan a new subscription (New-EdgeSubscription) and set rollout_edge_subscription to renew.", KB2989382,
        column="product"),
    "exchange.name-uncovered": Entry(
        "warning", "Clients are sent to a name that the certificate does not cover",
        "A virtual directory, Autodiscover or a connector names it. The certificate in use does not cover it either.",
        "Add the name to the next request, or change the setting.",
        "Microsoft, Digital certificates and encryption in Exchange Server", column="product"),
    "exchange.hybrid-edge": Entry(
        "warning", "Edge Transport servers are subscribed",
        "Hybrid mail takes the certificate by issuer and subject, on Mailbox and Edge Transport servers alike.",
        "Renew the Edge Transport servers with the same bundle.", KB2989382, column="product"),
}
# fmt: on
