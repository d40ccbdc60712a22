"""The archive that users install: nothing but the collection, and pages that promise only what it holds."""

from __future__ import annotations

import importlib
import re
import tarfile
from pathlib import Path, PurePosixPath
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tests" / "tools"
#: Every name that may stand at the top. The last two are written by ansible-galaxy.
TOP = {
    "CHANGELOG.rst",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "changelogs",
    "docs",
    "meta",
    "playbooks",
    "plugins",
    "requirements.txt",
    "roles",
    "FILES.json",
    "MANIFEST.json",
}
#: What a checkout gathers while it is worked in: by this repository's tools, by editors, by Ansible.
LEFT_BEHIND = (
    ".build/dist/old.tar.gz",
    ".env",
    ".git/config",
    ".idea/workspace.xml",
    ".venv/bin/python",
    ".vscode/settings.json",
    "changelogs/.plugin-cache.yaml",
    "demo-report/1/report.html",
    "docs/.DS_Store",
    "plugins/action/__pycache__/store.cpython-311.pyc",
    "reports/edge-1/report.json",
    "ucops-certificates-0.0.9.tar.gz",
    "ucops-report-1/report.json",
)
#: What only a checkout has, as the pages speak of it.
CHECKOUT_ONLY = re.compile(r"`make [a-z]|^    make [a-z]|python -m lab|`[^`\n]*\btests/|noxfile", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s#]+)")


@pytest.fixture(scope="module")
def tools() -> dict[str, ModuleType]:
    """The modules of tests/tools."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TOOLS))
        return {name: importlib.import_module(name) for name in ("importer", "tree")}


@pytest.fixture(scope="module")
def archive(tools: dict[str, ModuleType], tmp_path_factory: pytest.TempPathFactory) -> tarfile.TarFile:
    """The archive of a checkout that was worked in."""
    folder = tmp_path_factory.mktemp("archive")
    source = folder / "checkout"
    tools["tree"].copy_files(source)
    for name in LEFT_BEHIND:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANSIBLE_HOME", str(folder / "ansible"))
        return tarfile.open(tools["tree"].archive(source, folder / "dist"))


@pytest.fixture(scope="module")
def names(archive: tarfile.TarFile) -> set[str]:
    """The files in it."""
    return {member.name for member in archive.getmembers() if member.isfile()}


@pytest.fixture(scope="module")
def pages(archive: tarfile.TarFile, names: set[str]) -> dict[str, str]:
    """Its pages."""
    found = {}
    for name in sorted(name for name in names if name.endswith(".md")):
        stream = archive.extractfile(name)
        assert stream is not None
        found[name] = stream.read().decode("utf-8")
    return found


def test_it_holds_the_collection_and_nothing_else(names: set[str]) -> None:
    assert {name.split("/")[0] for name in names} == TOP
    hidden = [name for name in names if any(part.startswith((".", "__pycache__")) for part in name.split("/"))]
    assert not hidden
    assert {name for name in names if name.startswith("changelogs/")} == {
        "changelogs/changelog.yaml",
        "changelogs/config.yaml",
    }


def test_it_holds_the_whole_collection(tools: dict[str, ModuleType], names: set[str]) -> None:
    """Every file that git has below plugins, roles, playbooks, meta and docs."""
    wanted = {path.as_posix() for path in tools["tree"].files()}
    kept = {name for name in wanted if name.split("/")[0] in TOP - {"changelogs"}}
    assert kept == names - {"FILES.json", "MANIFEST.json", "changelogs/changelog.yaml", "changelogs/config.yaml"}


def test_every_role_says_what_it_is(pages: dict[str, str], names: set[str]) -> None:
    """Galaxy refuses an archive with a role that has no README."""
    roles = {name.split("/")[1] for name in names if name.startswith("roles/")}
    for role in roles:
        page = pages[f"roles/{role}/README.md"]
        assert page.startswith(f"# ucops.certificates.{role}\n")
        assert f"`{role}_`" in page and "Not run against a real" in page


def test_the_entry_points_of_a_role_are_those_that_it_takes(pages: dict[str, str]) -> None:
    for specs in sorted(ROOT.glob("roles/*/meta/argument_specs.yml")):
        role = specs.parts[-3]
        known = set(yaml.safe_load(specs.read_text(encoding="utf-8"))["argument_specs"])
        assert set(re.findall(r"^\| `([a-z_]+)` \|", pages[f"roles/{role}/README.md"], re.MULTILINE)) == known


def test_links_of_its_pages_lead_into_it(pages: dict[str, str], names: set[str]) -> None:
    lost = []
    for page, text in pages.items():
        for target in LINK.findall(text):
            if "://" in target or target.startswith("mailto:"):
                continue
            parts: list[str] = []
            for part in (PurePosixPath(page).parent / target).parts:
                parts = parts[:-1] if part == ".." else [*parts, part]
            if "/".join(parts) not in names:
                lost.append(f"{page}: {target}")
    assert not lost


def test_what_only_a_checkout_has_is_said_to_be_there(pages: dict[str, str]) -> None:
    """No page promises `make demo` or a file of the tests before it has said that these are in a checkout."""
    wrong = []
    for page, text in pages.items():
        first = CHECKOUT_ONLY.search(text)
        if first:
            end = text.find("\n\n", first.end())
            if "checkout" not in text[: end if end >= 0 else None]:
                wrong.append(f"{page}: {text[first.start() :].splitlines()[0]}")
    assert not wrong


def test_the_addresses_are_of_one_place() -> None:
    """The importer demands the repository; the other addresses lie below it."""
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
    assert re.fullmatch(r"https://[a-z0-9.-]+/[\w.-]+/[\w.-]+", galaxy["repository"])
    for name in {"documentation", "homepage", "issues"} & set(galaxy):
        assert galaxy[name].startswith(galaxy["repository"])


@pytest.mark.parametrize(
    ("says", "code", "taken"),
    [
        ("Loading role verify", 0, True),
        ("WARNING: Ignore files skip ansible-test sanity tests, found ignore-2.19.txt", 0, False),
        ("ERROR: Error in playbook", 0, False),
        ("ERROR: The import failed for the following reason: No role readme found.", 1, False),
        ("", 1, False),
    ],
)
def test_what_the_importer_says_decides(
    tools: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, code: int, taken: bool
) -> None:
    """A warning is as bad as a refusal; and silence is none of its results."""
    result = '{"contents": [{"content_type": "role", "name": "verify", "description": null}]}'
    program = tmp_path / "bin" / "python"
    program.parent.mkdir()
    written = f"echo '{result}' > importer_result.json" if code == 0 else ":"
    program.write_text(f"#!/bin/sh\necho 'Importing'\necho '{says}'\n{written}\nexit {code}\n")
    program.chmod(0o755)
    monkeypatch.setattr(tools["importer"], "make_environment", lambda: program.parent)
    verdict = tools["importer"].judge(tmp_path / "a.tar.gz", tmp_path / "imported")
    assert verdict.taken is taken
    assert verdict.complaints == ([says] if ":" in says else [])


def test_the_importers_pins_come_before_the_common_ones(tools: dict[str, ModuleType]) -> None:
    common = 'attrs==26.1.0\nansible-core==2.21.5 ; python_version >= "3.12"\n# words\nruamel.yaml==0.19.1\n'
    own = "# words\nAttrs==23.2.0\ngalaxy_importer==0.4.44\n"
    assert tools["importer"].pins(common, own).splitlines() == [
        'ansible-core==2.21.5 ; python_version >= "3.12"',
        "ruamel.yaml==0.19.1",
        "Attrs==23.2.0",
        "galaxy_importer==0.4.44",
    ]
