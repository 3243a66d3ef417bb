"""The ground that services stand on: time, tasks, sockets, TLS, gRPC, logs.

The only package that knows asyncio servers, TLS contexts and /proc. It knows nothing of entries, agents or
protobuf messages of ours: those come in as handlers, hooks and callbacks.
"""
