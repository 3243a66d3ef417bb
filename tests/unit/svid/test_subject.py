"""Distinguished names in Go's order and string types."""

from __future__ import annotations

import pytest

from finial.errors import InvalidArgument
from finial.svid.subject import PRINTABLE, SPIRE, Subject

PRINTABLE_STRING, UTF8_STRING = 0x13, 0x0C


def test_known_bytes_of_spires_subject() -> None:
    wanted = "301d310b3009060355040613025553310e300c060355040a13055350495245"
    assert SPIRE.name().public_bytes().hex() == wanted


def test_order_is_fixed_and_values_of_a_kind_share_a_relative_name() -> None:
    subject = Subject(
        ("DE", "FR"), ("O",), ("U",), ("L",), ("P",), ("S",), ("1",), "cn", "7", (("2.5.4.45", "ab"),)
    )
    oids = [[one.oid.dotted_string for one in relative] for relative in subject.name().rdns]
    assert oids == [
        ["2.5.4.6", "2.5.4.6"], ["2.5.4.10"], ["2.5.4.11"], ["2.5.4.7"], ["2.5.4.8"], ["2.5.4.9"],
        ["2.5.4.17"], ["2.5.4.3"], ["2.5.4.5"], ["2.5.4.45"],
    ]  # fmt: skip


@pytest.mark.parametrize("code", range(32, 256))
def test_string_type_by_character(code: int) -> None:
    encoded = Subject(common_name="a" + chr(code)).name().public_bytes()
    kind = PRINTABLE_STRING if chr(code) in PRINTABLE else UTF8_STRING
    assert encoded[11] == kind


@pytest.mark.parametrize("character", "*&@_")
def test_characters_that_look_printable_and_are_not(character: str) -> None:
    assert character not in PRINTABLE


def test_round_trip_but_for_attributes_of_other_kinds() -> None:
    more = (("2.5.4.45", "ab"),)
    subject = Subject(("DE", "FR"), ("O", "P"), common_name="cn", serial_number="7", more=more)
    read = Subject.of(subject.name())
    assert read == Subject(("DE", "FR"), ("O", "P"), common_name="cn", serial_number="7")
    assert not read.empty and Subject().empty


def test_further_attribute_of_a_known_kind_stands_in_its_place() -> None:
    subject = Subject(
        ("DE",), common_name="cn", more=(("2.5.4.3", "other"), ("2.5.4.45", "ab"), ("2.5.4.45", "cd"))
    )
    found = [(one.oid.dotted_string, one.value) for one in subject.name()]
    assert found == [("2.5.4.6", "DE"), ("2.5.4.3", "other"), ("2.5.4.45", "ab"), ("2.5.4.45", "cd")]


def test_what_is_no_object_identifier_is_refused() -> None:
    with pytest.raises(InvalidArgument, match='"2.5.x" is no object identifier'):
        Subject(more=(("2.5.x", "a"),)).name()


LONG = [Subject(common_name="a" * 65), Subject(common_name="é" * 33), Subject(more=(("2.5.4.3", "a" * 65),))]


@pytest.mark.parametrize("subject", [Subject(countries=("DEU",)), *LONG])
def test_value_that_does_not_fit_is_refused(subject: Subject) -> None:
    with pytest.raises(InvalidArgument, match=r"subject attribute .* is invalid"):
        subject.name()
