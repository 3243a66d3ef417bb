"""TLS to a PostgreSQL server that has it: what SPIRE's users write in `connection_string` does what it says."""

from __future__ import annotations

import asyncio
import datetime
import os
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from finial.errors import FinialError, Unavailable
from finial.runtime.clock import SystemClock
from finial.store import Postgres, Store
from finial.testing import postgres
from finial.testing.postgres_tls import front

pytestmark = pytest.mark.slow
PASSWORD = "correct horse'battery"


@dataclass(frozen=True)
class Ca:
    """Makes certificates below a root of its own."""

    name: str
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def new(cls, name: str) -> Ca:
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(name, key, build(name, key, name, key, x509.BasicConstraints(True, None)))

    def issue(self, name: str, *addresses: x509.GeneralName) -> tuple[bytes, bytes]:
        """Certificate and key, PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        extensions = [x509.SubjectAlternativeName(addresses)] if addresses else []
        made = build(name, key, self.name, self.key, *extensions)
        return pem(made), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def build(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *extensions: x509.ExtensionType,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(hours=1))
    )
    for one in extensions:
        builder = builder.add_extension(one, critical=isinstance(one, x509.BasicConstraints))
    return builder.sign(issuer_key, SHA256())


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


@dataclass(frozen=True)
class Tls:
    """`strict`: the port that asks for a client certificate; `plain`: one without TLS."""

    port: int
    strict: int
    plain: int
    ca: Path
    other_ca: Path
    client: Path  # with .crt and .key

    def pairs(self, host: str, **settings: object) -> str:
        """A DSN of key=value pairs, as most SPIRE configurations have it."""
        named = {"host": host, "port": self.port, "dbname": "postgres", **settings}
        quoted = {name: str(value).replace("\\", "\\\\").replace("'", "\\'") for name, value in named.items()}
        return " ".join(f"{name}='{value}'" for name, value in quoted.items())

    def address(self, user: str, host: str, settings: Mapping[str, object], port: int = 0) -> str:
        options = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in settings.items())
        return f"postgresql://{user}@{host}:{port or self.port}/postgres?{options}"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tls]:
    """User `word` comes by password, `finial` as he says."""
    folder = tmp_path_factory.mktemp("tls")
    ca, other = Ca.new("db-ca"), Ca.new("other-ca")
    (folder / "ca.pem").write_bytes(pem(ca.certificate))
    (folder / "other.pem").write_bytes(pem(other.certificate))
    for name, issued in (
        ("client", ca.issue("someone")),
        ("server", ca.issue("db", x509.DNSName("localhost"))),
    ):
        for suffix, content in zip((".crt", ".key"), issued, strict=True):
            (folder / f"{name}{suffix}").write_bytes(content)
            (folder / f"{name}{suffix}").chmod(0o600)
    relaxed, strict = (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) for _ in range(2))
    for one in (relaxed, strict):
        one.load_cert_chain(folder / "server.crt", folder / "server.key")
    strict.load_verify_locations(folder / "ca.pem")
    strict.verify_mode = ssl.CERT_REQUIRED
    with postgres.own() as cluster:
        password = PASSWORD.replace("'", "''")
        cluster.execute(f"CREATE ROLE word SUPERUSER LOGIN PASSWORD '{password}'")
        cluster.write("pg_hba.conf", b"host all finial all trust\nhost all word all scram-sha-256\n")
        cluster.execute("SELECT pg_reload_conf()")
        with front(cluster.port, relaxed) as port, front(cluster.port, strict) as asking:
            yield Tls(port, asking, cluster.port, folder / "ca.pem", folder / "other.pem", folder / "client")


def opened(dsn: str) -> str:
    """Who its connections are of."""

    async def main() -> str:
        store = await Store.open(Postgres(dsn), clock=SystemClock(), poll_period=None)
        try:
            found = await store._engine.read(lambda tx: tx.row("SELECT current_user"))
        finally:
            await store.close()
        assert found is not None
        return str(found[0])

    return asyncio.run(main())


@pytest.mark.parametrize("mode", ["", "require", "verify-ca"])
def test_it_is_required_also_where_nothing_is_said_as_by_spires_driver(tls: Tls, mode: str) -> None:
    settings: dict[str, object] = {"sslmode": mode} if mode else {}
    if mode == "verify-ca":
        settings["sslrootcert"] = tls.ca
    assert opened(tls.pairs("127.0.0.1", user="finial", **settings)) == "finial"
    with pytest.raises(Unavailable, match="does not support SSL, but SSL was required"):
        opened(tls.pairs("127.0.0.1", user="finial", **settings | {"port": tls.plain}))


def test_it_can_be_switched_off(tls: Tls) -> None:
    assert opened(tls.pairs("127.0.0.1", user="finial", port=tls.plain, sslmode="disable")) == "finial"
    with pytest.raises(Unavailable):
        opened(tls.pairs("127.0.0.1", user="finial", sslmode="disable"))


@pytest.mark.parametrize("form", ["pairs", "address"])
def test_verify_full_compares_the_name(tls: Tls, form: str) -> None:
    settings = {"sslmode": "verify-full", "sslrootcert": tls.ca}

    def dsn(host: str) -> str:
        if form == "pairs":
            return tls.pairs(host, user="finial", **settings)
        return tls.address("finial", host, settings)

    assert opened(dsn("localhost")) == "finial"
    with pytest.raises(Unavailable, match=r'"localhost".* does not match host name "127\.0\.0\.1"'):
        opened(dsn("127.0.0.1"))


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_a_server_of_another_ca_is_refused(tls: Tls, mode: str) -> None:
    with pytest.raises(Unavailable, match="certificate verify failed"):
        opened(tls.pairs("localhost", user="finial", sslmode=mode, sslrootcert=tls.other_ca))


@pytest.mark.parametrize("form", ["pairs", "address"])
def test_a_client_certificate_is_shown(tls: Tls, form: str) -> None:
    files = {"sslcert": tls.client.with_suffix(".crt"), "sslkey": tls.client.with_suffix(".key")}
    settings = {"sslmode": "verify-full", "sslrootcert": tls.ca, **files}
    if form == "pairs":
        dsn = tls.pairs("localhost", user="finial", port=tls.strict, **settings)
    else:
        dsn = tls.address("finial", "localhost", settings, tls.strict)
    assert opened(dsn) == "finial"
    with pytest.raises(FinialError, match="certificate required"):
        opened(tls.pairs("localhost", user="finial", port=tls.strict, sslcert=os.devnull + "x"))


@pytest.mark.parametrize("form", ["pairs", "address"])
def test_a_password_is_taken_and_never_told(tls: Tls, form: str) -> None:
    def dsn(password: str, **settings: object) -> str:
        if form == "pairs":
            return tls.pairs("localhost", user="word", password=password, **settings)
        return tls.address(f"word:{quote(password)}", "localhost", settings)

    assert opened(dsn(PASSWORD)) == "word"
    for wrong in (
        dsn("s3cret wrong"),
        dsn("s3cret", dbname="nowhere") if form == "pairs" else dsn("s3cret", sslmode="verify-full"),
        dsn("s3cret", sslmode="s3nseless"),
        dsn("s3cret", unknown="x"),
        dsn("s3cret").replace(str(tls.port), "1"),
        dsn("s3cret") + " %zz'",
    ):
        with pytest.raises(FinialError) as caught:
            opened(wrong)
        assert "s3cret" not in f"{caught.value} {caught.value.hint}"
