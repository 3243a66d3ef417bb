"""The block `audit`; what its options do: tests/playbooks/test_server_audit.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from finial.config.audit import Audit
from finial.config.problems import ConfigError
from finial.testing.server import config_of


def test_the_log_is_off_unless_the_block_is_there(tmp_path: Path) -> None:
    assert config_of(tmp_path).server.audit is None
    assert config_of(tmp_path, "audit {}").server.audit == Audit()


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (
            'on_failure = "stop"',
            'error parsing on_failure: "stop" is unknown; must be one of [continue, refuse]',
        ),
        ("file_size_limit = 0", "file_size_limit must be more than zero"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, option: str, told: str) -> None:
    with pytest.raises(ConfigError) as why:
        config_of(tmp_path, f"audit {{ {option} }}")
    assert told in str(why.value)
