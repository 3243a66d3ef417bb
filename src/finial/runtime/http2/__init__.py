"""HTTP/2 under gRPC: grpclib's call layer on h2, with what a server among Go peers needs besides.

    bytes -> frames.Http2 (h2) -> events.Processor -> stream.Stream -> call (server) or channel (client)

GOAWAY in both roles without a failed call, every budget checked before a byte is buffered, corked writes.
The rest of Finial imports `finial.runtime.grpc`. The overrides use private names of h2, hpack and grpclib,
which are pinned exactly; tests/interop/transport is the alarm at an upgrade.
"""
