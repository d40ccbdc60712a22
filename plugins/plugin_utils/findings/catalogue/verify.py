# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Catalogue of findings that only a verification makes, about what is in use. See :mod:`findings`."""

from __future__ import annotations

from collections.abc import Mapping

from ..entry import Entry

KB954755 = "Microsoft KB954755, Configure intermediate certificates on a computer that runs IIS"
KB933430 = "Microsoft KB933430, Clients cannot make connections if the list of trusted issuers is too long"
LYNC_EXPIRED = "Microsoft, Lync Server certificate expiration"
SERVER_NAMES = "RFC 6125, section 6.4"

# fmt: off
VERIFY: Mapping[str, Entry] = {
    "store.assigned-missing": Entry(
        "error", "A certificate in use is not in LocalMachine\\My",
        "The service holds it until it is restarted, then it does not start.",
        "Assign a certificate that is there, or put this one back with its key, before anything restarts the service.",
        "Microsoft, Get-CsCertificate", column="store"),
    "store.root-list-long": Entry(
        "warning", "The list of trusted issuers is longer than 16 KB",
        "Windows before Server 2012 sends it to clients and cuts it off; mutual TLS then fails for some partners.",
        "Remove roots that nobody needs, carefully on an Edge with federation.", KB933430, column="store"),
    "leaf.expired-in-use": Entry(
        "critical", "A certificate in use has expired",
        "Clients refuse it, and services do not start with it again.",
        "Renew it now. Do not restart the service before it has another certificate.", LYNC_EXPIRED, column="chain"),
    "chain.expires-soon": Entry(
        "warning", "A link of a chain in use expires soon",
        "From that day on every certificate below it fails, however long it is valid itself.",
        "Ask the vendor for the successor of the intermediate and put it into LocalMachine\\CA of every member.",
        KB954755, column="chain"),
    "names.not-covered": Entry(
        "error", "A certificate in use does not cover a name",
        "Clients of that name refuse the connection.",
        "Have the certificate reissued with the name, or take the name off verify_names.", SERVER_NAMES,
        column="chain"),
    "wire.no-answer": Entry(
        "error", "A port does not present a certificate",
        "Nobody can use what is behind it, or something on the way keeps the probe out.",
        "Check that the service runs and listens, and that this host is let through; else read it from a vantage host.",
        "", column="wire"),
    "wire.name-differs": Entry(
        "error", "A port presents a certificate without the name that clients ask for",
        "They refuse the connection.",
        "Compare the name in the inventory with what clients use; have the certificate reissued if it lacks it.",
        SERVER_NAMES, column="wire"),
    "wire.sni-differs": Entry(
        "warning", "A port presents another certificate to clients that name no server",
        "Older SIP clients, partners and mail servers send no server name (SNI) and get the other one.",
        "Bind the certificate to the address as well, not to the name alone; or leave it if all clients send names.",
        "RFC 6066, section 3", column="wire"),
    "wire.chain-differs": Entry(
        "warning", "A port presents another chain than the stores predict",
        "The service was not restarted since the stores changed, or the chain comes from a store that is no part of "
        "the machine's (a download, the store of SYSTEM): it will be another one after a restart or on a new server.",
        "Put the intended intermediates into LocalMachine\\CA and restart the service in a maintenance window.",
        KB954755, column="wire"),
    "wire.none": Entry(
        "error", "No port is listed",
        "Without WinRM the ports are all that can be read.",
        "List the ports of every member in rollout_endpoints or verify_endpoints.", "", column="wire"),
    "wire.vantage-lost": Entry(
        "error", "A vantage host does not answer",
        "What users see from there was not looked at.", "Get it back, or take it off verify_vantage_hosts.", "",
        column="wire"),
    "accept.ended": Entry(
        "warning", "An acceptance has ended",
        "A finding was accepted until a day that is over, and it is still there.",
        "Mend what the finding names, or accept it anew with a reason and another day.", ""),
}
# fmt: on
