from __future__ import annotations

import asyncio

import pytest

from finial.errors import Internal, InvalidArgument, NotFound
from finial.server.api.backend import as_internal, audit_text


def test_what_the_datastore_refuses_in_a_list_is_internal() -> None:
    async def listed() -> None:
        async with as_internal("failed to list"):
            raise InvalidArgument("could not parse token 'x'")

    with pytest.raises(Internal, match="^failed to list: could not parse token 'x'$"):
        asyncio.run(listed())


def test_an_item_is_audited_by_code_and_text() -> None:
    assert audit_text(NotFound("entry not found")) == "NotFound: entry not found"
