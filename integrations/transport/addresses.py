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
        ip = ipaddress.ip_address(address.partition("%")[0])
        if not (getattr(ip, "ipv4_mapped", None) or ip).is_global:
            raise PrivateAddress(f"{host} is at a private address, which is refused")
    return addresses[0]
