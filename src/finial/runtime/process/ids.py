"""Whose rights a process has."""

from __future__ import annotations

from typing import NamedTuple


class Ids(NamedTuple):
    """Those that count for access."""

    uid: int  # effective
    gid: int  # effective
    groups: tuple[int, ...]  # supplementary; empty where the platform does not tell them
