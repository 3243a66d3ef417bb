"""A template's tree and its data to a text. Rules of Go's text/template with missingkey=error.

Data is read, never changed. Each node costs a unit of the budget, so loops end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum

from finial.errors import InvalidArgument
from finial.template.budget import Budget
from finial.template.functions import FUNCTIONS
from finial.template.nodes import (
    Action,
    At,
    Body,
    Chain,
    Command,
    Dot,
    Field,
    If,
    Jump,
    Literal,
    Name,
    Node,
    Operand,
    Pipe,
    Range,
    Text,
    Variable,
    With,
)
from finial.template.tokens import fault
from finial.template.values import Record, Value, is_list, text_of, truth, type_name

NOTHING = object()  # no value was piped in


class End(Enum):
    """How a body ended."""

    WHOLE = "at its end"
    BREAK = "break"
    CONTINUE = "continue"


def evaluate(body: Body, data: Value, budget: Budget) -> str:
    """Raises: InvalidArgument with the place, ResourceExhausted."""
    state = _State(data, budget)
    state.body(body, data)
    return "".join(state.written)


class _State:
    def __init__(self, data: Value, budget: Budget) -> None:
        self._budget = budget
        self._variables: list[tuple[str, Value]] = [("$", data)]
        self.written: list[str] = []

    def body(self, body: Body, dot: Value) -> End:
        """Variables that it declares are gone afterwards."""
        scope = len(self._variables)
        for node in body:
            self._budget.spend(1)
            end = self._node(node, dot)
            if end is not End.WHOLE:
                break
        else:
            end = End.WHOLE
        del self._variables[scope:]
        return end

    def _node(self, node: Node, dot: Value) -> End:
        match node:
            case Text(text):
                self._write(text)
            case Action(pipe):
                value = self._pipe(pipe, dot)
                if not pipe.variables:
                    self._budget.weigh(value)
                    self._write("<no value>" if value is None else text_of(value))
            case If() | With():
                return self._branch(node, dot)
            case Range():
                return self._range(node, dot)
            case Jump(leaves):
                return End.BREAK if leaves else End.CONTINUE
        return End.WHOLE

    def _write(self, text: str) -> None:
        self._budget.spend(len(text))
        self.written.append(text)

    def _branch(self, node: If | With, dot: Value) -> End:
        scope = len(self._variables)
        value = self._pipe(node.pipe, dot)
        if truth(value):
            end = self.body(node.body, value if isinstance(node, With) else dot)
        else:
            end = self.body(node.otherwise, dot)
        del self._variables[scope:]
        return end

    def _range(self, node: Range, dot: Value) -> End:
        scope = len(self._variables)
        value = self._pipe(node.pipe, dot, sets=False)
        pairs = list(self._pairs(value, node.pipe.at))
        for key, one in pairs:
            self._set_in_range(node.pipe, key, one)
            if self.body(node.body, one) is End.BREAK:
                break
            if node.pipe.declares:
                del self._variables[scope:]
        del self._variables[scope:]
        return End.WHOLE if pairs else self.body(node.otherwise, dot)

    def _pairs(self, value: Value, at: At) -> Iterator[tuple[Value, Value]]:
        """What a range goes over: index or key, and element."""
        if isinstance(value, Mapping):
            self._budget.spend(len(value))
            yield from ((key, value[key]) for key in sorted(value))
        elif is_list(value) or isinstance(value, bytes):
            yield from enumerate(value)  # type: ignore[arg-type]
        elif isinstance(value, int) and not isinstance(value, bool):
            self._budget.spend(max(value, 0))
            yield from ((one, one) for one in range(value))
        elif value is not None:
            raise fault(at, f"range can't iterate over {text_of(value)}")

    def _set_in_range(self, pipe: Pipe, key: Value, one: Value) -> None:
        """One variable gets the element, two get the index and the element."""
        values = (key, one) if len(pipe.variables) == 2 else (one,)
        for name, value in zip(pipe.variables, values, strict=False):
            if pipe.declares:
                self._variables.append((name, value))
            else:
                self._assign(name, value)

    def _assign(self, name: str, value: Value) -> None:
        for index in range(len(self._variables) - 1, -1, -1):
            if self._variables[index][0] == name:
                self._variables[index] = (name, value)
                return

    def _pipe(self, pipe: Pipe, dot: Value, *, sets: bool = True) -> Value:
        value: Value = NOTHING
        for command in pipe.commands:
            value = self._command(command, dot, value)
        for name in pipe.variables if sets else ():
            if pipe.declares:
                self._variables.append((name, value))
            else:
                self._assign(name, value)
        return value

    def _command(self, command: Command, dot: Value, final: Value) -> Value:
        self._budget.spend(1)
        first, rest = command.operands[0], command.operands[1:]
        if isinstance(first, Name):
            return self._call(first, rest, dot, final)
        if rest or final is not NOTHING:
            raise fault(command.at, "can't give argument to non-function")
        if isinstance(first, Literal) and first.value is None:
            raise fault(command.at, "nil is not a command")
        return self._operand(first, dot)

    def _operand(self, operand: Operand, dot: Value) -> Value:
        match operand:
            case Literal(value):
                return value
            case Dot():
                return dot
            case Field(names, at):
                return self._fields(dot, names, at)
            case Variable(name, names, at):
                found = next(value for known, value in reversed(self._variables) if known == name)
                return self._fields(found, names, at)
            case Chain(pipe, names, at):
                return self._fields(self._pipe(pipe, dot), names, at)
            case Name():
                return self._call(operand, (), dot, NOTHING)
            case Pipe():
                return self._pipe(operand, dot)

    def _call(self, name: Name, operands: tuple[Operand, ...], dot: Value, final: Value) -> Value:
        piped = () if final is NOTHING else (final,)
        if name.name in ("and", "or"):
            return self._lazily(name, operands, dot, piped)
        arguments = [*(self._operand(one, dot) for one in operands), *piped]
        try:
            return FUNCTIONS[name.name](self._budget, arguments)
        except InvalidArgument as why:
            raise fault(name.at, why.message) from why

    def _lazily(
        self, name: Name, operands: tuple[Operand, ...], dot: Value, piped: tuple[Value, ...]
    ) -> Value:
        """`and` ends at the first that is false, `or` at the first that is true."""
        if not operands and not piped:
            raise fault(name.at, f"wrong number of args for {name.name}: want at least 1 got 0")
        value: Value = None
        for one in operands:
            value = self._operand(one, dot)
            if truth(value) == (name.name == "or"):
                return value
        return piped[0] if piped else value

    def _fields(self, value: Value, names: tuple[str, ...], at: At) -> Value:
        for name in names:
            value = self._field(value, name, at)
        return value

    def _field(self, value: Value, name: str, at: At) -> Value:
        if isinstance(value, Mapping):
            if name not in value:
                raise fault(at, f'map has no entry for key "{name}"')
            return value[name]
        if isinstance(value, Record):
            if name not in value.fields:
                raise fault(at, f"can't evaluate field {name} in type {value.name}")
            return value.fields[name]
        if value is None:
            raise fault(at, f'nil data; no entry for key "{name}"')
        raise fault(at, f"can't evaluate field {name} in type {type_name(value)}")
