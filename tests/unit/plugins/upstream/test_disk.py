"""A CA in files: what is refused at the start, and what is read again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from finial.authority.ca import upstream_request
from finial.authority.policy import Policy
from finial.errors import InvalidArgument, Unsupported
from finial.plugin.kinds import MintedCa
from finial.plugins.upstream.disk import Config, Disk
from finial.runtime.clock import SystemClock
from finial.server.main import NoServer
from finial.spiffe.bundle import JwtAuthority
from finial.spiffe.bundle_document import encode_pem
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.ca import TestCa

DOMAIN = TrustDomain("example.org")
HOST = NoServer(DOMAIN)
KEY = ec.generate_private_key(ec.SECP256R1())


def written(folder: Path, ca: TestCa, *above: TestCa, roots: tuple[TestCa, ...] = ()) -> Config:
    cert, key, bundle = folder / "cert.pem", folder / "key.pem", folder / "bundle.pem"
    cert.write_bytes(encode_pem([ca.der, *(one.der for one in above)]))
    key.write_bytes(ca.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    bundle.write_bytes(encode_pem([one.der for one in roots]))
    return Config(
        cert_file_path=str(cert), key_file_path=str(key), bundle_file_path=str(bundle) if roots else ""
    )


def minted(disk: Disk) -> MintedCa:
    return asyncio.run(disk.mint_x509_ca(upstream_request(Policy(trust_domain=DOMAIN), KEY), 600))


def test_a_self_signed_ca_is_the_root(tmp_path: Path) -> None:
    root = TestCa()
    answer = minted(Disk(written(tmp_path, root), HOST))
    assert len(answer.chain) == 1 and answer.roots == (root.der,)


def test_intermediates_are_passed_on_up_to_the_bundle(tmp_path: Path) -> None:
    root, other = TestCa(), TestCa(name="other")
    middle = TestCa(name="middle", issuer=root)
    below = TestCa(name="below", issuer=middle)
    disk = Disk(written(tmp_path, below, middle, roots=(root, other)), HOST)
    answer = minted(disk)
    assert answer.chain[1:] == (below.der, middle.der) and answer.roots == (root.der, other.der)
    assert asyncio.run(disk.x509_roots()) == answer.roots


def test_files_are_read_again_and_bad_ones_passed_over(tmp_path: Path) -> None:
    first, second = TestCa(), TestCa(name="second")
    config = written(tmp_path, first)
    disk = Disk(config, HOST)
    written(tmp_path, second)
    assert minted(disk).roots == (second.der,)
    Path(config.key_file_path).unlink()
    assert minted(disk).roots == (second.der,)
    with pytest.raises(InvalidArgument, match="unable to load upstream CA key: open"):
        asyncio.run(disk.x509_roots())


def test_files_that_do_not_fit_are_refused_at_the_start_in_spires_words(tmp_path: Path) -> None:
    root = TestCa()
    below = TestCa(name="below", issuer=root)
    missing = str(tmp_path / "missing")
    good = written(tmp_path, root)
    for config, refusal in (
        (Config(), "'cert_file_path' and 'key_file_path' must be set and not empty"),
        (replace(good, key_file_path=missing), "CA key: open .*missing: no such file or directory"),
        (replace(good, cert_file_path=missing), "unable to load upstream CA cert: open"),
        (replace(good, bundle_file_path=missing), "unable to load upstream CA bundle: open"),
        (
            replace(good, cert_file_path=good.key_file_path),
            'cert: expected block type "CERTIFICATE"; got "PRI',
        ),
        (replace(good, key_file_path=good.cert_file_path), "CA key: expected block type"),
    ):
        with pytest.raises(InvalidArgument, match=refusal):
            Disk(config, HOST)
    unfit = "certificate cannot be validated with the provided bundle or is not self-signed"
    ended = TestCa(now=SystemClock().now() - timedelta(days=2))
    for ca, above, roots, refusal in (
        (below, (root,), (), "with no bundle_file_path configured only self-signed CAs are supported"),
        (below, (), (TestCa(name="stranger"),), unfit),
        (ended, (), (), unfit),
    ):
        with pytest.raises(InvalidArgument, match=refusal):
            Disk(written(tmp_path, ca, *above, roots=roots), HOST)
    config = written(tmp_path, root)
    stranger = written(tmp_path, TestCa())
    Path(stranger.cert_file_path).write_bytes(encode_pem([root.der]))
    with pytest.raises(InvalidArgument, match="certificate and private key do not match"):
        Disk(config, HOST)


def test_jwt_keys_are_not_passed_on(tmp_path: Path) -> None:
    disk = Disk(written(tmp_path, TestCa()), HOST)
    with pytest.raises(Unsupported, match="publishing upstream is unsupported"):
        asyncio.run(disk.publish_jwt_key(JwtAuthority("k", b"", 0)))


def test_one_certificate_without_a_bundle_is_a_root_even_if_another_signed_it(tmp_path: Path) -> None:
    """As Go's verifier has it: what is among the roots is trusted."""
    below = TestCa(name="below", issuer=TestCa())
    assert minted(Disk(written(tmp_path, below), HOST)).roots == (below.der,)
