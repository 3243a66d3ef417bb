"""`python -m finial.lab.hidden WORDS`: the command `finial WORDS` in a process that hid itself first.

So the lab starts its server and agent: other processes of the same user can neither trace them nor take
the socket over which services are vouched for.
"""

from __future__ import annotations

import runpy

from finial.runtime.process import hide


def main() -> None:
    hide()
    runpy.run_module("finial", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
