"""A template that was checked when it was read, to be rendered any number of times. Pure, safe for threads."""

from __future__ import annotations

from dataclasses import dataclass, field

from finial.template.budget import Budget
from finial.template.evaluate import evaluate
from finial.template.functions import FUNCTIONS
from finial.template.nodes import Body
from finial.template.parser import parse
from finial.template.values import Value


@dataclass(frozen=True, slots=True)
class Template:
    """`text` is what it was read from."""

    text: str
    _body: Body = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Template:
        """Raises: InvalidArgument, "template:<line>:<column>: why"."""
        return cls(text, parse(text, FUNCTIONS))

    def render(self, data: Value) -> str:
        """`data`: see `values`. Raises: InvalidArgument where it lacks what the template asks for,
        ResourceExhausted for a template that costs too much."""
        return evaluate(self._body, data, Budget())
