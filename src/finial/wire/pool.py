"""The private descriptor pool that holds every generated message of ours.

A process may also import other people's generated code for the same protocols: py-spiffe registers the
Workload API's messages, which have no package, in protobuf's default pool, where a second definition of
a name is an error. So nothing of ours is defined there. Price: a message class of the default pool
(`google.protobuf.struct_pb2.Struct`) does not fit into our messages; take those of `finial.wire.pb`.
`json_format` needs `descriptor_pool=POOL` wherever an Any may occur.
"""

from __future__ import annotations

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.internal import builder

POOL = DescriptorPool()


def define(namespace: dict[str, object], serialized: bytes) -> FileDescriptor:
    """Add one file to the pool and its messages and enums to the generated module's namespace.

    `serialized` is a FileDescriptorProto; the files it depends on were defined before. Made by the same
    steps as the code that protoc writes, only with another pool.
    """
    POOL.AddSerializedFile(serialized)
    name = _file_name(serialized)
    file: FileDescriptor = POOL.FindFileByName(name)
    builder.BuildMessageAndEnumDescriptors(file, namespace)
    builder.BuildTopDescriptorsAndMessages(file, str(namespace["__name__"]), namespace)
    return file


def _file_name(serialized: bytes) -> str:
    """Field 1 of a FileDescriptorProto, which is written first; names are shorter than 128 bytes."""
    return serialized[2 : 2 + serialized[1]].decode()
