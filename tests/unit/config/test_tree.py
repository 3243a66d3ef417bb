from __future__ import annotations

from finial.config import hcl
from finial.config.tree import Position, SyntaxFault, blocks_of, kind_of


def test_a_position_reads_as_compilers_write_it() -> None:
    assert str(Position("a.conf", 3, 7)) == "a.conf:3:7"
    assert str(Position("-trustDomain")) == "-trustDomain"


def test_a_list_of_objects_stands_for_blocks() -> None:
    values = [value for _, value in hcl.parse("a {} b = [{}, {}] c = [{}, 1] d = 1 e = []", "x").entries()]
    assert [blocks and len(blocks) for blocks in map(blocks_of, values)] == [1, 2, None, None, []]


def test_kinds_have_words_for_a_person() -> None:
    values = [value for _, value in hcl.parse('a {} b = [] c = "x" d = 1 e = 1.5 f = true', "x").entries()]
    assert [kind_of(value) for value in values] == [
        "a block",
        "a list",
        "text",
        "a whole number",
        "a fraction",
        "a boolean",
    ]


def test_a_fault_can_be_told_one_step_further_out() -> None:
    fault = SyntaxFault("illegal char", Position("f", 1, 2))
    assert str(fault.within("file")) == "file: f:1:2: illegal char"
