"""One GET for a nonce, to a host that an unknown caller named: nothing it says leads anywhere else.

The name is resolved once, off the loop, and the connection goes to an address that was judged: a name that
resolves to something else a moment later changes nothing. Addresses that only this machine or its link can mean
(loopback, link-local with the cloud's metadata service, multicast, unspecified) are refused; private ranges are
where nodes live, and are allowed. No redirect is followed, no proxy asked, no more than a nonce is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence

from finial.errors import FinialError, PermissionDenied
from finial.plugins.node.http_challenge.exchange import Claim, path_of

TIMEOUT = 10.0  # seconds for all of it
MAX_HEADER = 8 * 1024
MAX_BODY = 64
MAX_ADDRESSES = 4  # tried one after the other

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
IPV4_BEHIND = tuple(map(ipaddress.IPv6Network, ("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")))
Resolve = Callable[[str], Awaitable[Sequence[str]]]


async def resolve(host: str) -> Sequence[str]:
    """IP addresses of a name, in a thread. Raises: OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def is_fetchable(address: Address) -> bool:
    """Whether an address can be that of another node, and so the IPv4 address that it may stand for."""
    return all(_is_elsewhere(one) for one in (address, *_embedded(address)))


def _embedded(address: Address) -> list[ipaddress.IPv4Address]:
    """IPv4 addresses where a gateway may lead: 6to4, Teredo (RFC 3056, 4380), the last 32 bits (RFC 4291, 6052)."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found = [address.sixtofour, (address.teredo or (None, None))[1]]
    if any(address in network for network in IPV4_BEHIND):
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [one for one in found if one is not None]


def _is_elsewhere(address: Address) -> bool:
    return not (
        address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or (isinstance(address, ipaddress.IPv4Address) and address.is_reserved)
    )


async def fetch(
    claim: Claim,
    *,
    resolve: Resolve = resolve,
    allowed: Callable[[Address], bool] = is_fetchable,
    timeout: float = TIMEOUT,
) -> str:
    """What is found there, without surrounding space. Raises: PermissionDenied, telling little."""
    try:
        async with asyncio.timeout(timeout):
            addresses = await _judged(claim.host, resolve, allowed)
            return await _from_first(addresses, claim)
    except TimeoutError:
        raise refused("no answer in time") from None


async def _judged(host: str, resolve: Resolve, allowed: Callable[[Address], bool]) -> Sequence[Address]:
    try:
        found = [ipaddress.ip_address(one.partition("%")[0]) for one in await resolve(host)]
    except (OSError, ValueError):
        raise refused(f'host name "{host}" cannot be resolved') from None
    if not all(allowed(one) for one in found):
        raise refused(f'host name "{host}" resolves to an address that is not allowed')
    return found[:MAX_ADDRESSES]


async def _from_first(addresses: Sequence[Address], claim: Claim) -> str:
    """From the first that can be connected to."""
    for address in addresses:
        try:
            reader, writer = await asyncio.open_connection(str(address), claim.port, limit=MAX_HEADER)
        except OSError:
            continue
        try:
            return await _get(reader, writer, claim)
        except (OSError, EOFError, asyncio.LimitOverrunError, ValueError):
            raise refused("no HTTP answer that can be read") from None
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    raise refused("cannot connect to the agent")


async def _get(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, claim: Claim) -> str:
    """By HTTP/1.0: the answer comes in one piece and ends with the connection."""
    request = (
        f"GET {path_of(claim.agent)} HTTP/1.0\r\nHost: {claim.host}:{claim.port}\r\nConnection: close\r\n\r\n"
    )
    writer.write(request.encode("ascii"))
    await writer.drain()
    header = await reader.readuntil(b"\r\n\r\n")
    status = header.split(b"\r\n", 1)[0].split(b" ", 2)
    if len(status) < 2 or not status[0].startswith(b"HTTP/1."):
        raise ValueError
    if status[1].startswith(b"3"):
        raise refused("http redirects are disabled")
    if status[1] != b"200":
        raise refused("the agent's HTTP status is not 200")
    body = b""
    while chunk := await reader.read(MAX_BODY + 1 - len(body)):
        body += chunk
        if len(body) > MAX_BODY:
            raise refused("expected nonce was not found in HTTP response")
    return body.decode("ascii", "replace").strip()


def refused(why: str) -> FinialError:
    return PermissionDenied(f"challenge verification failed: {why}")
