from __future__ import annotations

import pytest
from google.protobuf.wrappers_pb2 import BytesValue, StringValue

from finial.runtime.http2.codec import Codec, Encoded

MESSAGE = BytesValue(value=b"x")


def test_bytes_that_are_ready_equal_those_of_the_message() -> None:
    ready = MESSAGE.SerializeToString()
    assert Codec().encode(Encoded(ready), BytesValue) == Codec().encode(MESSAGE, BytesValue) == ready
    assert Codec().decode(ready, BytesValue) == MESSAGE


def test_a_message_of_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match="Message must be of type"):
        Codec().encode(StringValue(), BytesValue)
