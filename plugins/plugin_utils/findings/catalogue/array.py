# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Catalogue of findings about the array and the run: gate, roll, take back, journal, transport. See :mod:`findings`."""

from __future__ import annotations

from collections.abc import Mapping

from ..entry import Entry

EDGE_NEEDS = "Microsoft, Edge Server environmental requirements in Skype for Business Server"
STAGED_AV = "Microsoft, Stage AV and OAuth certificates using -Roll in Set-CsCertificate"
LYNC_EXPIRED = "Microsoft, Lync Server certificate expiration"

# fmt: off
ARRAY: Mapping[str, Entry] = {
    "array.empty": Entry(
        "error", "The array has no members",
        "There is nothing to do, and nothing was proven.", "Check the group's name in the inventory.", ""),
    "array.incomplete-run": Entry(
        "error", "The run does not hold the whole array",
        "--limit or slicing left members out; an array is all or nothing.",
        "Run without --limit; a dead member can be excluded by name and reason.", ""),
    "array.member-twice": Entry(
        "error", "A host belongs to two arrays",
        "It cannot carry the certificate of both.", "Mend the inventory.", ""),
    "wire.address-shared": Entry(
        "error", "One address is named by two members",
        "A port proves only the member that it belongs to; the port of another one was not looked at.",
        "Give each member its own addresses in rollout_endpoints (or verify_endpoints). That of a balancer or a "
        "reverse proxy belongs to no member: name it in verify_front_ends, which only the verification looks at.", ""),
    "wire.address-twice": Entry(
        "error", "One port is listed for two uses",
        "It presents the certificate of one of them.",
        "Leave the entry with the right use in rollout_endpoints, or give the other one its own address or "
        "server_name.", ""),
    "array.thumbprint-differs": Entry(
        "error", "The members do not carry the same certificate",
        "All servers of a pool need the exact same certificate with the same private key.",
        "Bring the member that differs to the certificate of the others: run the rollout again, or assign it there.",
        EDGE_NEEDS, column="store"),
    "array.key-differs": Entry(
        "error", "The members do not carry the same key",
        "All servers of a pool need the exact same certificate with the same private key.",
        "Stage again from one bundle on all members.", EDGE_NEEDS, column="key"),
    "array.clock-differs": Entry(
        "error", "The members' clocks differ by more than a minute",
        "The roll happens at one instant on all members; events and certificates are judged by the clock.",
        "Mend time synchronisation on the member named, then run again.", STAGED_AV, column="reachable"),
    "array.clock-unknown": Entry(
        "error", "The clock of a member was not read",
        "The roll needs one instant on all members.", "Run again.", STAGED_AV, column="reachable"),
    "gate.no-evidence": Entry(
        "error", "There is no proof for a member",
        "The gate passes only what was read fresh from every member.",
        "Run the gate again; see why the member did not answer.", "", column="reachable"),
    "gate.not-passed": Entry(
        "error", "The gate did not pass",
        "At least one member is not ready, so no member is switched.", "Mend what the findings name and run again.",
        "", column="reachable"),
    "gate.missing": Entry(
        "error", "There is no gate verdict of this run",
        "The switch works only on a verdict of the same run.",
        "Run the gate and the switch in one run; do not skip it with tags or --start-at-task.", "",
        column="reachable"),
    "gate.other-run": Entry(
        "error", "The gate verdict belongs to another run or rollout",
        "Members, certificates or run id are not the same.", "Run the gate again.", "", column="reachable"),
    "gate.digest-differs": Entry(
        "error", "A member has changed since the gate",
        "What was proven is no longer what is there.", "Run the gate again.", "", column="reachable"),
    "gate.simulated": Entry(
        "error", "The gate verdict is from a check run",
        "Nothing was staged; it cannot open the switch.", "Run without --check.", "", column="reachable"),
    "rollback.old-expired": Entry(
        "error", "The old certificate has expired: there is no way back",
        "Services do not start with an expired certificate.", "Go forward: mend the cause and run the rollout again.",
        LYNC_EXPIRED, column="product"),
    "rollback.nothing-before": Entry(
        "error", "There was no certificate before: there is nothing to go back to",
        "The use had none assigned.", "Go forward, or unassign it by hand.",
        "Microsoft, Remove-CsCertificate", column="product"),
    "rollback.failed": Entry(
        "critical", "Taking back failed on a member",
        "It may serve the new certificate while others serve the old one.",
        "Read the error; run rollback again, it starts from what is there.", "", column="product"),
    "rollback.limited": Entry(
        "warning", "A way back will not exist for the whole window",
        "The old certificate expires inside the window.", "Do the rollout earlier, or be ready to go forward only.",
        LYNC_EXPIRED, column="product"),
    "journal.unfinished": Entry(
        "warning", "An earlier run did not end",
        "Its journal on the member is still open.",
        "This run reads the true state and goes on from there; run rollback instead if you want the old state "
        "back.", "", column="reachable"),
    "journal.unreadable": Entry(
        "error", "The journal of a member cannot be read",
        "What an earlier run did there is not known from it.",
        "Compare the member with the others by hand, then remove the journal value in "
        "HKLM\\SOFTWARE\\ucops\\certificates.", "", column="reachable"),
    "journal.newer": Entry(
        "error", "The journal was written by a newer version of the collection",
        "This version might misread it.",
        "Run with the version of the collection that the journal names, or a newer one.", "", column="reachable"),
    "journal.other-run": Entry(
        "warning", "The journal of a member belongs to another run",
        "It is left alone.", "See when that run was; roll it back by naming its run id if it is the one meant.", "",
        column="reachable"),
    "journal.other-product": Entry(
        "error", "The journal of a member names another product",
        "What it records belongs to servers of another kind; following it here could only do harm.",
        "Take the member out of the array's group, or run again with the rollout_product that its journal names.", "",
        column="reachable"),
    "journal.missing": Entry(
        "warning", "A member of the run has no journal",
        "Nothing was begun there, or the journal was removed.", "Compare the member with the others in this report.",
        "", column="reachable"),
    "journal.not-written": Entry(
        "error", "The journal could not be written",
        "Nothing is changed on a member whose journal cannot be kept.",
        "Check the account's rights on HKLM\\SOFTWARE\\ucops\\certificates.", "", column="reachable"),
    "transport.insecure": Entry(
        "error", "The connection to the member is not safe for a key",
        "A private key is sent only to an authenticated server over an encrypted connection.",
        "Use HTTPS with a verified certificate (ansible_winrm_ca_trust_path), or NTLM or Kerberos with message "
        "encryption.", "", column="reachable"),
    "transport.unverified": Entry(
        "error", "The server's identity is not verified",
        "server_cert_validation is ignore: anybody could be at the other end.",
        "Name the CA of the WinRM certificate in ansible_winrm_ca_trust_path, or use NTLM or Kerberos message "
        "encryption.", "", column="reachable"),
    "transport.unsupported": Entry(
        "error", "This connection type is not supported",
        "Only winrm and psrp carry the collection's script.", "Set ansible_connection to winrm or psrp.", "",
        column="reachable"),
}
# fmt: on
