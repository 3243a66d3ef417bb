"""TLS between SPIFFE identities: contexts that follow the trust bundle and check the peer in the handshake.

`Material` is one moment's trust and identity; `FollowingContext` is what a server or a client library is
given once; `peer_id` and `peer_chain` say who is on the other end of a connection that was made.
"""

from finial.runtime.tls.context import FollowingContext
from finial.runtime.tls.material import Material
from finial.runtime.tls.verdict import Authorizer, PeerRefused, peer_chain, peer_id

__all__ = ["Authorizer", "FollowingContext", "Material", "PeerRefused", "peer_chain", "peer_id"]
