# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that name a bundle: leaf, private key and intended chain, as a vendor delivers them."""

from __future__ import annotations


class ModuleDocFragment:
    """The same as C(BUNDLE_SPEC) in plugin_utils/inputs.py; a test compares them."""

    DOCUMENTATION = r"""
options:
  path:
    description:
      - The vendor's delivery on the control node, a zip, PFX, PEM, DER or p7b file.
      - Exactly one of O(path) and O(content) is needed.
    type: path
  content:
    description:
      - The delivery itself, as PEM text or as base64, for example from a vault lookup.
    type: str
  password:
    description:
      - Password of the PFX or of the private key.
    type: str
  key_path:
    description:
      - File with the private key, where the delivery holds none.
    type: path
  key_content:
    description:
      - The private key as PEM text or base64, where the delivery holds none.
    type: str
  extra_paths:
    description:
      - More files of the same delivery, for example intermediates that came apart from it.
    type: list
    elements: path
    default: []
  exportable:
    description:
      - Whether the key may be exported again on the hosts it is imported to.
    type: bool
    default: true
  friendly_name:
    description:
      - The friendly name on the hosts, fewer than 64 characters.
    type: str
  trust:
    description:
      - The roots that the clients of this certificate trust.
      - V(system) for the list of the control node, a PEM file, or PEM text.
      - Without it V(system).
    type: str
"""
