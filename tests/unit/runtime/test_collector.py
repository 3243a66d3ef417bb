from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from finial.runtime import collector


def test_a_pause_ends_with_its_block_also_by_an_error() -> None:
    assert gc.isenabled()
    with pytest.raises(ValueError, match="no"), collector.paused():
        assert not gc.isenabled()
        raise ValueError("no")
    assert gc.isenabled()


def test_an_inner_pause_leaves_the_outer_one() -> None:
    with collector.paused():
        with collector.paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_what_has_settled_is_not_walked_again() -> None:
    code = (
        "import gc; from finial.runtime import collector; kept = [[] for _ in range(1000)];"
        " collector.settle(); print(gc.get_freeze_count() > 1000, len(gc.get_objects()) < 1000)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True True\n"
