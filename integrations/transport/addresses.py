"""Which addresses a request may reach: never a private one, unless it is the configured base URL itself."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from typing import Any

import httpcore


class PrivateAddress(httpcore.ConnectError):
    """A host name led into a private network."""


class GuardedBackend(httpcore.SyncBackend):
    """Connects to the address that was checked, so that a name cannot answer differently the second time.

    `trusted` hosts come from settings (the base URL) and may be anywhere: a proxy, a container, this machine.
    """

    def __init__(self, trusted: str) -> None:
        super().__init__()
        self.trusted = trusted

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        address = host if host == self.trusted else public_address(host, port)
        return super().connect_tcp(address, port, timeout, local_address, socket_options)


def public_address(host: str, port: int) -> str:
    """An address of `host`; raises PrivateAddress when any of its addresses is not public."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(f"the name {host} cannot be found") from error
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not is_public(ipaddress.ip_address(address.partition("%")[0])):
            raise PrivateAddress(f"{host} is at a private address, which is refused")
    return addresses[0]


#: NAT64 (RFC 6052): a gateway sends on to the IPv4 address in the last 32 bits.
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Also by the IPv4 address that may be wrapped in it, where a gateway unwraps it. Multicast is "global" to Python."""
    if isinstance(ip, ipaddress.IPv6Address):
        wrapped = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in NAT64:
            wrapped = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        if wrapped is not None:
            return is_public(wrapped)
        if (
            ip.is_site_local
        ):  # given up as a kind, and used inside of organisations all the same; "global" to Python, too
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved)
