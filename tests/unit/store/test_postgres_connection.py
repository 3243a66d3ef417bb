from __future__ import annotations

import psycopg
import pytest
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict
from psycopg.waiting import Ready, Wait

from finial.errors import Internal, InvalidArgument, Unavailable
from finial.store.postgres_connection import NoAnswer, conninfo_of, translated, within


@pytest.mark.parametrize("text", ["host=db dbname=spire password=p", "postgres://db/spire?password=p"])
def test_both_forms_are_read_and_tls_is_required_unless_told_otherwise(text: str) -> None:
    found = conninfo_to_dict(conninfo_of(text))
    assert (found["host"], found["dbname"], found["sslmode"]) == ("db", "spire", "require")
    assert conninfo_to_dict(conninfo_of(f"{text}"))["connect_timeout"] == "5"
    assert conninfo_to_dict(conninfo_of("host=db sslmode=verify-full"))["sslmode"] == "verify-full"


def test_a_string_that_cannot_be_read_is_not_shown() -> None:
    with pytest.raises(InvalidArgument) as caught:
        conninfo_of("host=db password='secret")
    assert "secret" not in f"{caught.value} {caught.value.hint}"


def test_errors_become_ours() -> None:
    assert isinstance(translated(psycopg.OperationalError("server closed the connection")), Unavailable)
    assert isinstance(translated(psycopg.errors.AdminShutdown("x")), Unavailable)
    assert isinstance(translated(psycopg.ProgrammingError("x")), Internal)


def test_an_escape_that_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidArgument):
        conninfo_of("postgres://a@b/c?sslmode=dis%ab")


def waiting(times: int) -> PQGen[str]:
    """Wants to read that often, as psycopg's own."""
    for _ in range(times):
        while not (yield Wait.R):
            pass
    return "done"


def test_a_wait_ends_with_its_result_or_after_its_time() -> None:
    bounded = within(waiting(2), 60)
    assert next(bounded) == Wait.R
    assert (bounded.send(Ready.NONE), bounded.send(Ready.R)) == (Wait.R, Wait.R)
    with pytest.raises(StopIteration) as ended:
        bounded.send(Ready.R)
    assert ended.value.value == "done"
    late = within(waiting(2), 0)
    next(late)
    assert late.send(Ready.R) == Wait.R  # an answer that is there counts
    with pytest.raises(NoAnswer):
        late.send(Ready.NONE)
