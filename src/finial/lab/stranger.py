"""`python -m finial.lab.stranger ENDPOINT`: asks for an identity as a process that nobody vouched for.

Prints what came of it, one line: its SPIFFE IDs, or the agent's refusal. `ask` is the same in this process.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from finial.client.workload import WorkloadApi
from finial.errors import FinialError


async def ask(endpoint: str) -> str:
    """Every SPIFFE ID, or why there is none."""
    try:
        async with WorkloadApi(endpoint) as api:
            return " ".join(str(one.id) for one in (await api.fetch_x509()).identities)
    except FinialError as why:
        return why.message


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m finial.lab.stranger ENDPOINT", file=sys.stderr)  # noqa: T201 - a program
        return 1
    print(asyncio.run(ask(arguments[0])))  # noqa: T201 - a program
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
