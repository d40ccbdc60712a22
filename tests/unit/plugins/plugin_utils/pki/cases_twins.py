# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hard cases: finding the way. Twins of every kind; missing and misleading hints."""

from __future__ import annotations

from ansible_collections.ucops.certificates.tests.unit.zoo import DAY, NOW, authority, fresh_key, issue, name

from .chain_case import Case, case, wrong

OLD, PAST = NOW - 900 * DAY, NOW - DAY
AKI_DIFFERS = "OpenSSL does not try an issuer whose key identifier differs"


@case
def same_name_but_other_key() -> Case:
    root = authority("Root")
    right, wrong_key = authority("Issuing", root), authority("Issuing", root)
    return Case(issue(issuer=right), [wrong_key], [root], wrong("issuer-missing", "signature-bad"), length=1)


@case
def same_name_other_key_beside_the_right_one() -> Case:
    root = authority("Root")
    right, wrong_key = authority("Issuing", root), authority("Issuing", root)
    return Case(issue(issuer=right), [wrong_key, right], [root], length=3, paths=1)


@case
def same_name_other_key_without_any_key_identifier() -> Case:
    root = authority("Root", ski=False)
    right, *others = (authority("Issuing", root, ski=False, aki=False) for _ in range(20))
    return Case(issue(issuer=right, ski=False, aki=False), [*others, right], [root], length=3, paths=1,
                openssl="OpenSSL takes the first of the same name")  # fmt: skip


@case
def root_of_the_same_name_but_other_key() -> Case:
    right, other = authority("Root"), authority("Root")
    middle = authority("Issuing", right)
    return Case(issue(issuer=middle), [middle], [other, right], length=3, paths=1)


@case
def renewed_intermediate_beside_its_expired_twin() -> Case:
    root, key = authority("Root"), fresh_key()
    expired = authority("Issuing", root, key=key, not_before=OLD, not_after=PAST)
    renewed = authority("Issuing", root, key=key)
    return Case(issue(issuer=renewed), [expired, renewed], [root], length=3, paths=2)


@case
def only_the_expired_twin_is_left() -> Case:
    root, key = authority("Root"), fresh_key()
    expired = authority("Issuing", root, key=key, not_before=OLD, not_after=PAST)
    return Case(issue(issuer=expired), [expired], [root], wrong("expired"), length=3)


@case
def renewed_root_beside_its_expired_twin() -> Case:
    key = fresh_key()
    expired = authority("Root", key=key, not_before=OLD, not_after=PAST)
    renewed = authority("Root", key=key)
    middle = authority("Issuing", renewed)
    return Case(issue(issuer=middle), [middle], [expired, renewed], length=3, paths=2)


@case
def twin_of_the_root_is_trusted_the_delivered_one_not() -> Case:
    key = fresh_key()
    delivered, trusted = authority("Root", key=key), authority("Root", key=key)
    middle = authority("Issuing", delivered)
    return Case(issue(issuer=middle), [middle, delivered], [trusted], length=3, paths=2)


@case
def root_renewed_with_a_new_key_signed_by_the_old_one() -> Case:
    old, new_key = authority("Root"), fresh_key()
    rollover = authority("Root", old, key=new_key)
    middle = authority("Issuing", rollover)
    return Case(issue(issuer=middle), [middle, rollover], [old], length=4)


@case
def no_key_identifiers_anywhere() -> Case:
    root = authority("Root", ski=False)
    middle = authority("Issuing", root, ski=False, aki=False)
    return Case(issue(issuer=middle, ski=False, aki=False), [middle], [root], length=3)


@case
def authority_key_identifier_is_wrong() -> Case:
    root = authority("Root")
    middle = authority("Issuing", root, aki=b"elsewhere")
    return Case(issue(issuer=middle), [middle], [root], length=3, openssl=AKI_DIFFERS)


@case
def key_identifier_points_at_the_wrong_twin() -> Case:
    root = authority("Root")
    right, decoy = authority("Issuing", root, ski=b"right"), authority("Issuing", root, ski=b"decoy")
    return Case(issue(issuer=right, aki=b"decoy"), [decoy, right], [root], length=3, openssl=AKI_DIFFERS)


@case
def key_identifier_shared_by_strangers() -> Case:
    root = authority("Root", ski=b"same")
    middle = authority("Issuing", root, ski=b"same", aki=b"same")
    stranger = authority("Stranger", root, ski=b"same", aki=b"same")
    return Case(issue(issuer=middle, aki=b"same"), [stranger, middle], [root], length=3, paths=1)


@case
def swapped_intermediates() -> Case:
    one, two = authority("Root 1"), authority("Root 2")
    first, second = authority("Issuing 1", one), authority("Issuing 2", two)
    return Case(issue(issuer=first), [second], [one, two], wrong("issuer-missing"), length=1)


@case
def issuer_name_in_another_spelling() -> Case:
    root = authority("Root")
    middle = authority("x", root, subject=name(("C", "DE"), ("O", "Contoso  Trust", 0x0C), ("CN", "Issuing CA", 0x0C)))
    spelt = name(("C", "de"), ("O", "contoso trust ", 0x13), ("CN", "ISSUING CA", 0x13))
    return Case(issue(issuer=middle, issuer_name=spelt), [middle], [root], length=3)


@case
def issuer_name_differs_though_the_key_is_right() -> Case:
    root = authority("Root")
    middle = authority("Issuing", root)
    return Case(issue(issuer=middle, issuer_name=name(CN="Someone else")), [middle], [root], wrong("issuer-missing"))
