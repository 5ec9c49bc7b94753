"""Which configured addresses are taken, and that a name cannot lead anywhere else afterwards."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import httpx
import pytest
from ssrfguard import SSRFGuardError

from sayso.errors import Code, ConfigError
from sayso.network import Destination, checked_url, guarded_transport

FORBIDDEN = """
http://api.example.com
ftp://api.example.com
https://user:secret@api.example.com
https://@api.example.com
http://127.0.0.1:x@127.0.0.2
http://127.0.0.1@169.254.169.254/
http://localhost.example.com
http://127.0.0.2
https://127.0.0.2
https://10.0.0.1
https://172.16.0.1
https://192.168.1.1
https://169.254.169.254/latest/meta-data
https://100.100.100.200
https://0.0.0.0
https://[::]
https://[fe80::1]
https://[fd00:ec2::254]
https://[fc00::1]
https://[::ffff:127.0.0.1]
https://[::ffff:169.254.169.254]
https://[64:ff9b::a9fe:a9fe]
https://[64:ff9b:1::7f00:1]
https://[2002:7f00:1::]
https://[2002:a9fe:a9fe::1]
https://[2001:0:7f00:1::]
https://0177.0.0.1
https://2130706433
https://0x7f000001
https://127.1
https://①②⑦.0.0.1
https://api.example.com/#fragment
https://api.example.com/?query=1
https://api.example.com:99999
https://
javascript:alert(1)
//api.example.com
""".split()
"""Beside the obvious ones: encoded and shortened hosts, mapped, NAT64, 6to4 and Teredo forms."""

LITERALS = """
10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.100.100.200 127.0.0.2 0.0.0.0 224.0.0.1
255.255.255.255 192.0.2.1 198.18.0.1 240.0.0.1 :: fe80::1 fd00:ec2::254 fc00::1
::ffff:169.254.169.254 64:ff9b::a9fe:a9fe 2002:a9fe:a9fe::1 2001:0:7f00:1:: ff02::1 ::1 127.0.0.1
""".split()


@pytest.mark.promise("network:configured")
@pytest.mark.parametrize("url", FORBIDDEN)
def test_an_unsafe_address_is_refused_with_the_settings_name(url: str) -> None:
    """Parsed first, judged then; a password in it is never repeated."""
    with pytest.raises(ConfigError) as caught:
        checked_url(url, name="base_url")
    assert caught.value.code is Code.INVALID_SETTING
    assert "base_url" in caught.value.message
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com",
        "https://api.example.com:8443/v1/",
        "https://8.8.8.8/",
        "http://127.0.0.1:8390",
        "http://localhost:8390/x",
        "http://[::1]:8390",
        "https://127.0.0.1:8443",
    ],
)
def test_a_safe_address_is_taken(url: str) -> None:
    """https anywhere public; http on this machine only."""
    assert checked_url(url, name="base_url") == url.rstrip("/")


def test_a_private_network_is_taken_when_it_is_named() -> None:
    """On premises: the operator names the network, and nothing beside it."""
    private = ["10.1.0.0/16"]
    assert checked_url("https://10.1.2.3", name="x", private=private) == "https://10.1.2.3"
    with pytest.raises(ConfigError):
        checked_url("https://10.2.0.1", name="x", private=private)


def _resolver(answers: Callable[[], str]) -> Callable[..., list[tuple[object, ...]]]:
    def look_up(host: str, port: int, *rest: object, **named: object) -> list[tuple[object, ...]]:
        address = answers()
        if ":" in address:
            return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0))]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    return look_up


async def _get(
    url: str, destination: Destination, resolver: object = None, times: int = 1
) -> httpx.Response:
    transport = guarded_transport(destination, resolver=resolver)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, trust_env=False, timeout=60) as client:
        response = await client.get(url)
        for _ in range(times - 1):
            response = await client.get(url, headers={"connection": "close"})
        return response


@pytest.mark.promise("network:connected")
@pytest.mark.parametrize("address", LITERALS)
async def test_a_name_that_leads_to_a_special_address_is_not_connected_to(address: str) -> None:
    """Every range that is not public, also where a name leads there, and in wrapped forms."""
    destination = Destination(hosts=frozenset({"api.example.com"}))
    with pytest.raises(SSRFGuardError):
        await _get("https://api.example.com/", destination, _resolver(lambda: address))


@pytest.mark.promise("network:connected")
async def test_a_name_that_moves_is_judged_where_it_is_connected_to() -> None:
    """DNS rebinding: whatever the second look-up says, it is judged, and nothing is sent there."""
    reached: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    moved = iter(["127.0.0.1", "127.0.0.2", "169.254.169.254"])
    # The test's own provider is on this machine, under a name that a bad server moves.
    destination = Destination(
        hosts=frozenset({"inside.example"}), ports=frozenset({port}), loopback=True
    )
    resolver = _resolver(lambda: next(moved))
    transport = guarded_transport(destination, resolver=resolver)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, trust_env=False, timeout=60) as client:
        url = f"http://inside.example:{port}/"
        assert (await client.get(url)).status_code == 200
        for _ in range(2):
            with pytest.raises(SSRFGuardError):
                await client.get(url)
    server.close()
    await server.wait_closed()
    assert len(reached) == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://other.example.com/",
        "https://api.example.com.evil.example/",
        "https://api.example.com:8443/",
        "http://api.example.com/",
    ],
)
async def test_only_the_named_hosts_and_ports_are_connected_to(url: str) -> None:
    """An allow-list holds for whatever a request names."""
    destination = Destination(hosts=frozenset({"api.example.com"}))
    with pytest.raises(SSRFGuardError):
        await _get(url, destination, _resolver(lambda: "8.8.8.8"))
