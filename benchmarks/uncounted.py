"""Finial without its metrics, to measure what they cost: `uncounted.py server run ...` as `finial server run ...`.

What counts, and what it counts into, is put out of work before the program starts.
"""

from __future__ import annotations

from finial.cli import main
from finial.runtime.metrics.instruments import Calls, Counter, Gauge, Histogram, Sample


class Nothing:
    """A context that costs as little as one can."""

    def __enter__(self) -> None:
        """Begins nothing."""

    def __exit__(self, *_: object) -> None:
        """Ends nothing."""


def put_out_of_work() -> None:
    context = Nothing()

    def nothing(*_: object) -> None:
        """Instead of counting."""

    for one in (Counter, Gauge, Histogram, Sample):
        setattr(one, "add", nothing)  # noqa: B010 - mypy holds methods to be what they were
    setattr(Calls, "done", nothing)  # noqa: B010
    setattr(Calls, "measured", lambda _, **__: context)  # noqa: B010


if __name__ == "__main__":
    put_out_of_work()
    main()
