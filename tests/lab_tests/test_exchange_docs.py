"""docs/lab-exchange.md names what there is: options with their choices, controls, certificates, functions, shells."""

from __future__ import annotations

from pathlib import Path

from lab.exchange.certificates import EXCHANGE_RECIPES
from lab.exchange.control import ORDERS
from lab.exchange.functions import FUNCTIONS
from lab.exchange.shell import WAYS
from lab.exchange.state import CHOICES, ExchangeBehaviour, Visits
from lab.exchange.versions import PRODUCTS
from lab.member.functions import FUNCTIONS as COMMON
from lab.member.state import Behaviour

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "lab-exchange.md").read_text("utf-8")


def test_options_and_their_choices_are_described() -> None:
    own = [o for o in vars(ExchangeBehaviour()) if o not in vars(Behaviour())]
    assert own and [o for o in own if f"| `{o}` |" not in PAGE] == []
    assert [c for choices in CHOICES.values() for c in choices if f"`{c}`" not in PAGE] == []


def test_defaults_come_first() -> None:
    made = ExchangeBehaviour()
    assert [o for o, choices in CHOICES.items() if getattr(made, o) != choices[0]] == []
    assert [o for o, choices in CHOICES.items() if f"| `{o}` | `{choices[0]}`" not in PAGE] == []


def test_controls_are_shown() -> None:
    assert [c for c in [*ORDERS, "sign"] if f"`{c}`" not in PAGE and f'"{c}"' not in PAGE] == []


def test_certificates_products_and_functions_are_named() -> None:
    named = [*EXCHANGE_RECIPES, *PRODUCTS, *vars(Visits())]
    assert [n for n in named if f"`{n}`" not in PAGE] == []
    assert [f for f in FUNCTIONS if f not in COMMON and f"`{f} " not in PAGE] == []
    assert [w for w in WAYS if f"`exchange:{w}`" not in PAGE] == []
