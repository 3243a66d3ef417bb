"""Every module has its own unit tests, at the mirrored path, and none outlives its module."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE, TESTS = ROOT / "src" / "finial", ROOT / "tests" / "unit"
# Packages whose tests are elsewhere, and why.
ELSEWHERE = {
    "wire/pb": "generated; proto/generate.py --check",
    "testing": "tools of the tests themselves; used by all of them",
}


def modules() -> list[Path]:
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        relative = path.relative_to(SOURCE)
        if not any(str(relative).startswith(one) for one in ELSEWHERE) and has_code(path):
            found.append(relative)
    return found


def has_code(path: Path) -> bool:
    """Functions or classes with a body: constants, protocols and plain re-exports need no test."""
    tree = ast.parse(path.read_text())
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and body(node) for node in ast.walk(tree)
    )


def body(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(not is_empty(statement) for statement in node.body)


def is_empty(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def home_of_tests(relative: Path) -> list[Path]:
    """`svid/x509.py` -> tests/unit/svid/test_x509.py, or a folder tests/unit/svid/x509/."""
    if relative.name == "__init__.py":
        package = relative.parent
        return [TESTS / package / "test_init.py", TESTS / package.parent / f"test_{package.name}.py"]
    return [TESTS / relative.parent / f"test_{relative.stem}.py", TESTS / relative.with_suffix("")]


@pytest.mark.parametrize("relative", modules(), ids=str)
def test_module_has_tests(relative: Path) -> None:
    homes = home_of_tests(relative)
    assert any(home.exists() for home in homes), f"no tests for {relative}: {[str(home) for home in homes]}"


@pytest.mark.parametrize(
    "path", sorted(TESTS.rglob("test_*.py")), ids=lambda path: str(path.relative_to(TESTS))
)
def test_tests_have_a_module(path: Path) -> None:
    relative = path.relative_to(TESTS)
    stem = relative.stem.removeprefix("test_")
    homes = [
        SOURCE / relative.parent / f"{stem}.py",
        SOURCE / relative.parent / stem,
        SOURCE / f"{relative.parent}.py",
    ]
    if stem == "init":
        homes = [SOURCE / relative.parent / "__init__.py"]
    assert any(home.exists() for home in homes), f"{relative} tests nothing that is there"
