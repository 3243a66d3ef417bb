"""Converters between protobuf messages and our values: one per type, each way.

`x_to_wire` makes a message. `x_from_wire` reads an answer of a server; `x_from_request` reads what a
caller asks for, with the checks and in the words of SPIRE 1.15: InvalidArgument with the inner text, to
which the API adds its "failed to ...". A sub-message that is absent is passed as None, see `field.given`.
"""
