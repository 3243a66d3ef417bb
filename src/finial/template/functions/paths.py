"""sprig's functions on paths with slashes and on URLs: Go's `path` and `net/url`."""

from __future__ import annotations

import posixpath
from urllib.parse import quote, unquote, urlsplit

from finial.errors import InvalidArgument
from finial.template.functions.declare import function
from finial.template.values import Value, to_bytes, type_name

PATH_KEPT = "/:@!$&'()*+,;=~"
USER_KEPT = "$&+,;=:~"


@function("base", str)
def base(path: str) -> str:
    if not path:
        return "."
    return path.rstrip("/").rpartition("/")[2] or "/"


@function("dir", str)
def folder(path: str) -> str:
    return clean(path[: path.rfind("/") + 1])


@function("clean", str)
def clean(path: str) -> str:
    found = posixpath.normpath(path) if path else "."
    return "/" + found.lstrip("/") if path.startswith("/") else found


@function("ext", str)
def extension(path: str) -> str:
    name = path.rpartition("/")[2]
    return name[name.rfind(".") :] if "." in name else ""


@function("isAbs", str)
def is_absolute(path: str) -> bool:
    return path.startswith("/")


@function("urlParse", str)
def url_parse(text: str) -> dict[str, Value]:
    try:
        found = urlsplit(text)
        hostname = found.hostname or ""
    except ValueError as why:
        raise InvalidArgument(f"unable to parse url: {why}") from why
    user, _, host = found.netloc.rpartition("@")
    opaque = bool(found.scheme) and not found.netloc and not found.path.startswith("/")
    return {
        "scheme": found.scheme,
        "host": host,
        "hostname": hostname,
        "path": "" if opaque else unquote(found.path, errors="surrogateescape"),
        "query": found.query,
        "opaque": found.path if opaque else "",
        "fragment": unquote(found.fragment, errors="surrogateescape"),
        "userinfo": user,
    }


@function("urlJoin", dict)
def url_join(parts: dict[str, Value]) -> str:
    scheme, host, path, query, opaque, fragment, user = (
        _part(parts, name) for name in ("scheme", "host", "path", "query", "opaque", "fragment", "userinfo")
    )
    text = f"{scheme}:" if scheme else ""
    if opaque:
        text += opaque
    else:
        shown = quote(to_bytes(path), safe=PATH_KEPT)
        if scheme or host or user:
            text += _authority(host, user, shown)
        if shown and not shown.startswith("/") and host:
            shown = "/" + shown
        text += shown
    text += f"?{query}" if query else ""
    return text + (f"#{quote(to_bytes(fragment), safe=PATH_KEPT + '?')}" if fragment else "")


def _authority(host: str, user: str, path: str) -> str:
    if not (host or user or path.startswith("/")) or not (host or user):
        return "//" if path.startswith("//") else ""
    return f"//{quote(to_bytes(user), safe=USER_KEPT + '%') + '@' if user else ''}{host}"


def _part(parts: dict[str, Value], name: str) -> str:
    value = parts.get(name, "")
    if not isinstance(value, str):
        raise InvalidArgument(
            f"unable to parse {name} key, must be of type string, but {type_name(value)} found"
        )
    return value
