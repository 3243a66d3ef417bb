"""Each kind of error has its status; each says what failed and the next step."""

from __future__ import annotations

import asyncio
import json

import pytest
from starlette.requests import Request

from finial import errors
from finial.console.api.errors import STATUSES, handle, told
from finial.errors import FinialError, NotFound


def test_every_kind_has_a_status() -> None:
    kinds = {
        kind for kind in vars(errors).values() if isinstance(kind, type) and FinialError in kind.__bases__
    }
    assert kinds == STATUSES.keys()


def test_an_answer_has_the_message_and_the_hint() -> None:
    answer = told(NotFound('there is no entry "x"', hint="`finial entry show` lists them"))
    assert answer.status_code == 404
    assert json.loads(bytes(answer.body)) == {
        "error": 'there is no entry "x"',
        "kind": "NotFound",
        "hint": "`finial entry show` lists them",
    }


def test_what_is_none_of_ours_is_not_told() -> None:
    with pytest.raises(ValueError, match="secret"):
        asyncio.run(handle(Request({"type": "http"}), ValueError("secret")))
