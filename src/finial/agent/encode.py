"""What a workload may know, as messages of the Workload API. Pure.

A view keeps each encoding: callers that share it share the message, and an answer that changed in something
this kind of message does not hold gives the very same message, which is not sent again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from google.protobuf.message import Message

from finial.agent.answer import Answer, Identity, View
from finial.spiffe import bundle_document
from finial.spiffe.bundle import Bundle
from finial.wire.pb.spiffe.workload import workload_pb2 as pb

M = TypeVar("M", bound=Message)


def x509_svids(view: View, answer: Answer) -> pb.X509SVIDResponse:
    return _shared(view, answer, pb.X509SVIDResponse, _x509_svids)


def x509_bundles(view: View, answer: Answer) -> pb.X509BundlesResponse:
    return _shared(view, answer, pb.X509BundlesResponse, _x509_bundles)


def jwt_bundles(view: View, answer: Answer) -> pb.JWTBundlesResponse:
    return _shared(view, answer, pb.JWTBundlesResponse, _jwt_bundles)


def _shared(view: View, answer: Answer, kind: type[M], encode: Callable[[Answer], M]) -> M:
    before = view.encodings.get(kind.__name__)
    message = before[1] if before is not None else None
    if before is None or not isinstance(message, kind):
        message = encode(answer)
    elif before[0] is not answer:
        fresh = encode(answer)
        message = message if fresh == message else fresh
    view.encodings[kind.__name__] = (answer, message)
    return message


def _x509_svids(answer: Answer) -> pb.X509SVIDResponse:
    own = _roots(answer.bundle)
    return pb.X509SVIDResponse(
        svids=[_x509_svid(one, own) for one in answer.identities],
        federated_bundles={one.trust_domain.uri: _roots(one) for one in answer.federated},
    )


def _x509_svid(identity: Identity, bundle: bytes) -> pb.X509SVID:
    held = identity.held
    return pb.X509SVID(
        spiffe_id=str(held.svid.id),
        x509_svid=b"".join(held.svid.chain),
        x509_svid_key=held.key,
        bundle=bundle,
        hint=identity.entry.hint,
    )


def _x509_bundles(answer: Answer) -> pb.X509BundlesResponse:
    return pb.X509BundlesResponse(bundles={one.trust_domain.uri: _roots(one) for one in _visible(answer)})


def _jwt_bundles(answer: Answer) -> pb.JWTBundlesResponse:
    jwks = {one.trust_domain.uri: bundle_document.jwks(one) for one in _visible(answer)}
    return pb.JWTBundlesResponse(bundles=jwks)


def _visible(answer: Answer) -> tuple[Bundle, ...]:
    """Without an identity the own bundle alone."""
    return answer.bundles if answer.registered else (answer.bundle,)


def _roots(bundle: Bundle) -> bytes:
    return b"".join(bundle.x509_roots)
