"""Block `audit` of either program's section: an audit log of its own. SPIRE has no such block."""

from __future__ import annotations

from dataclasses import dataclass

from finial.config.checks import positive
from finial.config.options import one_of, option

CONTINUE, REFUSE = "continue", "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """The block is there: the log is on."""

    folder: str = option("", "Folder of the log, of this process alone.", shown="`audit` in data_dir")
    on_failure: str = option(
        CONTINUE,
        "While the log cannot be written: `continue`, or `refuse` every call that changes or signs something.",
        parse=one_of(CONTINUE, REFUSE, sentence='"{}" is unknown; must be one of [continue, refuse]'),
        failure="error parsing on_failure",
    )
    reads: bool = option(False, "Also records calls that only read.")
    file_size_limit: int = option(
        16 << 20,
        "Size at which the next file is begun; no file is ever deleted.",
        unit="bytes",
        check=positive("file_size_limit"),
    )
