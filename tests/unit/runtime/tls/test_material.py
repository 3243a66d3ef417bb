"""What goes into an inner context, and what never comes out."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from finial.errors import InvalidArgument
from finial.runtime.tls.material import Material, build, usable_roots
from finial.svid.certificate import read
from finial.testing.ca import TestCa

CA = TestCa()
LEAF = CA.leaf()
GOOD = Material({"example.org": (CA.der,)}, LEAF.chain, LEAF.key)


def made(material: Material, *, server_side: bool = True) -> ssl.SSLContext:
    return build(material, server_side=server_side, client_auth=ssl.CERT_OPTIONAL)


def test_server_asks_for_a_certificate_and_a_client_requires_one() -> None:
    assert made(GOOD).verify_mode is ssl.CERT_OPTIONAL
    client = made(GOOD, server_side=False)
    assert (client.verify_mode, client.check_hostname) == (ssl.CERT_REQUIRED, False)


def test_no_tickets_and_nothing_before_tls_1_2() -> None:
    context = made(GOOD)
    assert context.num_tickets == 0
    assert context.options & ssl.OP_NO_TICKET
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_key_stays_out_of_the_repr() -> None:
    text = repr(GOOD)
    assert text == "Material(bundles={'example.org': 1}, chain=1, alpn=('h2',))"
    assert repr(LEAF.key)[2:20] not in text


def test_key_is_written_to_no_file_and_no_descriptor_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = os.listdir("/proc/self/fd")
    made(GOOD)
    assert os.listdir("/proc/self/fd") == before
    assert list(tmp_path.iterdir()) == []


def test_key_of_another_certificate_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"^TLS identity: key values mismatch$"):
        made(Material(GOOD.bundles, LEAF.chain, CA.leaf().key))


def test_p384_key_is_taken() -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    leaf = CA.leaf(private_key=key)
    made(
        Material(
            GOOD.bundles, leaf.chain, key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        )
    )


@pytest.mark.parametrize("key", [b"no key", b"\x30\x03\x02\x01\x00"])
def test_unreadable_key_is_refused_without_being_quoted(key: bytes) -> None:
    with pytest.raises(InvalidArgument, match=r"^TLS identity: ") as caught:
        made(Material(GOOD.bundles, LEAF.chain, key))
    assert "no key" not in str(caught.value)


def test_root_that_cannot_be_read_vouches_for_nothing() -> None:
    context = made(Material({"example.org": (b"\x30\x03\x02\x01\x00", CA.der)}))
    assert context.get_ca_certs(binary_form=True) == [CA.der]


def test_root_that_openssl_alone_cannot_read_vouches_for_nothing_and_spoils_no_other() -> None:
    odd = TestCa().der.replace(b"\x0c\x04root", b"\x1a\x04root")  # a name as VisibleString
    assert read(odd).is_ca
    context = made(Material({"example.org": (odd, CA.der)}), server_side=False)
    assert context.get_ca_certs(binary_form=True) == [CA.der]


def test_root_of_two_bundles_is_loaded_once() -> None:
    assert usable_roots({"example.org": (CA.der,), "other.org": (CA.der,)}) == (CA.der,)


def test_root_that_passes_for_one_of_an_earlier_domain_is_left_out() -> None:
    other = TestCa("other.org", name="Other")
    copy = TestCa("other.org", name=CA.name, subject_key_id=CA.subject_key_id)
    assert usable_roots({"example.org": (CA.der,), "other.org": (copy.der, other.der)}) == (CA.der, other.der)


def test_roots_with_one_name_and_their_own_keys_stand_side_by_side() -> None:
    roots = (CA.der, TestCa("other.org", name=CA.name).der)
    assert usable_roots({"example.org": roots[:1], "other.org": roots[1:]}) == roots


def test_root_of_a_rotation_keeps_its_place_beside_the_old_one() -> None:
    again = TestCa(private_key=CA.private_key)
    assert usable_roots({"example.org": (CA.der, again.der)}) == (CA.der, again.der)


@pytest.mark.parametrize(("chain", "key"), [(LEAF.chain, b""), ((), LEAF.key)])
def test_chain_and_key_go_together(chain: tuple[bytes, ...], key: bytes) -> None:
    with pytest.raises(InvalidArgument, match="go together"):
        Material({}, chain, key)
