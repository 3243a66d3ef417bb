from __future__ import annotations

import inspect

import pytest
import spiffe.errors
import spiffe.spiffe_id.spiffe_id
import spiffe.svid.errors
import spiffe.workloadapi.errors

from finial.client.pyspiffe import errors
from finial.errors import Unsupported

THEIRS = (spiffe.errors, spiffe.workloadapi.errors, spiffe.svid.errors, spiffe.spiffe_id.spiffe_id)
NAMES = [
    name for name, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, errors.PySpiffeError)
]


@pytest.mark.parametrize("name", [one for one in NAMES if not one.startswith("_")])
def test_each_has_the_name_and_the_bases_of_py_spiffe(name: str) -> None:
    theirs = next(vars(module)[name] for module in THEIRS if name in vars(module))
    known = {one.__name__ for one in theirs.__mro__}
    assert known <= {one.__name__ for one in getattr(errors, name).__mro__}


def test_a_message_begins_with_what_was_going_on() -> None:
    assert str(errors.FetchX509SvidError("why")) == str(spiffe.workloadapi.errors.FetchX509SvidError("why"))
    assert str(errors.ValidateJwtSvidError("why")) == str(
        spiffe.workloadapi.errors.ValidateJwtSvidError("why")
    )


def test_what_is_not_offered_says_what_to_do() -> None:
    with pytest.raises(Unsupported, match=r"X\.save is not offered") as raised:
        errors.not_offered("X.save", "do this")
    assert raised.value.hint == "do this"
