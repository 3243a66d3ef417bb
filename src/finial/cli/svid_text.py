"""What the Workload API answered, as text for people and as files, in the labels and names of SPIRE 1.15."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography import x509 as certificates

from finial.cli.console import Console
from finial.cli.files import write_file
from finial.cli.mint import certificates_pem, pem
from finial.spiffe.trust_domain import SCHEME
from finial.svid.x509 import split_der
from finial.wire.pb.spiffe.workload.workload_pb2 import (
    X509SVID,
    JWTBundlesResponse,
    JWTSVIDResponse,
    X509SVIDResponse,
)


def x509_text(answer: X509SVIDResponse, seconds: float, *, watching: bool = False) -> str:
    """Labels and tabs are SPIRE's. `watch` shows no hints, and foreign domains by name, not by ID."""
    count = len(answer.svids)
    lines = [f"Received {count} {'svid' if count == 1 else 'svids'} after {seconds:.3f}s\n"]
    for one in answer.svids:
        lines += [f"SPIFFE ID:\t\t{one.spiffe_id}"]
        lines += [f"Hint:\t\t\t{one.hint}"] if one.hint and not watching else []
        chain = split_der(one.x509_svid)
        lines += _validity("SVID", chain[:1])
        for number, der in enumerate(chain[1:], 1):
            lines += _validity(f"Intermediate #{number}", (der,))
        for number, der in enumerate(split_der(one.bundle), 1):
            lines += _validity(f"CA #{number}", (der,))
        for domain, bundle in sorted(answer.federated_bundles.items()):
            label = domain.removeprefix(SCHEME) if watching else domain
            for number, der in enumerate(split_der(bundle), 1):
                lines += _validity(f"[{label}] CA #{number}", (der,))
        lines.append("")
    return "\n".join(lines)


def _validity(label: str, chain: Sequence[bytes]) -> list[str]:
    shown = []
    for der in chain:
        one = certificates.load_der_x509_certificate(der)
        for word, when in (("After", one.not_valid_before_utc), ("Until", one.not_valid_after_utc)):
            shown.append(f"{label} Valid {word}:\t{when:%Y-%m-%d %H:%M:%S} +0000 UTC")
    return shown


def write_x509(answer: X509SVIDResponse, folder: Path, console: Console) -> None:
    """svid.N.pem, svid.N.key, bundle.N.pem, federated_bundle.N.M.pem. Raises: as `write_file`."""
    for number, one in enumerate(answer.svids):
        for what, name, data, mode in _files(number, one, answer.federated_bundles):
            console.out(f"Writing {what} to file {folder / name}.")
            write_file(folder / name, data, mode)


def _files(number: int, one: X509SVID, federated: Mapping[str, bytes]) -> list[tuple[str, str, bytes, int]]:
    found = [
        (f"SVID #{number}", f"svid.{number}.pem", certificates_pem(split_der(one.x509_svid)), 0o644),
        (f"key #{number}", f"svid.{number}.key", pem("PRIVATE KEY", one.x509_svid_key), 0o600),
        (f"bundle #{number}", f"bundle.{number}.pem", certificates_pem(split_der(one.bundle)), 0o644),
    ]
    for index, (domain, bundle) in enumerate(sorted(federated.items())):
        what = f"federated bundle #{index} for trust domain {domain}"
        name = f"federated_bundle.{number}.{index}.pem"
        found.append((what, name, certificates_pem(split_der(bundle)), 0o644))
    return found


def jwt_text(tokens: JWTSVIDResponse, bundles: JWTBundlesResponse) -> str:
    parts = []
    for one in tokens.svids:
        parts.append(f"token({one.spiffe_id}):\n\t{one.svid}\n")
        if one.hint:
            parts.append(f"hint({one.spiffe_id}):\n\t{one.hint}\n")
    for domain, document in sorted(bundles.bundles.items()):
        parts.append(f"bundle({domain}):\n\t{document.decode()}\n")
    return "".join(parts)
