"""What a console is told at its start, and what of it is refused: cookies never go in the clear beyond this machine."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from finial.console.access import Role
from finial.console.sources.metrics import Target
from finial.errors import InvalidArgument

PORT, TRIES = 3000, 50  # ports that are tried, from the wanted one on
PAGE = Path(__file__).parent / "page"


@dataclass(frozen=True, slots=True)
class Options:
    """`certificate` and `key`: PEM files. `hosts`: further names, with port, by which browsers reach it. `page`: the
    folder of the built page. `link_socket`: where links are made."""

    server_socket: str
    agent_socket: str = ""
    targets: tuple[Target, ...] = ()
    host: str = "127.0.0.1"
    port: int = PORT
    tries: int = TRIES
    certificate: str = ""
    key: str = ""
    hosts: tuple[str, ...] = ()
    page: Path = PAGE
    link_socket: str = ""
    first_role: Role = Role.ADMIN

    @property
    def scheme(self) -> str:
        return "https" if self.certificate else "http"

    def address(self, port: int) -> str:
        """What a browser is given."""
        return f"{self.scheme}://{bracketed(self.host)}:{port}"

    def names(self, port: int) -> list[str]:
        """What a Host header may say."""
        own = [self.host, "localhost"] if is_loopback(self.host) else [self.host]
        return [*(f"{bracketed(one)}:{port}" for one in own), *self.hosts]


def check(options: Options) -> None:
    """Raises: InvalidArgument for what would send cookies in the clear, or cannot be served."""
    if bool(options.certificate) != bool(options.key):
        raise InvalidArgument("a certificate and its key go together")
    if not options.certificate and not is_loopback(options.host):
        raise InvalidArgument(
            f'the console does not listen on "{options.host}" without TLS',
            hint="name a certificate and a key, or listen on 127.0.0.1 and reach it through ssh -L",
        )
    if options.certificate:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(options.certificate, options.key)
        except OSError as why:  # ssl.SSLError is one
            raise InvalidArgument(f'use certificate "{options.certificate}" and its key: {why}') from why


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
