# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Catalogue of findings about Edge servers alone: uses, the roll of A/V authentication."""

from __future__ import annotations

from collections.abc import Mapping

from ...findings.entry import Entry

EDGE_NEEDS = "Microsoft, Edge Server environmental requirements in Skype for Business Server"
SESSION_KEY = "Event text of the Access Edge Server: all servers in the array must have the same certificate"
STAGED_AV = "Microsoft, Stage AV and OAuth certificates using -Roll in Set-CsCertificate"

# fmt: off
EDGE: Mapping[str, Entry] = {
    "bundle.shared-internal": Entry(
        "warning", "One certificate for the external and the internal interface",
        "The internal interface should have a certificate of its own, issued for the pool's internal name.",
        "Give a bundle of its own for the internal interface.", EDGE_NEEDS, column="store"),
    "event.session-key": Entry(
        "critical", "'Failed to import a shared session key'",
        "Members of the pool do not hold the same certificate and key, or the chain is incomplete on one of them. "
        "Audio with outside users ends as soon as it is answered.",
        "Compare thumbprints and chains of all members in this report; mend the one that differs and restart it.",
        SESSION_KEY, column="events"),
    "product.av-own-certificate": Entry(
        "error", "A/V authentication has a certificate of its own",
        "The run would give it the external certificate, which nobody asked for.",
        "Decide with rollout_av (follow or leave), or give it a bundle of its own.", STAGED_AV, column="product"),
    "roll.mixed": Entry(
        "critical", "The members are rolled for different instants or certificates",
        "Between the instants members refuse each other's tokens.",
        "Run the rollout again before the first instant; it brings all members to the journalled one.", STAGED_AV,
        column="roll"),
    "roll.needed": Entry(
        "error", "A/V authentication needs a roll, not a plain replacement",
        "Replacing its certificate at once invalidates the tokens of calls in progress: audio and video drop.",
        "Give an instant for the roll, or accept the drop explicitly in a quiet hour.", STAGED_AV, column="roll"),
    "roll.no-overlap": Entry(
        "error", "Old and new certificate do not overlap long enough",
        "The old one expires before tokens made with it have ended, so a plain replacement drops calls.",
        "Choose an earlier instant, or accept the drop with rollout_allow_call_drop in a quiet hour.", STAGED_AV,
        column="roll"),
    "roll.passed": Entry(
        "warning", "The instant of the roll has passed",
        "The new A/V certificate is in use; restoring the old one would invalidate the tokens of live calls, so it is "
        "not taken back by itself.", "Run settle.", STAGED_AV, column="roll"),
    "roll.passed-unrolled": Entry(
        "critical", "The instant has passed with a member not rolled",
        "Rolled members issue tokens that this member refuses: calls through it fail.",
        "Run the rollout with rollout_allow_call_drop on this member, or assign the certificate there without -Roll in"
        " a quiet hour.", STAGED_AV, column="roll"),
    "roll.pending": Entry(
        "info", "The A/V authentication successor is waiting for its instant",
        "Until then the old certificate is in use for audio and video tokens, then the new one by itself.",
        "Run settle after the instant. Keep the old certificate until it has expired.", STAGED_AV, column="roll"),
    "roll.too-soon": Entry(
        "error", "The instant of the roll is too near",
        "All members must be rolled before it comes.", "Choose a later instant; hours, not minutes.", STAGED_AV,
        column="roll"),
    "roll.unconfirmed": Entry(
        "error", "A member did not confirm the roll",
        "All members must be rolled before the instant.", "Run again; before the instant nothing is lost.", STAGED_AV,
        column="roll"),
    "roll.unsettled": Entry(
        "warning", "The instant has passed, but the run was not settled",
        "The A/V authentication service was not restarted and proven on the new certificate.", "Run settle.",
        STAGED_AV, column="roll"),
}
# fmt: on
