"""docs/lab.md names what there is: options with their choices, controls, certificates, cmdlets' data."""

from __future__ import annotations

from pathlib import Path

from lab.member.control import ORDERS
from lab.member.state import CHOICES, Behaviour
from lab.pki import RECIPES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "lab.md").read_text("utf-8")


def test_options_and_their_choices_are_described() -> None:
    assert [o for o in vars(Behaviour()) if f"`{o}`" not in PAGE] == []
    assert [c for o, choices in CHOICES.items() if o != "language" for c in choices if f"`{c}`" not in PAGE] == []


def test_controls_are_shown() -> None:
    assert [c for c in ORDERS if c not in PAGE] == []


def test_certificates_are_named() -> None:
    assert [r for r in RECIPES if f"`{r}`" not in PAGE] == []


def test_the_lab_imports_nothing_of_the_collection() -> None:
    lab = Path(__file__).resolve().parents[1] / "lab"
    mine = [*lab.rglob("*.py")]
    assert mine
    for file in mine:
        for line in file.read_text("utf-8").splitlines():
            assert not (
                line.strip().startswith(("import ", "from ")) and ("plugins" in line or "ansible_collections" in line)
            ), file
