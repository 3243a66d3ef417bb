from __future__ import annotations

import traceback

import pytest

from finial import errors
from finial.errors import Denial, FinialError, NotFound, PermissionDenied

KINDS = sorted(
    (one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, FinialError) and one is not FinialError),
    key=lambda one: one.__name__,
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_step_further_out_keeps_kind_hint_and_cause(kind: type[FinialError]) -> None:
    inner = kind("it is gone", hint="look elsewhere")
    outer = inner.within("fetch bundle")
    assert type(outer) is kind
    assert str(outer) == outer.message == "fetch bundle: it is gone"
    assert outer.hint == "look elsewhere"
    assert outer.__cause__ is inner


def test_a_denial_keeps_its_reason_further_out() -> None:
    outer = PermissionDenied("no", reason=Denial.AGENT_BANNED).within("renew")
    assert isinstance(outer, PermissionDenied)
    assert outer.reason is Denial.AGENT_BANNED


def test_a_hint_is_no_part_of_the_message() -> None:
    assert str(NotFound("entry not found", hint="list them")) == "entry not found"


def test_a_hint_is_shown_below_an_error_that_nobody_caught() -> None:
    lines = traceback.format_exception(NotFound("entry not found", hint="list them"))
    assert "".join(lines).endswith("NotFound: entry not found\nhint: list them\n")
    assert "hint" not in "".join(traceback.format_exception(NotFound("entry not found")))


def test_reasons_have_the_numbers_of_the_protocol() -> None:
    from finial.wire.pb.spire.api.types.status_pb2 import PermissionDeniedDetails

    told = dict(PermissionDeniedDetails.Reason.items())
    assert {one.name: one.value for one in Denial} == told


def test_a_message_can_be_sent_whatever_it_quotes() -> None:
    assert str(NotFound('no "\ud800\u00fc"')) == 'no "\\ud800\u00fc"'
    assert NotFound("no", hint="\ud800 is none").hint == "\\ud800 is none"
