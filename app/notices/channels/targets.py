"""Where a channel may send: the vendor's public host (a webhook or mail server: any), or what is listed; nothing else."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Collection

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_UNICAST = ipaddress.IPv6Network("2000::/3")  # beyond it lie the forms that wrap an IPv4 address
_RESOLVE_LIMIT = 5.0
_PORTS = {"http": 80, "https": 443, "smtp": 25}
_SECURE = {"https", "smtp"}  # a mail server's own settings say how its connection is secured


class TargetRefused(Exception):
    """A channel must not post to this address; the message says why and what to do."""


class TargetUnknown(Exception):
    """The host's name cannot be resolved now; nothing was sent.

    `unlisted` says why it may well be refused where only its address can tell that it is allowed.
    """

    def __init__(self, message: str, unlisted: str = "") -> None:
        super().__init__(message)
        self.unlisted = unlisted


@dataclass(frozen=True)
class Allowed:
    """The hosts and networks of `LIANBING_OUTBOUND_ALLOW`."""

    hosts: frozenset[str]
    networks: tuple[Network, ...]

    def covers(self, address: Address) -> bool:
        """Whether the address lies in a listed network."""
        return any(address in network for network in self.networks)


@dataclass(frozen=True)
class Target:
    """A checked address: the name for TLS and the Host header, the one IP to connect to."""

    url: httpx.URL
    address: str


@lru_cache
def allowed(setting: str) -> Allowed:
    """Parse the setting: hosts, addresses and networks, separated by commas."""
    hosts, networks = set(), []
    for item in filter(None, (part.strip().lower() for part in setting.split(","))):
        try:
            networks.append(ipaddress.ip_network(item, strict=False))
        except ValueError:
            hosts.add(item.rstrip("."))
    return Allowed(frozenset(hosts), tuple(networks))


def host_of(url: str | None) -> str | None:
    """Return the host of a channel's address: all of it that may be shown."""
    return httpx.URL(url).host if url else None


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and (address not in _UNICAST or address.sixtofour or address.teredo):
        return False
    return address.is_global and not address.is_multicast


async def _addresses(host: str, port: int) -> list[Address]:
    try:
        async with asyncio.timeout(_RESOLVE_LIMIT):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # TimeoutError is an OSError
        raise TargetUnknown(f"域名 {host} 暂时解析不到地址，请检查域名和本机网络。") from error
    unique = dict.fromkeys(ipaddress.ip_address(entry[4][0]) for entry in found)
    return sorted(unique, key=lambda address: address.version)


async def check_target(
    url: str, *, known: Collection[str] | None, allow: Allowed, schemes: Collection[str] = ("http", "https")
) -> Target:
    """Return the one address that a message to `url` may connect to.

    The vendor's own hosts (`known`; None: any host) must be reached by https at a public address; a listed host, or
    one all of whose addresses lie in listed networks, may be anything. Raises TargetRefused, or TargetUnknown where
    the name does not resolve now. The caller connects to exactly this address: a second resolution could differ.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise TargetRefused("通道地址格式有误，请从群机器人设置页完整复制。") from error
    host = parsed.host.rstrip(".").lower()
    if parsed.scheme not in schemes or not host or parsed.userinfo:
        raise TargetRefused("通道地址应当以 https:// 开头，且不含用户名和密码。")
    literal = _literal(host)
    vendor, listed = known is None or host in known, host in allow.hosts
    if not vendor and not listed and not allow.networks:
        raise TargetRefused(_unlisted(host, known))
    plain = vendor and not listed and parsed.scheme not in _SECURE
    if plain and known is not None:
        raise TargetRefused("通道地址应当以 https:// 开头。")
    try:
        found = [literal] if literal else await _addresses(host, parsed.port or _PORTS[parsed.scheme])
    except TargetUnknown as error:
        error.unlisted = "" if vendor or listed else _unlisted(host, known)
        raise
    if not listed and not all(allow.covers(address) for address in found):
        if not vendor:
            raise TargetRefused(_unlisted(host, known))
        if plain:
            raise TargetRefused("通道地址应当以 https:// 开头。")
        if not all(_public(address) for address in found):
            raise TargetRefused(f"{host} 指向非公网地址，已拒绝发送；请检查域名解析，确有需要的由运维列入允许范围。")
    return Target(parsed, str(found[0]))


def _unlisted(host: str, known: Collection[str] | None) -> str:
    return (
        f"不允许向 {host} 发送：此类通道只发往 {'、'.join(sorted(known or ()))}；"
        "确需使用其他地址的，请运维人员在 LIANBING_OUTBOUND_ALLOW 中列明。"
    )
