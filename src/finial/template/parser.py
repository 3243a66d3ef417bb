"""Tokens of a template to its tree. Grammar of Go's text/template; functions and variables must be known.

Refused although Go has them: `define`, `template` and `block`, complex numbers.
"""

from __future__ import annotations

from collections.abc import Collection

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
from finial.template.tokens import Kind, Token, fault, number, scan, unquoted

WORDS: dict[str, bool | None] = {"true": True, "false": False, "nil": None}
NAMED_TEMPLATES = frozenset({"define", "template", "block"})
BRANCHES: dict[str, type[If] | type[With] | type[Range]] = {"if": If, "with": With, "range": Range}
MAX_DEPTH = 64  # blocks and parentheses inside each other
ENDS_OPERAND = frozenset({Kind.SPACE, Kind.PIPE, Kind.CLOSE, Kind.RIGHT})


def parse(text: str, functions: Collection[str]) -> Body:
    """Raises: InvalidArgument, "template:<line>:<column>: why"."""
    parser = _Parser(scan(text), functions)
    body, word = parser.body(())
    if word is not None:
        raise fault(word.at, f"unexpected {{{{{word.text}}}}}")
    return body


class _Parser:
    def __init__(self, tokens: list[Token], functions: Collection[str]) -> None:
        self._tokens, self._next = tokens, 0
        self._functions = functions
        self._variables = ["$"]
        self._loops = self._depth = 0

    # Tokens

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._tokens[self._next]
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token

    def _skip_space(self) -> Token:
        """The next token that is no space, not taken."""
        while self._peek().kind is Kind.SPACE:
            self._take()
        return self._peek()

    def _expect(self, kind: Kind, where: str) -> Token:
        token = self._skip_space()
        if token.kind is not kind:
            raise fault(token.at, f"unexpected {told(token)} in {where}")
        return self._take()

    def _deeper(self, at: At) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise fault(at, f"more than {MAX_DEPTH} blocks or parentheses inside each other")

    # Blocks

    def body(self, ends: tuple[str, ...]) -> tuple[Body, Token | None]:
        """Up to one of these words, which is taken; its action is still open."""
        nodes: list[Node] = []
        while True:
            token = self._take()
            if token.kind is Kind.END:
                if ends:
                    raise fault(token.at, "unexpected end of the template: {{end}} is missing")
                return tuple(nodes), None
            if token.kind is Kind.TEXT:
                nodes.append(Text(token.text))
                continue
            word = self._skip_space()
            if word.kind is Kind.NAME and word.text in ("else", "end"):
                if word.text not in ends:
                    raise fault(word.at, f"unexpected {{{{{word.text}}}}}")
                return tuple(nodes), self._take()
            nodes.append(self._node(word))

    def _node(self, word: Token) -> Node:
        if word.kind is Kind.NAME and word.text in BRANCHES:
            self._take()
            return self._branch(word)
        if word.kind is Kind.NAME and word.text in ("break", "continue"):
            return self._jump(word)
        if word.kind is Kind.NAME and word.text in NAMED_TEMPLATES:
            raise fault(word.at, f"{{{{{word.text}}}}} is not supported")
        return Action(self._pipe(Kind.CLOSE, "command"))

    def _jump(self, word: Token) -> Jump:
        self._take()
        if not self._loops:
            raise fault(word.at, f"{{{{{word.text}}}}} outside {{{{range}}}}")
        self._expect(Kind.CLOSE, f"{{{{{word.text}}}}}")
        return Jump(word.text == "break", word.at)

    def _branch(self, word: Token) -> If | With | Range:
        self._deeper(word.at)
        scope = len(self._variables)
        pipe = self._pipe(Kind.CLOSE, word.text)
        self._loops += word.text == "range"
        body, end = self.body(("else", "end"))
        self._loops -= word.text == "range"
        otherwise: Body = ()
        if end is not None and end.text == "else":
            otherwise = self._otherwise(word)
        else:
            self._expect(Kind.CLOSE, "{{end}}")
        del self._variables[scope:]
        self._depth -= 1
        return BRANCHES[word.text](pipe, body, otherwise)

    def _otherwise(self, word: Token) -> Body:
        """After `else`: the rest of a chain, or a body and its end."""
        following = self._skip_space()
        if following.kind is Kind.NAME and following.text == word.text and word.text != "range":
            self._take()
            return (self._branch(word),)
        self._expect(Kind.CLOSE, "{{else}}")
        scope = len(self._variables)
        body, _ = self.body(("end",))
        del self._variables[scope:]
        self._expect(Kind.CLOSE, "{{end}}")
        return body

    # Pipelines

    def _pipe(self, end: Kind, where: str) -> Pipe:
        at = self._skip_space().at
        variables, declares = self._declaration(where)
        commands: list[Command] = []
        while True:
            token = self._skip_space()
            if token.kind is end:
                self._take()
                break
            commands.append(self._command(where))
            token = self._skip_space()
            if token.kind is Kind.PIPE:
                self._take()
                if self._skip_space().kind in (end, Kind.PIPE):
                    raise fault(token.at, f"missing value for {where}")
            elif token.kind is not end:
                raise fault(token.at, f"unexpected {told(token)} in {where}")
        if not commands:
            raise fault(at, f"missing value for {where}")
        for command in commands[1:]:
            if isinstance(command.operands[0], Literal | Dot):
                raise fault(command.at, "non executable command in pipeline")
        if declares:
            self._variables += variables
        return Pipe(variables, declares, tuple(commands), at)

    def _declaration(self, where: str) -> tuple[tuple[str, ...], bool]:
        """`$x :=`, `$x =`, and for `range` also `$i, $x :=`. Nothing is taken if it is none."""
        start, names = self._next, list[str]()
        while self._skip_space().kind is Kind.VARIABLE:
            token = self._take()
            names.append(token.text)
            mark = self._skip_space()
            if mark.kind in (Kind.DECLARE, Kind.ASSIGN):
                self._take()
                if mark.kind is Kind.ASSIGN:
                    for name in names:
                        self._check_variable(name, token)
                return tuple(names), mark.kind is Kind.DECLARE
            if mark.kind is not Kind.COMMA or where != "range" or len(names) > 1:
                break
            self._take()
        if len(names) > 1:
            raise fault(self._peek().at, "too many declarations in range")
        self._next = start
        return (), False

    def _check_variable(self, name: str, token: Token) -> None:
        if name not in self._variables:
            raise fault(token.at, f'undefined variable "{name}"')

    def _command(self, where: str) -> Command:
        at = self._peek().at
        operands = [self._operand(where)]
        while self._peek().kind is Kind.SPACE:
            token = self._skip_space()
            if token.kind in ENDS_OPERAND:
                break
            operands.append(self._operand(where))
        if self._peek().kind not in ENDS_OPERAND:
            raise fault(self._peek().at, f"unexpected {told(self._peek())} in operand")
        return Command(tuple(operands), at)

    def _operand(self, where: str) -> Operand:
        token = self._take()
        at = token.at
        match token.kind:
            case Kind.NAME if token.text in WORDS:
                return Literal(WORDS[token.text], at)
            case Kind.NAME:
                if token.text not in self._functions:
                    raise fault(at, f'function "{token.text}" not defined')
                return Name(token.text, at)
            case Kind.DOT:
                return Dot(at)
            case Kind.FIELD:
                return Field((token.text[1:], *self._fields()), at)
            case Kind.VARIABLE:
                self._check_variable(token.text, token)
                return Variable(token.text, self._fields(), at)
            case Kind.NUMBER:
                return Literal(number(token), at)
            case Kind.CHARACTER:
                return Literal(self._character(token), at)
            case Kind.STRING | Kind.RAW:
                return Literal(unquoted(token), at)
            case Kind.LEFT:
                return self._parenthesised(at)
        raise fault(at, f"unexpected {told(token)} in {where}")

    def _character(self, token: Token) -> int:
        text = unquoted(token)
        if len(text) != 1:
            raise fault(token.at, f"malformed character constant: {token.text}")
        return ord(text)

    def _parenthesised(self, at: At) -> Operand:
        self._deeper(at)
        pipe = self._pipe(Kind.RIGHT, "parenthesized pipeline")
        self._depth -= 1
        names = self._fields()
        return Chain(pipe, names, at) if names else pipe

    def _fields(self) -> tuple[str, ...]:
        names = []
        while self._peek().kind is Kind.FIELD:
            names.append(self._take().text[1:])
        return tuple(names)


def told(token: Token) -> str:
    return f'"{token.text}"' if token.text.strip() else token.kind.value
