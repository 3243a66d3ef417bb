"""sshpop on the wire, for both halves: proof, challenge, response, and SSH signatures.

    {"Certificate": the SSH certificate's own bytes}
    {"Nonce"}
    {"Nonce", "Signature": {"Format", "Blob", "Rest": null}}

A stock agent signs with RSA as `ssh-rsa`, which is SHA-1; what is signed is 32 bytes that both sides chose, so no
collision can be prepared, and it is accepted. Ours signs as `rsa-sha2-256`. SPIRE 1.15 `pkg/common/plugin/sshpop`.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from finial.errors import InvalidArgument
from finial.plugins.node import message
from finial.plugins.node.possession import combined, nonce

NAME = "sshpop"
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
RSA_FORMATS: dict[str, hashes.HashAlgorithm] = {
    "ssh-rsa": hashes.SHA1(),  # noqa: S303  # see above
    "rsa-sha2-256": hashes.SHA256(),
    "rsa-sha2-512": hashes.SHA512(),
}
CURVES: dict[str, tuple[str, hashes.HashAlgorithm]] = {
    "secp256r1": ("ecdsa-sha2-nistp256", hashes.SHA256()),
    "secp384r1": ("ecdsa-sha2-nistp384", hashes.SHA384()),
    "secp521r1": ("ecdsa-sha2-nistp521", hashes.SHA512()),
}
MAX_INTEGER = 128  # bytes of a number in a signature


def encode_proof(certificate: bytes) -> bytes:
    return message.encode({"Certificate": message.to_text(certificate)})


def decode_proof(payload: bytes) -> bytes:
    """The certificate, not read. Raises: InvalidArgument."""
    failure = "failed to unmarshal data"
    found = message.data_of(message.decode(payload, failure), "certificate", failure)
    if not found:
        raise InvalidArgument("no certificate in response")
    return found


def new_challenge() -> tuple[bytes, bytes]:
    """The nonce, and the challenge that carries it."""
    made = nonce()
    return made, message.encode({"Nonce": message.to_text(made)})


def respond(key: PrivateKey, challenge: bytes) -> bytes:
    """Raises: InvalidArgument for a challenge that is none."""
    failure = "failed to unmarshal challenge request"
    theirs = message.data_of(message.decode(challenge, failure), "nonce", failure)
    mine = nonce()
    form, blob = sign(key, combined(theirs, mine))
    signature = {"Format": form, "Blob": message.to_text(blob), "Rest": None}
    return message.encode({"Nonce": message.to_text(mine), "Signature": signature})


def verify(key: PublicKey, challenge_nonce: bytes, response: bytes) -> None:
    """Raises: InvalidArgument for a response that is none or proves nothing."""
    failure = "failed to unmarshal challenge response"
    answer = message.decode(response, failure)
    signed = combined(challenge_nonce, message.data_of(answer, "nonce", failure))
    signature = message.part(answer, "signature", failure)
    if signature is None:
        raise InvalidArgument("failed to verify signature: there is none")
    form = message.text(signature, "format", failure)
    blob = message.data_of(signature, "blob", failure)
    try:
        check_signature(key, form, blob, signed)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        raise InvalidArgument("failed to verify signature: ssh: signature did not verify") from None


def sign(key: PrivateKey, data: bytes) -> tuple[str, bytes]:
    """Format and blob of an SSH signature: RFC 4253 6.6, 8332, 5656, 8709."""
    match key:
        case rsa.RSAPrivateKey():
            return "rsa-sha2-256", key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        case ed25519.Ed25519PrivateKey():
            return "ssh-ed25519", key.sign(data)
    form, digest = CURVES[key.curve.name]
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
    return form, write_integer(r) + write_integer(s)


def check_signature(key: PublicKey, form: str, blob: bytes, data: bytes) -> None:
    """Raises: InvalidSignature; ValueError for a format that is not the key's."""
    match key:
        case rsa.RSAPublicKey() if form in RSA_FORMATS:
            key.verify(blob, data, padding.PKCS1v15(), RSA_FORMATS[form])
        case ed25519.Ed25519PublicKey() if form == "ssh-ed25519":
            key.verify(blob, data)
        case ec.EllipticCurvePublicKey() if key.curve.name in CURVES and form == CURVES[key.curve.name][0]:
            r, rest = read_integer(blob)
            s, rest = read_integer(rest)
            if rest:
                raise ValueError("data after the signature")
            key.verify(encode_dss_signature(r, s), data, ec.ECDSA(CURVES[key.curve.name][1]))
        case _:
            raise ValueError("format of the signature is not the key's")


def write_integer(value: int) -> bytes:
    """RFC 4251 `mpint`."""
    data = value.to_bytes(value.bit_length() // 8 + 1)
    return len(data).to_bytes(4) + data


def read_integer(data: bytes) -> tuple[int, bytes]:
    """A positive `mpint` and what follows it. Raises: ValueError."""
    found, rest = read_string(data)
    if not found or len(found) > MAX_INTEGER or found[0] & 0x80:
        raise ValueError("no positive integer")
    return int.from_bytes(found), rest


def read_string(data: bytes) -> tuple[bytes, bytes]:
    """RFC 4251 `string` and what follows it. Raises: ValueError."""
    size = int.from_bytes(data[:4])
    if len(data) < 4 + size:
        raise ValueError("data ends early")
    return data[4 : 4 + size], data[4 + size :]
