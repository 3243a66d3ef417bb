"""sprig's functions on maps of text to anything. `set`, `unset` and the merges change the map that they are given,
which a template can only have made itself: maps of the data are no `dict`."""

from __future__ import annotations

from finial.errors import InvalidArgument
from finial.template.budget import Budget
from finial.template.functions.declare import function
from finial.template.functions.text import empty, plain
from finial.template.values import Value, type_name

Dict = dict[str, Value]
MAX_DEPTH = 32  # of merging


@function("dict", object, ...)
def make_dict(*pairs: Value) -> Dict:
    """A key without a value gets an empty text."""
    padded = (*pairs, "") if len(pairs) % 2 else pairs
    return {plain(key): value for key, value in zip(padded[::2], padded[1::2], strict=True)}


@function("get", dict, str)
def get(values: Dict, key: str) -> Value:
    return values.get(key, "")


@function("set", dict, str, object)
def put(values: Dict, key: str, value: Value) -> Dict:
    values[key] = value
    return values


@function("unset", dict, str)
def unset(values: Dict, key: str) -> Dict:
    values.pop(key, None)
    return values


@function("hasKey", dict, str)
def has_key(values: Dict, key: str) -> bool:
    return key in values


@function("pluck", str, dict, ...)
def pluck(key: str, *maps: Dict) -> Value:
    return tuple(one[key] for one in maps if key in one)


@function("keys", dict, ...)
def keys(*maps: Dict) -> Value:
    """In the order in which they were set; Go's order is any."""
    return tuple(key for one in maps for key in one)


@function("values", dict)
def values_of(values: Dict) -> Value:
    return tuple(values.values())


@function("pick", dict, str, ...)
def pick(values: Dict, *wanted: str) -> Dict:
    return {key: values[key] for key in wanted if key in values}


@function("omit", dict, str, ...)
def omit(values: Dict, *unwanted: str) -> Dict:
    return {key: value for key, value in values.items() if key not in unwanted}


@function("merge", "mustMerge", dict, dict, ..., costly=True)
def merge(budget: Budget, into: Dict, *sources: Dict) -> Dict:
    """What is set stays."""
    for one in sources:
        _merge(budget, into, one, overwrites=False, depth=MAX_DEPTH)
    return into


@function("mergeOverwrite", "mustMergeOverwrite", dict, dict, ..., costly=True)
def merge_overwrite(budget: Budget, into: Dict, *sources: Dict) -> Dict:
    """The last one wins, unless it is empty."""
    for one in sources:
        _merge(budget, into, one, overwrites=True, depth=MAX_DEPTH)
    return into


def _merge(budget: Budget, into: Dict, source: Dict, *, overwrites: bool, depth: int) -> None:
    if depth == 0:
        raise InvalidArgument("maps nest too deeply to be merged")
    for key, value in list(source.items()):
        budget.spend(1)
        held = into.get(key)
        if isinstance(held, dict) and isinstance(value, dict):
            _merge(budget, held, value, overwrites=overwrites, depth=depth - 1)
        elif key not in into or empty(held) or (overwrites and not empty(value)):
            into[key] = value


@function("dig", object, object, object, object, ...)
def dig(*keys_default_and_map: Value) -> Value:
    *names, fallback, found = keys_default_and_map
    for name in names:
        if not isinstance(found, dict):
            raise InvalidArgument(f"cannot dig in {type_name(found)}")
        if name not in found:
            return fallback
        found = found[name]
    return found
