# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hard cases: finding the way. Cross-signatures, dead ends, circles, anchors of every kind."""

from __future__ import annotations

from ansible_collections.ucops.certificates.tests.unit.zoo import DAY, NOW, authority, fresh_key, issue, name

from .chain_case import Case, case, wrong

OLD, PAST = NOW - 900 * DAY, NOW - DAY
FIRST = "OpenSSL takes the first issuer it finds and does not come back"


@case
def complete() -> Case:
    root = authority("Root")
    middle = authority("Issuing", root)
    return Case(issue(issuer=middle), [middle], [root], length=3, paths=1)


@case
def shuffled_with_strangers_and_repetitions() -> Case:
    root = authority("Root")
    upper = authority("Policy", root)
    lower = authority("Issuing", upper)
    leaf = issue(issuer=lower)
    strangers = [authority("Other"), issue("other.example"), authority("Issuing")]
    return Case(leaf, [root, *strangers, upper, leaf, lower, upper, root], [root, root], length=4, paths=1)


@case
def intermediate_missing() -> Case:
    root = authority("Root")
    return Case(issue(issuer=authority("Issuing", root)), [], [root], wrong("issuer-missing"), length=1, paths=1)


@case
def upper_intermediate_missing() -> Case:
    root = authority("Root")
    lower = authority("Issuing", authority("Policy", root))
    return Case(issue(issuer=lower), [lower], [root], wrong("issuer-missing"), length=2, paths=1)


@case
def nothing_at_hand() -> Case:
    return Case(issue(issuer=authority("Root")), [], [], wrong("issuer-missing"), length=1)


@case
def root_at_hand_but_not_trusted() -> Case:
    root, other = authority("Root"), authority("Other")
    middle = authority("Issuing", root)
    return Case(issue(issuer=middle), [middle, root], [other], wrong("untrusted-root"), length=3)


@case
def no_anchors_at_all() -> Case:
    root = authority("Root")
    return Case(issue(issuer=root), [root], [], wrong("untrusted-root"), length=2)


@case
def cross_signed_both_roots_trusted() -> Case:
    old, new = authority("Old root"), authority("New root")
    cross = authority("New root", old, key=new.key)
    middle = authority("Issuing", new)
    return Case(issue(issuer=middle), [middle, cross], [old, new], length=3, paths=2)


@case
def cross_signed_only_old_root_trusted() -> Case:
    old, new = authority("Old root"), authority("New root")
    cross = authority("New root", old, key=new.key)
    middle = authority("Issuing", new)
    return Case(issue(issuer=middle), [middle, cross, new], [old], length=4, paths=2)


@case
def cross_signature_expired_new_root_trusted() -> Case:
    old, new = authority("Old root", not_after=PAST), authority("New root")
    cross = authority("New root", old, key=new.key, not_after=PAST)
    middle = authority("Issuing", new)
    return Case(issue(issuer=middle), [cross, middle], [old, new], length=3, paths=2)


@case
def cross_signature_is_the_only_way_and_expired() -> Case:
    old, new = authority("Old root"), authority("New root")
    cross = authority("New root", old, key=new.key, not_after=PAST)
    middle = authority("Issuing", new)
    return Case(issue(issuer=middle), [cross, middle], [old], wrong("expired"), length=4)


@case
def two_cas_sign_each_other_and_one_is_trusted() -> Case:
    first, second = authority("First"), authority("Second")
    pool = [authority("First", second, key=first.key), authority("Second", first, key=second.key)]
    return Case(issue(issuer=first), pool, [second], length=3)


@case
def two_cas_sign_only_each_other() -> Case:
    first, second = authority("First"), authority("Second")
    pool = [authority("First", second, key=first.key), authority("Second", first, key=second.key)]
    return Case(issue(issuer=first), pool, [authority("Root")], wrong("issuer-missing"))


@case
def circle_of_three_with_an_exit() -> Case:
    keys = [fresh_key() for _ in range(3)]
    root = authority("Root")
    selves = [authority(f"CA {place}", key=key) for place, key in enumerate(keys)]
    pool = [authority(f"CA {place}", selves[(place + 1) % 3], key=key) for place, key in enumerate(keys)]
    pool.append(authority("CA 2", root, key=keys[2]))
    return Case(issue(issuer=selves[0]), pool, [root], length=5, openssl=FIRST)


@case
def eleven_certificates() -> Case:
    chain = [authority("Root")]
    for place in range(9):
        chain.append(authority(f"CA {place}", chain[-1]))
    return Case(issue(issuer=chain[-1]), chain[1:], chain[:1], length=11)


@case
def longer_than_is_searched() -> Case:
    chain = [authority("Root")]
    for place in range(14):
        chain.append(authority(f"CA {place}", chain[-1]))
    return Case(issue(issuer=chain[-1]), chain[1:], chain[:1], wrong("too-many"),
                openssl="OpenSSL searches deeper")  # fmt: skip


@case
def own_certificate_trusted() -> Case:
    leaf = issue()
    return Case(leaf, [], [leaf], length=1, paths=1)


@case
def own_certificate_not_trusted() -> Case:
    leaf = issue()
    return Case(leaf, [leaf], [authority("Root")], wrong("untrusted-root"), length=1)


@case
def intermediate_is_the_anchor() -> Case:
    middle = authority("Issuing", authority("Root"))
    return Case(issue(issuer=middle), [], [middle], length=2, paths=1)


@case
def intermediate_and_root_are_anchors() -> Case:
    root = authority("Root")
    middle = authority("Issuing", root)
    return Case(issue(issuer=middle), [middle], [root, middle], length=2, paths=2)


@case
def leaf_is_the_anchor() -> Case:
    leaf = issue(issuer=authority("Root"))
    return Case(leaf, [], [leaf], length=1)


@case
def dead_end_beside_the_right_issuer() -> Case:
    root, gone, key = authority("Root"), authority("Gone"), fresh_key()
    pool = [authority("Issuing", gone, key=key), authority("Issuing", root, key=key)]
    return Case(issue(issuer=pool[0]), pool, [root], length=3, paths=1, openssl=FIRST)


@case
def maze_of_dead_ends() -> Case:
    """Thirty twins of each of three CAs lead nowhere, one way leads out, and nothing tells which."""
    root, gone = authority("Root"), authority("Gone")
    upper, lower = fresh_key(), fresh_key()
    top = authority("Upper", root, key=upper, not_before=OLD)
    pool = [authority("Upper", gone, key=upper) for _ in range(30)]
    pool += [authority("Lower", top, key=lower, not_after=PAST) for _ in range(30)]
    pool += [authority("Lower", gone, key=lower) for _ in range(30)]
    right = authority("Lower", top, key=lower, not_before=OLD)
    return Case(issue(issuer=right), [*pool, right, top], [root], length=4, openssl=FIRST)


@case
def signed_by_another_server() -> Case:
    root = authority("Root")
    server = issue("other.example", root)
    return Case(issue(issuer=server), [server], [root], wrong("not-a-ca", "key-usage"), length=3)


@case
def empty_subject() -> Case:
    root = authority("Root")
    return Case(issue(issuer=root, subject=name(), names=["leaf.example"]), [], [root], length=2)


@case
def mesh_of_four_cas() -> Case:
    """Everyone has signed everyone; one of them is below the trusted root."""
    root, keys = authority("Root"), [fresh_key() for _ in range(4)]
    selves = [authority(f"CA {place}", key=key) for place, key in enumerate(keys)]
    pool = [authority(f"CA {low}", selves[up], key=keys[low]) for low in range(4) for up in range(4) if low != up]
    pool.append(authority("CA 3", root, key=keys[3]))
    return Case(issue(issuer=selves[0]), pool, [root], length=4, openssl=FIRST)


@case
def good_way_is_longer_than_the_bad_one() -> Case:
    root, key = authority("Root"), fresh_key()
    upper = authority("Policy", root)
    pool = [authority("Issuing", root, key=key, not_after=PAST), authority("Issuing", upper, key=key), upper]
    return Case(issue(issuer=pool[1]), pool, [root], length=4, paths=2)


@case
def corrupted_intermediate_beside_a_good_copy() -> Case:
    root, key = authority("Root"), fresh_key()
    good = authority("Issuing", root, key=key)
    bad = authority("Issuing", root, key=key, corrupt=True)
    return Case(issue(issuer=good), [bad, good], [root], length=3, paths=1, openssl=FIRST)


@case
def corrupted_leaf() -> Case:
    root = authority("Root")
    return Case(issue(issuer=root, corrupt=True), [], [root], wrong("issuer-missing", "signature-bad"), length=1)


@case
def root_whose_own_signature_is_corrupted() -> Case:
    root = authority("Root", corrupt=True)
    return Case(issue(issuer=root), [], [root], length=2)
