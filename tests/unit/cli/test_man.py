"""The pages, read by the formatters that are installed."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from finial.cli import flags, tree
from finial.cli.man import page_name, pages, text
from finial.testing.transcripts import Outcome

Call = Callable[..., Outcome]
PAGES = pages()


def formatted(page: str) -> str:
    """As a person reads it."""
    done = subprocess.run(
        ["groff", "-man", "-Tascii", "-ww", "-P-c", "-P-b", "-P-u"],
        input=page, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert not done.stderr
    return done.stdout


def test_every_command_has_a_page_with_its_flags_and_examples() -> None:
    for first in tree.OWN:
        for command in tree.commands("finial", first):
            page = PAGES[f"{page_name(command)}.1"]
            assert f".B {text('finial ' + command.path)}\n" in page
            assert all(text(f"-{one.name}") in page for one in flags.declared(command.flags))
            assert all(text(one) in page for one in command.examples)
            assert text(f"finial {command.path}") in PAGES["finial.1"]


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_a_page_reads_well() -> None:
    shown = formatted(PAGES["finial-localauthority-x509-taint.1"])
    assert "finial-localauthority-x509-taint - Marks the old X.509 authority" in shown
    assert "-authorityID text\n" in shown
    assert "In SPIRE: spire-server localauthority x509 taint" in shown


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_groff_has_nothing_to_say_of_any_page() -> None:
    for page in PAGES.values():
        formatted(page)


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
def test_mandoc_has_nothing_to_say_but_of_the_date(tmp_path: Path) -> None:
    """A date would differ from build to build; the version stands in the footer."""
    for name, page in PAGES.items():
        (tmp_path / name).write_text(page)
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", *PAGES], cwd=tmp_path, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert [line for line in done.stdout.splitlines() if "missing date" not in line] == []


@pytest.mark.parametrize(
    ("plain", "roff"),
    [("a-b", "a\\-b"), (".x", "\\&.x"), ("'x", "\\&'x"), ("a\\b", "a\\eb"), ("a\n b", "a b")],
)
def test_text_is_never_a_request(plain: str, roff: str) -> None:
    assert text(plain) == roff


def test_pages_are_written_into_a_folder(tmp_path: Path, call: Call) -> None:
    got = call("man", "-output", "json", str(tmp_path))
    assert json.loads(got.out)["pages"] == list(PAGES)
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted(PAGES)
    assert (tmp_path / "finial.1").stat().st_mode & 0o777 == 0o644


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path, call: Call) -> None:
    got = call("man", str(tmp_path / "absent"))
    assert got.exit == 1
    assert got.err.startswith(f"Error: open {tmp_path}/absent/finial.1: no such file or directory\n")
    assert call("man").err.startswith("Error: man wants exactly one folder\n")
