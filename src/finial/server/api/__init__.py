"""The server's gRPC services: each handler reads its request, does one operation and writes the answer."""
