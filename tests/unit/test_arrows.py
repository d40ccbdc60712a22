"""Who may import whom: the arrows of the house, read from the source of every plugin.

    action -> base -> verify -> report -> array -> member -> products -> stores -> findings, pki    member -> windows

Only base, the actions, filters and modules know Ansible; nothing below them looks up.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
OWN = "ansible_collections.ucops.certificates.plugins"

# What the folder of a product may import of ours, beside itself.
PRODUCT = (
    "plugin_utils.findings",
    "plugin_utils.pki",
    "plugin_utils.plain",
    "plugin_utils.products.interface",
    "plugin_utils.products.values",
    "plugin_utils.stores",
    "plugin_utils.windows.calls",
    "plugin_utils.text",
)
# Folder or file below plugins/ -> what it may import of ours (a name covers everything below it); itself always.
# `windows.calls` holds only the words for a call, no way to a host: products are allowed to say them.
ALLOWED: dict[str, tuple[str, ...]] = {
    "plugin_utils/errors.py": (),
    "plugin_utils/pki": ("plugin_utils.text",),
    "plugin_utils/windows": ("plugin_utils.text",),
    "plugin_utils/plain.py": (),
    "plugin_utils/next_step.py": ("plugin_utils.text",),
    "plugin_utils/version.py": (),
    "plugin_utils/words.py": (),
    "plugin_utils/text.py": (),
    "plugin_utils/findings": ("plugin_utils.plain", "plugin_utils.text"),
    # What Schannel would send is a server's flight, which the probe of ports takes apart.
    "plugin_utils/stores": (
        "module_utils.tls_probe",
        "plugin_utils.findings",
        "plugin_utils.pki",
        "plugin_utils.windows.calls",
    ),
    "plugin_utils/products": (
        "plugin_utils.findings",
        "plugin_utils.pki",
        "plugin_utils.plain",
        "plugin_utils.stores",
        "plugin_utils.windows.calls",
        "plugin_utils.text",
    ),
    # What only one product is: none of them knows another. Edge and Front End build on what Lync's cmdlets answer
    # whatever the role is (cs), which is no product and knows none.
    "plugin_utils/products/cs": PRODUCT,
    "plugin_utils/products/edge": (*PRODUCT, "plugin_utils.products.cs"),
    "plugin_utils/products/exchange": PRODUCT,
    "plugin_utils/products/frontend": (*PRODUCT, "plugin_utils.products.cs"),
    "plugin_utils/member": (
        "plugin_utils.findings",
        "plugin_utils.next_step",
        "plugin_utils.pki",
        "plugin_utils.plain",
        "plugin_utils.products",
        "plugin_utils.stores",
        "plugin_utils.windows",
        "plugin_utils.text",
    ),
    "plugin_utils/array": (
        "plugin_utils.findings",
        "plugin_utils.inputs",
        "plugin_utils.member",
        "plugin_utils.next_step",
        "plugin_utils.pki",
        "plugin_utils.plain",
        "plugin_utils.products",
        "plugin_utils.stores",
        "plugin_utils.version",
        "plugin_utils.words",
        "plugin_utils.windows.calls",
        "plugin_utils.text",
    ),
    "plugin_utils/report": (
        "plugin_utils.array",
        "plugin_utils.findings",
        "plugin_utils.member",
        "plugin_utils.next_step",
        "plugin_utils.plain",
        "plugin_utils.products",
        "plugin_utils.stores.pictures",
        "plugin_utils.words",
        "plugin_utils.text",
    ),
    "plugin_utils/verify": (
        "plugin_utils.array",
        "plugin_utils.findings",
        "plugin_utils.inputs",
        "plugin_utils.member",
        "plugin_utils.next_step",
        "plugin_utils.pki",
        "plugin_utils.plain",
        "plugin_utils.products",
        "plugin_utils.report",
        "plugin_utils.stores",
        "plugin_utils.version",
        "plugin_utils.windows",
        "plugin_utils.words",
    ),
    "plugin_utils/request": ("plugin_utils.pki", "plugin_utils.products"),
    "plugin_utils/inputs.py": ("plugin_utils.pki", "plugin_utils.text"),
    "plugin_utils/hooks.py": (),
    "plugin_utils/outputs.py": (),
    "plugin_utils/base.py": ("plugin_utils",),
    "plugin_utils/rollout.py": ("plugin_utils",),
    "plugin_utils/products/exchange/action.py": ("plugin_utils",),
    "plugin_utils/__init__.py": ("plugin_utils.products",),
    # tls_endpoint_info runs on the controller without the detour of a module, and as a module on a vantage host.
    "action": ("plugin_utils", "modules.tls_endpoint_info"),
    "filter": ("plugin_utils.pki", "plugin_utils.text"),
    "callback": ("plugin_utils.hooks",),
    "doc_fragments": (),
    "modules": ("module_utils",),
    "module_utils": (),
}
# What may be imported of Ansible; everything else imports none of it.
ANSIBLE: dict[str, tuple[str, ...]] = {
    "plugin_utils/base.py": ("ansible",),
    "plugin_utils/rollout.py": ("ansible",),
    "action": ("ansible",),
    "callback": ("ansible.plugins.callback", "ansible.release"),
    "filter": ("ansible.errors", "ansible.module_utils"),
    "modules": ("ansible.module_utils",),
}
# Libraries beyond Python's own: only these places know them.
LIBRARIES: dict[str, tuple[str, ...]] = {
    "plugin_utils/pki": ("cryptography",),
    # Mozilla's list of roots, where it is asked for; pywinrm brings it along.
    "plugin_utils/inputs.py": ("certifi",),
    # The report's page is a template; ansible-core itself brings both.
    "plugin_utils/report": ("jinja2", "markupsafe"),
}


def sources() -> list[Path]:
    """Return every Python file of the plugins, relative to plugins/."""
    return sorted(path.relative_to(PLUGINS) for path in PLUGINS.rglob("*.py"))


def place(path: Path) -> str:
    """Return the key of the tables for a file: the longest one that names it or a folder above it."""
    keys = [key for key in ALLOWED if path.as_posix() == key or path.as_posix().startswith(f"{key}/")]
    assert keys, f"plugins/{path} is in no place that test_arrows.py knows: say there what it may import"
    return max(keys, key=len)


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) for each import of a file; names of ours are relative to plugins/."""
    folder = path.parent.parts
    for node in ast.walk(ast.parse((PLUGINS / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            above = folder[: len(folder) - node.level + 1]
            stem = [*above, *([node.module] if node.module else [])]
            yield from ((node.lineno, ".".join(["", *stem, alias.name])) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def is_below(name: str, allowed: tuple[str, ...]) -> bool:
    """Tell whether a dotted name is one of the allowed ones or inside one."""
    return any(name == one or name.startswith(f"{one}.") for one in allowed)


@pytest.mark.parametrize("path", sources(), ids=str)
def test_imports_follow_the_arrows(path: Path) -> None:
    """No file imports more of the collection, of Ansible or of other libraries than its place may."""
    where = place(path)
    own = where.removesuffix(".py").replace("/", ".")
    wrong = []
    for line, name in imports(path):
        name = name.replace(f"{OWN}.", ".", 1) if name.startswith(OWN) else name
        if name.startswith("."):
            fine = is_below(name[1:], (own, "plugin_utils.errors", *ALLOWED[where]))
        elif name.split(".")[0] == "ansible":
            fine = is_below(name, ANSIBLE.get(where, ()))
        else:
            known = name.split(".")[0] in sys.stdlib_module_names
            fine = known or is_below(name, LIBRARIES.get(where, ()))
        if not fine:
            wrong.append(f"plugins/{path}:{line}: {where} must not import {name}")
    assert not wrong, "\n".join(wrong)


def test_what_is_raised_on_purpose_has_one_root() -> None:
    """Every exception of plugin_utils is a CollectionError, so that one clause can tell it from a fault of ours."""
    rooted, others = {"CollectionError"}, {}
    for path in sources():
        if path.parts[0] != "plugin_utils" or path.name == "errors.py" and path.parent.name == "plugin_utils":
            continue
        for node in ast.walk(ast.parse((PLUGINS / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                others[node.name] = [ast.unparse(base).rpartition(".")[2] for base in node.bases]
    raised = {name for name in others if _raises(name, others)}
    while more := {name for name in raised - rooted if rooted & set(others[name])}:
        rooted |= more
    assert raised and not raised - rooted


KNOWN_BASES = frozenset({"Exception", "ValueError", "RuntimeError", "CollectionError"})


def _raises(name: str, classes: dict[str, list[str]]) -> bool:
    """Tell whether a class is an exception, by its bases."""
    bases = classes.get(name, [])
    return any(base in KNOWN_BASES or (base in classes and _raises(base, classes)) for base in bases)


def test_the_core_starts_without_cryptography() -> None:
    """Only pki/deps.py imports cryptography, guarded: a controller without it must get a message, not a traceback."""
    found = [
        f"plugins/{path}:{line}"
        for path in sources()
        for line, name in imports(path)
        if name.split(".")[0] == "cryptography" and path.as_posix() != "plugin_utils/pki/deps.py"
    ]
    assert not [one for one in found if not is_for_types(one)], found


def test_every_file_of_the_core_is_imported_by_a_plugin() -> None:
    """From the top of a file, and of those that it imports: `make sanity` imports the plugins only."""
    known = {".".join(path.with_suffix("").parts).removesuffix(".__init__"): path for path in sources()}
    waiting = [name for name, path in known.items() if path.parts[0] != "plugin_utils"]
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        path = known.get(name)
        if path is None or name in reached:
            continue
        reached.add(name)
        waiting += [name.rpartition(".")[0]]
        top = {n.lineno for n in ast.parse((PLUGINS / path).read_text("utf-8")).body if isinstance(n, ast.stmt)}
        for line, wanted in imports(path):
            if line in top:
                ours = wanted.removeprefix(f"{OWN}.").removeprefix(".")
                waiting += [ours, ours.rpartition(".")[0]]
    assert not sorted(set(known) - reached - {""})


def is_for_types(where: str) -> bool:
    """Tell whether the import at "plugins/FILE:LINE" stands below `if TYPE_CHECKING:`."""
    name, line = where.rsplit(":", 1)
    tree = ast.parse((PLUGINS.parent / name).read_text(encoding="utf-8"))
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]
    inside = [inner for block in blocks for inner in ast.walk(block)]
    return any(isinstance(one, (ast.Import, ast.ImportFrom)) and one.lineno == int(line) for one in inside)


def test_the_lab_shares_no_code_with_the_collection() -> None:
    """The lab is the witness: it must not use what it is to judge."""
    wrong = []
    for path in sorted((PLUGINS.parent / "tests" / "lab").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            wrong += [f"{path}:{node.lineno}: {name}" for name in names if name.startswith("ansible_collections")]
    assert not wrong, "\n".join(wrong)
