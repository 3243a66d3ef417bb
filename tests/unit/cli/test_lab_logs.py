from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from finial.cli.console import Console
from finial.cli.lab_logs import show_new, show_text
from finial.lab.place import Place
from finial.testing.transcripts import Outcome

Call = Callable[..., Outcome]


def test_logs_show_the_last_lines_of_those_that_are_named(tmp_path: Path, call: Call) -> None:
    place = Place.at(tmp_path / "lab", {"XDG_RUNTIME_DIR": str(tmp_path)})
    place.make()
    place.log("agent").write_text("one\ntwo\nthree\n")
    place.log("server").write_text("four\n")
    where = ("-dir", str(place.folder))
    assert call("logs", "-n", "2", *where, "agent").out == "two\nthree\n"
    assert call("logs", "-n", "1", *where).out == f"{'agent':<18} three\n{'server':<18} four\n"
    assert call("logs", "-n", "1", "-output", "json", *where, "agent").out == (
        '{"line":"three","name":"agent"}\n'
    )
    got = call("logs", *where, "web")
    assert got.exit == 1
    assert 'no log "web"' in got.err
    assert "agent, server" in got.err


def test_without_a_lab_the_next_step_is_told(tmp_path: Path, call: Call) -> None:
    got = call("logs", "-dir", str(tmp_path / "none"))
    assert (got.exit, got.err) == (1, f'Error: no lab is in "{tmp_path}/none"\nhint: finial up starts one\n')


def test_what_is_new_in_a_log_is_shown_in_whole_lines(tmp_path: Path) -> None:
    console = Console(stdout=io.StringIO())
    plain = show_text(several=False)
    log = tmp_path / "x.log"
    log.write_text("one\ntw")
    end = show_new("x", log, 0, plain, console)
    log.write_text("one\ntwo\n")
    show_new("x", log, end, plain, console)
    log.write_text("new\n")
    show_new("x", log, 8, plain, console)
    assert isinstance(console.stdout, io.StringIO)
    assert console.stdout.getvalue() == "one\ntwo\nnew\n"
