from __future__ import annotations

import io
from dataclasses import replace

import pytest

from finial.config.plugins import PluginConfig
from finial.config.tree import Object, Position
from finial.errors import InvalidArgument
from finial.plugin.catalog import Catalog, Kind, PluginFaults, load
from finial.runtime.clock import SystemClock
from finial.runtime.log import Logger, Output

HERE = Position("server.conf")


def block(kind: str, name: str) -> PluginConfig:
    return PluginConfig(kind, name, Object((), HERE), "", True, HERE)


def make(config: PluginConfig) -> str:
    return f"made {config.name}"


KINDS = [
    Kind("Key", 1, 1, {"memory": make, "disk": make}),
    Kind("Node", 0, None, {"token": make, "pop": make}),
]


def loaded(*blocks: PluginConfig, log: io.StringIO | None = None) -> Catalog:
    logger = Logger(Output(log or io.StringIO(), now=SystemClock().now))
    return load(blocks, KINDS, logger, elsewhere=("Data",))


def test_plugins_are_made_by_kind_and_name() -> None:
    catalog = loaded(block("Node", "pop"), block("Key", "disk"), block("Node", "token"), block("Data", "sql"))
    assert catalog.only("Key") == "made disk"
    assert catalog.all("Node") == {"pop": "made pop", "token": "made token"}


def test_a_disabled_block_is_left_out() -> None:
    catalog = loaded(block("Key", "disk"), replace(block("Node", "unknown"), enabled=False))
    assert catalog.all("Node") == {}


@pytest.mark.parametrize(
    ("blocks", "why"),
    [
        ([block("Nope", "x")], 'unsupported plugin type "Nope"'),
        ([block("Key", "nope")], 'no built-in plugin "nope" for type "Key"'),
        ([], "expected exactly 1 but got 0"),
        ([block("Key", "disk"), block("Key", "memory")], "expected exactly 1 but got 2"),
    ],
)
def test_what_does_not_fit_is_refused(blocks: list[PluginConfig], why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        loaded(*blocks)


def test_loading_and_unloading_is_told() -> None:
    log = io.StringIO()
    catalog = loaded(block("Key", "disk"), log=log)
    catalog.log_unloaded(Logger(Output(log, now=SystemClock().now)))
    text = log.getvalue()
    for message in ('msg="Configured plugin"', 'msg="Plugin loaded"', 'msg="Plugin unloaded"'):
        assert f"{message} external=false plugin_name=disk plugin_type=Key" in text
    assert 'msg="Catalog closed"' in text


def test_a_plugin_that_refuses_its_options_stops_the_load() -> None:
    def refuse(_: PluginConfig) -> str:
        raise InvalidArgument("bad options")

    log = io.StringIO()
    with pytest.raises(InvalidArgument, match="bad options"):
        load(
            [block("Key", "k")],
            [Kind("Key", 1, 1, {"k": refuse})],
            Logger(Output(log, now=SystemClock().now)),
        )
    assert "Failed to configure plugin" in log.getvalue()


def test_every_fault_is_found_in_one_go_and_the_error_reads_as_the_first() -> None:
    def refuse(config: PluginConfig) -> str:
        raise InvalidArgument(f"{config.name} is wrong", hint="mend it")

    kinds = [
        Kind("Key", 1, 1, {"disk": refuse}),
        Kind("Node", 1, None, {"pop": refuse}),
        Kind("Up", 1, 1, {}),
    ]
    logger = Logger(Output(io.StringIO(), now=SystemClock().now))
    with pytest.raises(PluginFaults) as caught:
        load([block("Key", "disk"), block("Node", "pop")], kinds, logger)
    assert (caught.value.message, caught.value.hint) == ("disk is wrong", "mend it")
    assert [(one.where, one.why.message) for one in caught.value.faults] == [
        ('Key "disk"', "disk is wrong"),
        ('Node "pop"', "pop is wrong"),
        ("Up", "Up: plugin type constraint not satisfied: expected exactly 1 but got 0"),
    ]
