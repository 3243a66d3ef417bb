from __future__ import annotations

from finial.cli.completion.listed import LISTS
from finial.cli.completion.table import ANY, ASK, FILE, choices, is_file, table, values

MADE = table()


def test_values_are_words_files_asked_for_or_unknown() -> None:
    flags = {one.name: one for one in MADE.flags["finial bundle set"]}
    assert choices(flags["output"]) == ("pretty", "json")
    assert choices(flags["format"]) == ("pem", "spiffe")
    assert is_file(flags["path"])
    assert not is_file(flags["id"])
    shown = {name: values(one) for name, one in flags.items()}
    assert shown == {
        "format": "pem spiffe", "id": ASK, "instance": ANY, "output": "pretty json", "path": FILE, "socketPath": FILE,
    }  # fmt: skip
    count = {one.name: one for one in MADE.flags["finial entry count"]}
    assert values(count["downstream"]) is None


def test_each_thing_that_a_flag_refers_to_can_be_listed_and_the_other_way_round() -> None:
    referred = {one.refers_to for flags in MADE.flags.values() for one in flags} - {""}
    assert referred == LISTS.keys()


def test_the_id_of_a_thing_to_be_made_is_not_asked_for() -> None:
    ids = {"entry create": "entryID", "federation create": "trustDomain", "x509 mint": "spiffeID"}
    for command, name in ids.items():
        (one,) = (one for one in MADE.flags[f"finial {command}"] if one.name == name)
        assert values(one) == ANY


def test_words_follow_words() -> None:
    assert MADE.words["finial completion"].keys() == {"bash", "zsh", "fish", "candidates"}
    assert MADE.words["spire-agent api"].keys() == {"fetch", "validate", "watch"}
    assert MADE.words["spire-server"]["entry"].startswith("Registration entries")
