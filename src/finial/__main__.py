"""`python -m finial`: the command line, without a program on the PATH."""

from __future__ import annotations

from finial.cli import main

if __name__ == "__main__":
    main()
