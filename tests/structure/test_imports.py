"""Who may import whom: the table of docs/architecture.md, held against the imports of every module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
PURE = frozenset({"spiffe", "svid", "registry", "template", "authority"})
SPEAKERS = frozenset(
    {"errors", "spiffe", "svid", "registry", "template", "wire", "config", "runtime", "client"}
)  # these speak the API as a foreign client would, so they also work against a stock SPIRE
EVERYTHING_BELOW = frozenset(
    {"errors", "spiffe", "svid", "registry", "template", "authority"}
    | {"runtime", "wire", "store", "config", "plugin"}
)

MAY_IMPORT: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "spiffe": frozenset({"errors"}),
    "svid": frozenset({"spiffe", "errors"}),
    "registry": frozenset({"spiffe", "errors"}),
    "template": frozenset({"spiffe", "errors"}),
    "authority": frozenset({"errors", "spiffe", "svid", "registry", "plugin.kinds"}),
    "runtime": frozenset({"errors", "spiffe", "svid"}),
    "wire": frozenset({"errors", "spiffe", "svid", "registry", "authority"}),
    "store": frozenset({"errors", "spiffe", "svid", "registry", "authority", "runtime", "wire.convert.stored"}),
    "config": frozenset({"errors", "spiffe", "svid", "runtime", "authority.ttl"}),
    "plugin": frozenset({"errors", "spiffe", "svid", "runtime", "config", "registry"}),
    "plugins": frozenset({"plugin", "config.options", "svid", "spiffe", "template", "runtime", "errors", "wire.client", "registry"}),
    "server": EVERYTHING_BELOW,
    "agent": EVERYTHING_BELOW,
    "client": frozenset({"errors", "spiffe", "svid", "runtime", "wire"}),
    "doctor": SPEAKERS,
    "console": SPEAKERS | {"doctor", "lab.channel"},  # asks what `finial explain` asks, and a lab's launcher
    "lab": SPEAKERS,
}  # fmt: skip
ANYTHING = frozenset({"cli", "testing", "__main__"})  # nothing imports these
# Modules that may reach further than their package, and why.
ALSO: dict[str, frozenset[str]] = {
    "finial.plugin.kinds": frozenset({"registry"}),
    "finial.wire.client": frozenset({"runtime"}),
    "finial.server.main": frozenset({"plugins"}),  # the composition root names the plugins
    "finial.agent.main": frozenset({"plugins"}),
}
NEVER_IN_PURE = frozenset({"asyncio", "socket", "ssl", "threading", "subprocess", "time", "sqlite3"})


def modules() -> list[Path]:
    return [path for path in sorted(SOURCE.rglob("*.py")) if "/wire/pb/" not in str(path)]


def name_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[str]:
    """Every module that is named in an import, at the top or inside a function; relative ones count."""
    package = name_of(path) if path.name == "__init__.py" else name_of(path).rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                stem = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*stem, base]).rstrip(".")
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names if is_module(f"{base}.{alias.name}"))


def is_module(name: str) -> bool:
    path = SOURCE / name.replace(".", "/")
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def inner(name: str) -> str:
    """`finial.wire.client` -> `wire.client`; "" for the package itself and for what is not ours."""
    return name.removeprefix("finial.") if name.startswith("finial.") else ""


def allowed(module: str, target: str) -> bool:
    home = inner(module).split(".")[0]
    if target.split(".")[0] == home:
        return home != "plugins" or same_plugin(inner(module), target)
    granted = MAY_IMPORT[home] | ALSO.get(module, frozenset())
    return any(target == one or target.startswith(one + ".") for one in granted) or any(
        one.startswith(target + ".") for one in granted
    )


def same_plugin(module: str, target: str) -> bool:
    """Plugins do not import each other: at most their own folder, `plugins.<kind>[.<method>]`."""
    depth = 3 if module.startswith("plugins.node.") else 2
    return target.count(".") < depth or module.split(".")[:depth] == target.split(".")[:depth]


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_only_what_its_package_may(path: Path) -> None:
    module = name_of(path)
    home = inner(module).split(".")[0]
    if not home or home in ANYTHING:
        assert module == "finial" or home in ANYTHING
        return
    assert home in MAY_IMPORT, f"{module}: the package is missing in the table"
    wrong = [one for one in imports(path) if inner(one) and not allowed(module, inner(one))]
    assert not wrong, f"{module} imports {wrong}"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_pure_packages_stay_pure(path: Path) -> None:
    if inner(name_of(path)).split(".")[0] in PURE:
        impure = NEVER_IN_PURE.intersection(one.split(".")[0] for one in imports(path))
        assert not impure, f"{name_of(path)} imports {impure}"


def test_nothing_imports_the_command_line_or_the_test_tools() -> None:
    for path in modules():
        if inner(name_of(path)).split(".")[0] in ANYTHING:
            continue
        wrong = [one for one in imports(path) if inner(one).split(".")[0] in ANYTHING]
        assert not wrong, f"{name_of(path)} imports {wrong}"
