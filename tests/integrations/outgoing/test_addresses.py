"""Where a tenant's address may lead."""

from __future__ import annotations

import socket
import threading

import pytest

from integrations.outgoing import endpoints, post
from integrations.services.connect import Refused


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "ftp://example.com", "https://", "https://a b.example", "https://user:pw@example.com/",
        "http://example.com", "http://127.0.0.1/", "https://example.com:0/", "https://example.com:x/", "javascript:alert(1)",
        "https://example.com\\@internal", "https://exa\nmple.com", "https://[::1", "https://e.com/" + "x" * 2000,
    ],
)  # fmt: skip
def test_addresses_that_are_refused(url):
    with pytest.raises(Refused) as refused:
        endpoints.checked_url(url)
    assert refused.value.field == "url"


def test_plain_http_only_to_this_machine_while_developing(settings):
    settings.DEBUG = True
    assert endpoints.checked_url("http://localhost:9/x#y") == "http://localhost:9/x"
    with pytest.raises(Refused):
        endpoints.checked_url("http://example.com/")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",  # noqa: S104
        "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "::127.0.0.1",
    ],
)  # fmt: skip
def test_private_addresses_are_refused_at_the_connection(address, monkeypatch):
    """By whatever name: the answer of the name server is what counts, and it is what is connected to."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: [(family, socket.SOCK_STREAM, 6, "", (address, 443))])
    assert post.post("https://innocent.example/", "{}", {}).error == "private_address"


def test_one_private_address_among_public_ones_is_enough(monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: found)
    assert post.post("https://innocent.example/", "{}", {}).error == "private_address"


def test_literal_addresses_are_checked_too():
    for host in ("[::ffff:7f00:1]", "2130706433", "0x7f.1", "169.254.169.254"):
        assert post.post(f"https://{host}/", "{}", {}).error == "private_address", host


def test_this_machine_is_private_in_production(receiver, settings):
    settings.DEBUG = False
    assert post.post(receiver.url, "{}", {}).error == "private_address" and not receiver.calls


@pytest.fixture
def drips():
    """A server that answers a byte now and then, for ever."""
    server, over = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def serve():
        peer, _address = server.accept()
        with peer:
            peer.recv(65536)
            peer.sendall(b"HTTP/1.1 200 OK\r\nx:")
            while not over.wait(0.02):
                try:
                    peer.sendall(b"y")
                except OSError:
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}/"
    over.set()
    thread.join()
    server.close()


def test_an_answer_that_drips_holds_nobody(drips, settings, monkeypatch):
    settings.DEBUG = True
    monkeypatch.setattr(post, "SECONDS", 0.3)
    assert post.post(drips, "{}", {}).error == "timeout"


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..example", "xn--\u00e9.example", "%41.example"])
def test_a_name_that_no_name_can_be_is_not_found(host):
    assert post.post(f"https://{host}/", "{}", {}).error == "unreachable"
