# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Catalogue of findings about a renewal that cannot wait. See :mod:`findings`."""

from __future__ import annotations

from collections.abc import Mapping

from ..entry import Entry

LYNC_EXPIRED = "Microsoft, Lync Server certificate expiration"
REVOKED = "RFC 5280, section 5.3.1 (keyCompromise); CA/Browser Forum, Baseline Requirements 4.9.1"

# fmt: off
EMERGENCY: Mapping[str, Entry] = {
    "emergency.way-in": Entry(
        "error", "The certificate in use has expired, and this is an ordinary run",
        "Its services do not start again, it cannot be overlapped with its successor, and nobody can go back to it.",
        "Repeat the same command with -e rollout_emergency=expired; docs/emergency.md is the page for it.",
        LYNC_EXPIRED),
    "emergency.not-expired": Entry(
        "error", "Nothing has expired",
        "The emergency drops calls and leaves no way back; an ordinary run does neither.",
        "Run without rollout_emergency. If the key is compromised, say so: -e rollout_emergency=compromised.", ""),
    "emergency.same-key": Entry(
        "error", "The delivery has no new key",
        "Whoever has the old key could go on pretending to be these servers with it.",
        "Make a request with a new key (playbook request), have it issued, and give that certificate.", REVOKED),
    "emergency.used-already": Entry(
        "warning", "The certificate that was given is in use already",
        "A renewal may have been half done when the key that is replaced became known; or it is the wrong file.",
        "Compare the thumbprint that the run names as replaced with the one that is compromised.", ""),
    "emergency.no-way-back": Entry(
        "error", "The way back leads to a compromised key",
        "Whoever has it could go on pretending to be these servers.",
        "Go forward: repeat the renewal. Where any service is better than none: rollback with "
        "-e rollout_emergency=compromised.", REVOKED),
    "emergency.stays": Entry(
        "error", "A use keeps a certificate that must not stay",
        "It would leave the compromised key in use, or services down.",
        "Give a bundle for that use, too (rollout_bundles, rollout_av, rollout_services), and repeat the command.", ""),
    "emergency.key-lies": Entry(
        "warning", "Where the replaced key lies",
        "A compromised key that lies about can come into use again.",
        "Once the new certificate is proven: have the CA revoke the old one (reason keyCompromise), run the emergency "
        "in every other array that is named, then remove the old certificate and its key from these stores (module "
        "ucops.certificates.store). Files, backups, balancers and reverse proxies were not looked at: look there, too.",
        REVOKED),
    "emergency.not-looked": Entry(
        "warning", "Not looked at for the replaced key",
        "Whether the key lies there is not known.",
        "Look there by its thumbprint (certlm.msc), or repeat the command once the host answers.", ""),
    "emergency.skipped": Entry(
        "info", "An emergency: what was skipped, and why",
        "An ordinary renewal does these things.",
        "Nothing; it is said so that nobody counts on them.", ""),
    "emergency.down": Entry(
        "warning", "Services do not run before the switch",
        "Services do not start with an expired certificate.",
        "Nothing: the switch starts them, and a member on which they do not start is not proven.", LYNC_EXPIRED,
        column="product"),
    "emergency.older": Entry(
        "warning", "The new certificate was issued before the one in use",
        "That may be a spare one, or the wrong file.",
        "Compare its dates and names; go on if it is the one that is meant.", "", column="store"),
}
# fmt: on
