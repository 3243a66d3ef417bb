"""Where protobuf and our types meet: generated messages, one converter per type, status codes, clients."""
