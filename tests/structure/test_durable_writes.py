"""Every write to disk passes a fault point: what changes files is in the modules named here, and only there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "finial"
NOT_STATE = ("cli", "lab", "testing", "wire/pb")  # what they write is made again, or is for a person

# Who may, and how: through points of its own, or because nothing that outlives the process is written.
PASSES_POINTS = ("runtime/private_file.py", "runtime/audit/file.py", "store/engine*.py")
NO_STATE = {
    "runtime/log.py": "log files",
    "runtime/tls/identity.py": "memory that OpenSSL reads keys from",
}
METHODS = {"write_text", "write_bytes", "rename", "touch", "hardlink_to", "symlink_to"}
FUNCTIONS = {
    *(f"os.{name}" for name in ("replace", "rename", "renames", "fsync", "fdatasync", "link", "symlink")),
    *(f"os.{name}" for name in ("write", "pwrite", "writev", "truncate", "ftruncate", "mkfifo", "mknod")),
    *(f"shutil.{name}" for name in ("copy", "copy2", "copyfile", "copytree", "move")),
    *(f"tempfile.{name}" for name in ("NamedTemporaryFile", "TemporaryFile", "mkstemp", "mkdtemp")),
}
WRITING_FLAGS = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_APPEND", "O_TRUNC")


def modules() -> list[Path]:
    found = (path.relative_to(SOURCE) for path in sorted(SOURCE.rglob("*.py")))
    return [path for path in found if not any(path.is_relative_to(one) for one in NOT_STATE)]


def passes_points(module: Path) -> bool:
    return any(module.match(one) for one in PASSES_POINTS)


def writes(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and is_write(node):
            yield ast.unparse(node)


def is_write(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    if name in FUNCTIONS or (isinstance(call.func, ast.Attribute) and call.func.attr in METHODS):
        return True
    given = [ast.unparse(one) for one in (*call.args[1:2], *(one.value for one in call.keywords))]
    if name == "os.open":
        return any(flag in one for one in given for flag in WRITING_FLAGS)
    if name in ("open", "os.fdopen", "io.open"):
        return any(
            isinstance(ast.parse(one, mode="eval").body, ast.Constant) and is_mode(one) for one in given
        )
    return False


def is_mode(text: str) -> bool:
    letters = text.strip("'\"")
    return set(letters) <= set("rwaxbt+") and bool(set(letters) & set("wax+"))


@pytest.mark.parametrize("module", modules(), ids=str)
def test_only_known_modules_change_files(module: Path) -> None:
    found = list(writes(ast.parse((SOURCE / module).read_text())))
    if passes_points(module):
        assert not found or "fault.point(" in (SOURCE / module).read_text(), f"{module} passes no fault point"
    elif str(module) in NO_STATE:
        assert found, f"{module} changes no file: strike it from the list"
    else:
        assert not found, f"{module} writes past runtime.private_file, without a fault point: {found}"


@pytest.mark.parametrize(
    "code",
    [
        "os.replace(a, b)",
        "path.write_text('x')",
        "path.with_name('x').rename(path)",
        "os.open(path, os.O_RDWR | os.O_CREAT, 0o600)",
        "open(path, 'ab')",
        "open(path, mode='x')",
        "os.fdopen(fd, 'wb', closefd=False)",
    ],
)
def test_the_check_sees_a_write(code: str) -> None:
    assert list(writes(ast.parse(code)))


@pytest.mark.parametrize(
    "code", ["open(path)", "open(path, 'rb')", "os.open(path, os.O_RDONLY)", "a.replace(b, c)"]
)
def test_the_check_lets_reads_pass(code: str) -> None:
    assert not list(writes(ast.parse(code)))
