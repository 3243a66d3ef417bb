"""SPIFFE ID: text in, a checked (trust domain, path) out. Pure.

Rules, SPIFFE-ID 2: scheme `spiffe://`, a trust domain, then nothing or segments that are each preceded
by one slash, not empty, not `.` or `..`, of letters, digits, dot, dash and underscore; at most 2048
bytes. No percent encoding, no query, no port. Nothing is normalised: what is not canonical is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from finial.errors import InvalidArgument
from finial.spiffe.path import check_path
from finial.spiffe.trust_domain import MAX_ID_LENGTH, SCHEME, TrustDomain, split_id

RESERVED_PATH = "/spire"
SERVER_PATH = "/spire/server"
AGENT_PATH = "/spire/agent"


@dataclass(frozen=True, slots=True, order=True)
class SpiffeId:
    """A checked SPIFFE ID. `path` is empty (the trust domain's own ID) or begins with a slash."""

    trust_domain: TrustDomain
    path: str

    @classmethod
    def parse(cls, text: str) -> SpiffeId:
        """Raises: InvalidArgument, in go-spiffe's words."""
        name, path = split_id(text)
        return cls(TrustDomain(name), check_path(path))

    @classmethod
    def of(cls, trust_domain: TrustDomain, path: str) -> SpiffeId:
        """From parts, checked the same way. Raises: InvalidArgument."""
        made = cls(trust_domain, check_path(path))
        if len(str(made)) > MAX_ID_LENGTH:
            raise InvalidArgument(
                f"SPIFFE ID has {len(str(made))} characters, at most {MAX_ID_LENGTH} are allowed"
            )
        return made

    def __hash__(self) -> int:
        """By the path alone, whose hash a string remembers: IDs are keys everywhere, in few trust domains."""
        return hash(self.path)

    def member_of(self, trust_domain: TrustDomain) -> bool:
        return self.trust_domain == trust_domain

    @property
    def is_reserved(self) -> bool:
        """Under `/spire`, where only the server and agents live: no workload may hold it."""
        return self.path == RESERVED_PATH or self.path.startswith(RESERVED_PATH + "/")

    @property
    def is_agent(self) -> bool:
        """The ID of an attested agent: `/spire/agent/<method>/...`."""
        return self.path.startswith(AGENT_PATH + "/")

    @property
    def is_server(self) -> bool:
        return self.path == SERVER_PATH

    def __str__(self) -> str:
        return f"{SCHEME}{self.trust_domain.name}{self.path}"


def server_id(trust_domain: TrustDomain) -> SpiffeId:
    return SpiffeId(trust_domain, SERVER_PATH)


def agent_id(trust_domain: TrustDomain, suffix: str) -> SpiffeId:
    """`suffix` begins with the attestation method: `/join_token/<token>`. Raises: InvalidArgument."""
    return SpiffeId.of(trust_domain, AGENT_PATH + suffix)
