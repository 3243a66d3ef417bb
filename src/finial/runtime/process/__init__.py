"""What the kernel tells about a process by its number, and what a process can ask for itself.

A number may be another's by now: `finial.runtime.peer` holds on to a process, and proves after these
answers whose they were. Each function raises OSError, ProcessLookupError or FileNotFoundError for a process
that has ended.
"""

from __future__ import annotations

import sys

from finial.runtime.process.ids import Ids

if sys.platform == "darwin":
    from finial.runtime.process.darwin import hide, ids, image, path, start_time
else:
    from finial.runtime.process.linux import hide, ids, image, path, start_time

__all__ = ["Ids", "hide", "ids", "image", "path", "start_time"]
