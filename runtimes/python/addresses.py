"""Which addresses code is not fetched from: those that stand for the machine a pod runs on, for what clouds tell machines
about themselves, and for the API server.

Twin of `runtimes/deno/addresses.ts`, with the ranges of `metrics/addresses.ts`: a test holds all three to each other.
"""

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Callable, Iterable, Optional

# Refused unless an administrator allows them.
REFUSED_RANGES = (
    "0.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "100.100.100.200/32",  # metadata of Alibaba Cloud
    "168.63.129.16/32",  # the platform address of Azure
    "192.0.0.192/32",  # metadata of Oracle Cloud (classic)
    "::/128",
    "::1/128",
    "fe80::/10",
    "ff00::/8",
    "fd00:ec2::254/128",  # metadata of AWS
    "fd20:ce::254/128",  # metadata of Google Cloud
)

# Ranges whose addresses may stand for any other: which one, only the router knows that takes it out again. So they are
# refused as a whole unless an administrator allows them.
DISGUISING_RANGES = (
    "64:ff9b:1::/48",  # NAT64 of a network's own, with the IPv4 address at a place of its choice (RFC 8215, RFC 6052)
    "2002::/16",  # 6to4
    "2001::/32",  # Teredo
)


def refusal_of(
    allowed: Iterable[str], refused: Iterable[str], api_server: Iterable[str]
) -> Callable[[str], Optional[str]]:
    """Answers a function that says why an address must not be connected to; `None`: it may.

    Raises a `ValueError` when a range is none.
    """
    known_nets = networks(REFUSED_RANGES)
    disguising_nets = networks(DISGUISING_RANGES)
    allowed_nets, refused_nets = networks(allowed), networks(refused)
    api_server_nets = networks(api_server)

    def refusal(written: str) -> Optional[str]:
        address = plain(written)

        def is_in(nets: list) -> bool:
            return any(address in net for net in nets)

        if is_in(api_server_nets):
            return "it is an address of the Kubernetes API server"
        if is_in(refused_nets):
            return "the administrator of the cluster refuses its address"
        if is_in(allowed_nets):
            return None
        if is_in(known_nets):
            return "loopback, link-local and metadata addresses are refused"
        if is_in(disguising_nets):
            return "addresses that may stand for any other are refused"
        return None

    return refusal


def networks(ranges: Iterable[str]) -> list:
    return [network(each) for each in ranges]


def network(text: str) -> "IPv4Network | IPv6Network":
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f'"{text}" is no range of addresses') from None


NAT64 = 0x64FF9B << 64
MAPPED = 0xFFFF
SIIT = 0xFFFF << 16


def plain(written: str) -> "IPv4Address | IPv6Address":
    """Without its zone; of an IPv6 address that holds an IPv4 one which is taken out of it again, that one."""
    address = ip_address(written.split("%", 1)[0])
    if address.version == 4:
        return address
    number = int(address)
    prefix, inner = number >> 32, number & 0xFFFFFFFF
    is_compatible = prefix == 0 and inner >> 16 != 0
    return IPv4Address(inner) if prefix in (NAT64, MAPPED, SIIT) or is_compatible else address
