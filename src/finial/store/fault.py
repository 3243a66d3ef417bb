"""The fault points of a database write: `<write>.<stage>`, as `runtime.fault` names them.

Each write passes `begin`, `statement` after each of its statements, `commit` before its commit and
`committed` after it, before its caller hears.
"""

from __future__ import annotations

STAGES = ("begin", "statement", "commit", "committed")
