from __future__ import annotations

from finial.config.problems import ConfigError, Fault, Problem
from finial.config.tree import Position

AT = Position("server.conf", 7, 3)


def test_an_unknown_key_reads_as_in_spire_and_names_its_place() -> None:
    error = ConfigError([
        Problem(Fault.UNKNOWN_KEY, AT, 'unknown key "a" in section server', 'did you mean "b"?', "server", "a"),
        Problem(Fault.UNKNOWN_KEY, AT, 'unknown key "c" in section server', "", "server", "c"),
    ])  # fmt: skip
    assert str(error) == (
        "unknown configuration detected\n"
        '  server.conf:7:3: unknown key "a" in section server: did you mean "b"?\n'
        '  server.conf:7:3: unknown key "c" in section server'
    )
    assert error.unknown_keys == {"server": ["a", "c"]}


def test_a_decoding_error_keeps_the_frame_of_spire() -> None:
    error = ConfigError([Problem(Fault.TYPE, AT, "server.bind_port: wants a whole number, got a list")])
    assert str(error) == (
        'unable to decode configuration at "server.conf": At 7:3: '
        "server.bind_port: wants a whole number, got a list\n  server.conf:7:3"
    )


def test_the_sentence_is_that_of_the_fault_spire_notices_first() -> None:
    error = ConfigError([
        Problem(Fault.REFUSED, AT, "x is not supported: why"),
        Problem(Fault.VALUE, Position("server.conf"), "data_dir must be configured"),
    ])  # fmt: skip
    assert str(error) == (
        "data_dir must be configured\n  server.conf:7:3: x is not supported: why\n  server.conf"
    )
    assert error.unknown_keys == {}


def test_an_error_can_be_told_one_step_further_out() -> None:
    error = ConfigError([Problem(Fault.VALUE, AT, "no")])
    outer = error.within("plugin")
    assert str(outer) == "plugin: no\n  server.conf:7:3"
    assert outer.__cause__ is error
