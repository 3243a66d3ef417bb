from __future__ import annotations

from dataclasses import dataclass

from finial.cli.command import Command
from finial.cli.console import Console
from finial.cli.flags import flag


@dataclass(frozen=True)
class Flags:
    name: str = flag("", "Whose")


async def nothing(_: Flags, __: Console) -> int:
    return 0


def test_help_is_the_usage_of_spire_and_then_what_finial_adds() -> None:
    command = Command(
        "thing show", "Shows a thing.", Flags, nothing, ("finial thing show",), usage_name="show"
    )
    assert command.help() == (
        "Usage of show:\n  -name string\n    \tWhose\n\nShows a thing.\n\nExamples:\n  finial thing show\n"
    )


def test_without_examples_and_with_the_path_as_name() -> None:
    assert Command("thing show", "Shows.", Flags, nothing).help().startswith("Usage of thing show:\n")
    assert "Examples" not in Command("thing show", "Shows.", Flags, nothing).help()
