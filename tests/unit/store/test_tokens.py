from __future__ import annotations

import pytest

from finial.errors import InvalidArgument
from finial.registry.entry import Entry
from finial.registry.join_token import JoinToken
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.store import entries, tokens
from finial.store.engine import Transaction

AGENT = SpiffeId.parse("spiffe://example.org/spire/agent/join_token/t")
ALIAS = Entry("", SpiffeId.parse("spiffe://example.org/web"), AGENT, (Selector("spiffe_id", str(AGENT)),))


def test_a_token_is_taken_once(tx: Transaction) -> None:
    tokens.create(tx, JoinToken("t", 100))
    assert tokens.take(tx, "t") == JoinToken("t", 100)
    assert tokens.take(tx, "t") is None
    assert tokens.take(tx, "other") is None


def test_it_comes_with_its_alias_entries(tx: Transaction) -> None:
    tokens.create(tx, JoinToken("t", 100), [ALIAS])
    assert [entry.spiffe_id for _, entry in entries.load(tx)] == [ALIAS.spiffe_id]


def test_an_alias_that_is_there_already_serves(tx: Transaction) -> None:
    tokens.create(tx, JoinToken("t", 100), [ALIAS])
    tokens.create(tx, JoinToken("u", 100), [ALIAS])
    assert len(entries.load(tx)) == 1


def test_a_refused_alias_refuses_the_token(tx: Transaction) -> None:
    wrong = Entry("a b", ALIAS.spiffe_id, AGENT, ALIAS.selectors)
    with pytest.raises(InvalidArgument, match="invalid characters"):
        tokens.create(tx, JoinToken("t", 100), [wrong])


def test_pruning_takes_the_expired_ones(tx: Transaction) -> None:
    for value, expiry in (("old", 99), ("just", 100)):
        tokens.create(tx, JoinToken(value, expiry))
    assert tokens.prune(tx, 100) == 1
    assert tokens.take(tx, "just") is not None
