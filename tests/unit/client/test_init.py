from __future__ import annotations

import subprocess
import sys

import pytest

import finial.client

NOT_YET = ("cryptography", "grpclib", "google.protobuf", "httpx", "uvicorn", "joserfc", "finial.wire")


def test_importing_loads_nothing_heavy() -> None:
    code = "import sys, finial.client; print('\\n'.join(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not [name for name in loaded if name.startswith(NOT_YET)]


@pytest.mark.parametrize("name", finial.client.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(finial.client, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match='has no attribute "nope"'):
        _ = finial.client.nope
    assert "X509Source" in dir(finial.client)
