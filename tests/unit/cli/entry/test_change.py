from __future__ import annotations

import io
from dataclasses import replace

import pytest

from finial.cli.console import Console
from finial.cli.entry.change import (
    CreateFlags,
    UpdateFlags,
    changed_entry,
    go_quoted,
    new_entry,
    show_results,
    show_warnings,
)
from finial.errors import Internal, InvalidArgument
from finial.wire.pb.spire.api.types.entry_pb2 import Entry
from finial.wire.pb.spire.api.types.status_pb2 import Status

GOOD = CreateFlags(parent_id="spiffe://a/node", spiffe_id="spiffe://a/web", selectors=("unix:uid:1",))


def test_a_new_entry_is_what_the_flags_say() -> None:
    flags = replace(
        GOOD,
        entry_id="web",
        hint="h",
        dns_names=("web.test",),
        admin=True,
        entry_expiry=9,
        disable_prefetch=True,
    )
    entry = new_entry(flags)
    assert (entry.id, entry.hint, list(entry.dns_names), entry.admin, entry.expires_at) == (
        "web", "h", ["web.test"], True, 9,
    )  # fmt: skip
    assert entry.additional_attributes.disable_x509_svid_prefetch
    assert not entry.additional_attributes.jwt_svid_include_jti


def test_attributes_that_are_not_given_are_not_sent() -> None:
    assert not new_entry(GOOD).HasField("additional_attributes")


def test_an_entry_for_nodes_has_the_server_as_parent() -> None:
    entry = new_entry(replace(GOOD, node=True, parent_id=""))
    assert entry.parent_id.trust_domain == "a"
    assert entry.parent_id.path == "/spire/server"


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (replace(GOOD, selectors=()), "at least one selector is required"),
        (replace(GOOD, parent_id=""), "a parent ID is required if the node flag is not set"),
        (replace(GOOD, spiffe_id=""), "a SPIFFE ID is required"),
        (replace(GOOD, x509_svid_ttl=-1), "a positive x509-SVID TTL is required"),
        (replace(GOOD, jwt_svid_ttl=-1), "a positive JWT-SVID TTL is required"),
        (replace(GOOD, selectors=("nocolon",)), 'selector "nocolon" must be formatted as type:value'),
        (replace(GOOD, parent_id="bad"), "scheme is missing or invalid"),
    ],
)
def test_what_is_wrong_is_told_in_the_words_of_spire(flags: CreateFlags, why: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        new_entry(flags)
    assert caught.value.message == why


def test_an_update_needs_the_id_and_takes_attributes() -> None:
    flags = UpdateFlags(
        parent_id="spiffe://a/node", spiffe_id="spiffe://a/web", selectors=("a:b",), include_jti=True
    )
    with pytest.raises(InvalidArgument, match="entry ID is required"):
        changed_entry(flags)
    assert changed_entry(replace(flags, entry_id="web")).additional_attributes.jwt_svid_include_jti


def test_what_was_done_is_told_before_what_failed(console: Console) -> None:
    assert isinstance(console.stdout, io.StringIO)
    assert isinstance(console.stderr, io.StringIO)
    results = [(Status(code=6, message='a "b"'), Entry(id="two")), (Status(), Entry(id="one"))]
    with pytest.raises(Internal, match="failed to create one or more entries"):
        show_results(results, "create", console)
    assert console.stdout.getvalue().startswith("Entry ID                : one\n")
    assert console.stderr.getvalue().startswith(
        'Failed to create the following entry (code: AlreadyExists, msg: "a \\"b\\""):\nEntry ID                : two\n'
    )


def test_messages_are_quoted_as_go_does() -> None:
    assert go_quoted('a "b"\\\n\t') == '"a \\"b\\"\\\\\\n\\t"'


def test_warnings_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    show_warnings(("entry a: too high",), Console("finial"))
    assert capsys.readouterr() == ("", "Warning: entry a: too high\n")
