"""sprig's functions on regular expressions, by an engine whose time grows with pattern times text at most."""

from __future__ import annotations

from finial.template.budget import Budget
from finial.template.functions.declare import function
from finial.template.regex import Regex, quote_meta


def compiled(budget: Budget, pattern: str, text: str) -> Regex:
    """Pays for one run over the text. Raises: InvalidArgument, ResourceExhausted."""
    budget.spend(len(pattern))
    found = Regex.compile(pattern)
    budget.spend(found.size * (len(text) + 1) // 8)
    return found


@function("regexMatch", "mustRegexMatch", str, str, costly=True)
def regex_match(budget: Budget, pattern: str, text: str) -> bool:
    return compiled(budget, pattern, text).search(text) is not None


@function("regexFind", "mustRegexFind", str, str, costly=True)
def regex_find(budget: Budget, pattern: str, text: str) -> str:
    found = compiled(budget, pattern, text).search(text)
    return text[slice(*found[0])] if found and found[0] else ""


@function("regexFindAll", "mustRegexFindAll", str, str, int, costly=True)
def regex_find_all(budget: Budget, pattern: str, text: str, limit: int) -> list[str]:
    regex = compiled(budget, pattern, text)
    return [text[start:end] for start, end in regex.spans(text, budget.spend, limit)]


@function("regexReplaceAll", "mustRegexReplaceAll", str, str, str, costly=True)
def regex_replace_all(budget: Budget, pattern: str, text: str, new: str) -> str:
    """`$1`, `${1}`, `$name` and `${name}` in `new` are groups."""
    regex = compiled(budget, pattern, text)
    return regex.replace(text, lambda groups: regex.expand(new, text, groups), budget.spend)


@function("regexReplaceAllLiteral", "mustRegexReplaceAllLiteral", str, str, str, costly=True)
def regex_replace_all_literal(budget: Budget, pattern: str, text: str, new: str) -> str:
    return compiled(budget, pattern, text).replace(text, lambda _: new, budget.spend)


@function("regexSplit", "mustRegexSplit", str, str, int, costly=True)
def regex_split(budget: Budget, pattern: str, text: str, limit: int) -> list[str]:
    return compiled(budget, pattern, text).split(text, limit, budget.spend)


@function("regexQuoteMeta", str)
def regex_quote_meta(text: str) -> str:
    return quote_meta(text)
