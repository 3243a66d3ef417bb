from __future__ import annotations

from pathlib import Path

from finial.config.agent import AgentFile
from finial.config.builtin import AGENT_PLUGINS, SERVER_PLUGINS
from finial.config.options import Option, Standing, options_of
from finial.config.reference import page
from finial.config.server import ServerFile

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "configuration.md"


def every_option(config: type) -> list[Option]:
    found = list(options_of(config).values())
    return found + [one for each in found if each.block for one in every_option(each.block)]


def test_the_page_is_what_the_declarations_say() -> None:
    assert PAGE.read_text() == page(), (
        "run: python -m finial.config.reference > docs/reference/configuration.md"
    )


def test_every_option_has_a_line_and_a_meaning() -> None:
    text = page()
    for one in every_option(ServerFile) + every_option(AgentFile):
        assert f"| `{one.name}` | " in text
        assert one.declaration.help.endswith("."), one.name


def test_every_refusal_has_its_reason() -> None:
    for one in every_option(ServerFile) + every_option(AgentFile):
        status = one.declaration.status
        assert status.standing is Standing.WORKS or status.reason, one.name


def test_every_plugin_has_a_line() -> None:
    for kinds in (SERVER_PLUGINS, AGENT_PLUGINS):
        for kind_name, kind in kinds.items():
            assert all(f'| `{kind_name} "{name}"` | ' in page() for name in kind.names)
