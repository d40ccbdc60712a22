# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every product has to be, read from it and from what it sends; a product that is added gets it for nothing."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from ansible_collections.ucops.certificates.plugins.plugin_utils import products
from ansible_collections.ucops.certificates.plugins.plugin_utils.findings.finding import SEVERITIES
from ansible_collections.ucops.certificates.plugins.plugin_utils.member import records
from ansible_collections.ucops.certificates.plugins.plugin_utils.member.evidence import plan_from
from ansible_collections.ucops.certificates.plugins.plugin_utils.plain import to_plain
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.interface import Asks, Product
from ansible_collections.ucops.certificates.plugins.plugin_utils.products.values import Ask, Both, Depth
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.bootstrap import slice_script
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import ALLOWED, LOADABLE, OWN, Call
from ansible_collections.ucops.certificates.tests.unit.plugins.plugin_utils.products.subjects import NEXT, Subject
from ansible_collections.ucops.certificates.tests.unit.zoo import NOW

ROOT = next(parent for parent in Path(__file__).resolve().parents if (parent / "galaxy.yml").is_file())
DEPTHS: tuple[Depth, ...] = get_args(Depth)
OLDER = {
    "edge": ("bundle.shared-internal", "event.session-key", "product.av-own-certificate", "roll."),
    "exchange": ("bundle.unknown-use", "event.exchange-transport"),
}
"""Ids, and one family, that were there before an id had to begin with its product. An id never changes."""


# -- the interface -----------------------------------------------------------------------------------------------------


def members(protocol: type) -> Iterator[tuple[str, Any]]:
    """The attributes of an interface with their types, and its methods."""
    yield from get_type_hints(protocol).items()
    for kind in reversed(protocol.__mro__):
        if kind.__module__ == protocol.__module__:
            yield from ((name, member) for name, member in vars(kind).items() if name[0] != "_" and callable(member))


def fits(value: Any, kind: Any) -> bool:
    """Whether a value is of a type, by its outermost part and by what is in it."""
    origin, inside = get_origin(kind) or kind, get_args(kind)
    if origin is Asks:
        return not list(missing(value, Asks))
    if not isinstance(value, origin):
        return False
    if origin in (tuple, frozenset) and inside:
        return all(isinstance(one, inside[0]) for one in value)
    return origin is not Mapping or all(isinstance(key, str) for key in value)


def shape(function: Any) -> list[tuple[str, Any, bool]]:
    """Parameters by name and kind, and whether each may be left out. A name may end with an underscore."""
    found = [p for p in inspect.signature(function).parameters.values() if p.name != "self"]
    return [(p.name.rstrip("_"), p.kind, p.default is p.empty) for p in found]


def missing(value: Any, protocol: type) -> Iterator[str]:
    """What an interface asks and the value does not answer as it is asked."""
    for name, wanted in members(protocol):
        here = getattr(value, name, None)
        if inspect.isfunction(wanted):
            if not callable(here) or shape(here) != shape(wanted):
                yield f"{name}{inspect.signature(wanted)}"
        elif here is None or not fits(here, wanted):
            yield f"{name}: {wanted}"


def test_it_answers_all_that_the_interface_asks(subject: Subject) -> None:
    assert len(list(members(Product))) > 60
    assert not list(missing(subject.product, Product))


def test_what_is_missing_is_noticed(subject: Subject) -> None:
    class Less(type(subject.product)):  # type: ignore[misc]
        uses = list(subject.product.uses)
        front = None
        asks = object()

        def left(self, plan: Any) -> Any: ...

    told = " ".join(missing(Less(), Product))
    assert all(f"{name}" in told for name in ("uses:", "front:", "asks:", "left(self, plan"))


def test_it_speaks_of_its_own_uses_alone(subject: Subject) -> None:
    product = subject.product
    uses = set(product.uses)
    assert len(uses) == len(product.uses) and subject.name == product.name == product.name.lower()
    assert product.front in product.outside and not product.outside & product.inside
    assert {*product.outside, *product.inside, *product.services_of, *product.restartable} <= uses
    assert product.succeeds in ("", *uses) and bool(product.succeeds) == bool(product.succession)
    seen = subject.look(subject.fake())
    assert set(product.offers(seen.state)) <= uses and set(product.assigned(seen.state)) <= uses
    own = product.own({})
    assert set(product.give(("external",), own)) <= uses and not product.give((), own)
    with suppress(ValueError):  # which says so; another product leaves it to the preflight
        assert not product.give(("nonsense",), own)


def test_its_settings_are_a_frozen_value_that_travels(subject: Subject) -> None:
    own = subject.product.own({})
    assert dataclasses.is_dataclass(own) and type(own).__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert subject.product.own(to_plain(own)) == own


# -- findings ----------------------------------------------------------------------------------------------------------


@cache
def texts(folder: Path, pattern: str = "*.py") -> Mapping[Path, str]:
    """The text of every file below a folder."""
    own = [path for path in folder.rglob(pattern) if ".build" not in path.relative_to(folder).parts]
    return {path: path.read_text(encoding="utf-8") for path in own}


def naming(id: str, folder: Path, *without: str) -> list[Path]:
    """The files in which an id stands as a word of the code, but for those that only list it."""
    word = re.compile(rf"""["'`\s(\[]{re.escape(id)}["'`\s).,:;\]]""")
    return [path for path, text in texts(folder).items() if path.name not in without and word.search(text)]


def folder_of(subject: Subject) -> Path:
    """The product's folder, wherever it lies."""
    return Path(inspect.getfile(type(subject.product))).parent


def test_each_of_its_findings_helps_a_reader(subject: Subject) -> None:
    product = subject.product
    assert product.catalogue
    for id, entry in product.catalogue.items():
        assert id.startswith((f"{product.name}.", *OLDER.get(product.name, ()))), f"{id} does not say whose it is"
        assert entry.severity in SEVERITIES and entry.severity != "ok", id
        assert entry.remedy.endswith(".") and entry.why and entry.title, id
        assert entry.column in product.checks, f"{id}: a rollout of it has no column {entry.column}"


def test_each_of_its_findings_is_found_by_its_code_and_by_a_test(subject: Subject) -> None:
    unused, untested = [], []
    for id in subject.product.catalogue:
        if not (naming(id, folder_of(subject), "catalogue.py") or naming(id, ROOT / "plugins", "catalogue.py")):
            unused.append(id)
        if not naming(id, ROOT / "tests", "catalogue.py", Path(__file__).name):
            untested.append(id)
    assert not unused, "in the catalogue, and nothing says it"
    assert not untested, "no test names it"


# -- cmdlets -----------------------------------------------------------------------------------------------------------


def listed(script: str) -> set[str]:
    """The product cmdlets that a piece of the script lets through."""
    parts = re.findall(r"^\$product \+?= ((?:'[\w-]+',?\s*)+)$", script, re.M)
    return {name for part in parts for name in re.findall(r"'([\w-]+)'", part)}


def test_the_script_lets_its_cmdlets_through_however_they_are_loaded(subject: Subject) -> None:
    product = subject.product
    assert product.cmdlets and product.ways and set(product.ways) <= LOADABLE
    for name, kind in product.cmdlets.items():
        assert name not in OWN and ALLOWED[name] == kind
        assert kind == ("read" if name.split("-")[0] in ("Get", "Test", "Export") else "write"), name
    whole, bare = subject.script(), slice_script(subject.script(), [])
    for way in product.ways:
        sliced = slice_script(whole, [way])
        assert set(product.cmdlets) <= listed(sliced), way
        assert len(sliced) > len(bare) and way.split(":")[0] in sliced.replace(bare, ""), f"nothing loads {way}"
    for depth in DEPTHS:
        assert set(product.load(product.own({}), depth)) <= set(product.ways)


def life(subject: Subject) -> list[Call]:
    """Every call that a product makes of itself: all reads, a renewal, the way back, and what a fault may ask for."""
    product, run = subject.product, subject.run()
    fake = subject.fake()
    subject.renew(fake, run)
    subject.go("take_back", fake, run)
    own, names = product.own({}), [name for services in product.services_of.values() for name in services]
    found = list(fake.sent)
    for depth in DEPTHS:
        calls = product.read(depth, Ask(own, ("AB" * 20,), NOW))
        assert product.load(own, depth) or not [call for call in calls if call.name in product.cmdlets], depth
        found += calls
    found += [*product.first_look(NOW), *product.status(), *product.test(("AB" * 20,), product.key_store)]
    found += [*product.staged(("AB" * 20,), product.key_store), *product.wait(names, 5.0), *product.restart(names)]
    found += [*product.stop(names, True), *product.stop(names, False), *product.start(names)]
    if product.succeeds:
        found += [call for change in product.cancel(product.succeeds, "AB" * 20).changes for call in change.calls]
    return found


def test_all_that_it_calls_is_its_own_and_documented_in_every_version(subject: Subject) -> None:
    product, known, calls = subject.product, subject.documented(), life(subject)
    assert {call.name for call in calls} <= {*product.cmdlets, *OWN}
    assert set(product.cmdlets) <= set(known), "a cmdlet that nobody has documented"
    mine = [call for call in calls if call.name in product.cmdlets]
    assert {call.kind for call in mine} == {"read", "write"}
    wrong = []
    for call in mine:
        facts = known[call.name]
        assert set(facts["applicable"]) & set(subject.versions), f"{call.name}: no version has it"
        for version in set(facts["applicable"]) & set(subject.versions):
            for name in call.parameters:
                found = facts["parameters"].get(name)
                if found is None or version not in found.get("applicable", facts["applicable"]):
                    wrong.append(f"{version}: {call.name} -{name}")
    assert not sorted(set(wrong))
    reads = [call for call in mine if call.kind == "read"]
    assert all(call.keep for call in reads), "what is not kept does not come back"


# -- the journal -------------------------------------------------------------------------------------------------------


def test_the_journal_carries_every_setting_of_every_plan(subject: Subject) -> None:
    """Of the switch and of the member's step behind it: what is not there is not put back."""
    fake, run = subject.fake(), subject.run()
    evidence, gate = subject.ready(fake, run)
    plans = [evidence.plan, *(plan_from(gate[kind]["m1"]) for kind in ("plans", "after") if "m1" in gate[kind])]
    subject.finish(fake, run, evidence, gate)
    assert fake.journal is not None
    record = records.record_of(records.Journal.loads(fake.journal), run.run)
    for plan in plans:
        assert dict(plan.settings).items() <= dict(record.settings).items()
        assert all(record.uses[use] == both for use, both in plan.uses.items() if use not in evidence.pending)
    again = subject.go("read", fake, subject.run(run=NEXT))
    assert all(isinstance(both, Both) for both in record.settings.values()) and again.plan.empty


def test_the_list_of_products_is_in_their_own_words() -> None:
    """The key is the name; no two products claim one finding."""
    every = list(products.PRODUCTS.values())
    assert [product.name for product in every] == list(products.PRODUCTS)
    ids = [id for product in every for id in product.catalogue]
    assert len(ids) == len(set(ids))
