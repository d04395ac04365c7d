"""Tell the addresses of the public internet from those that a request on behalf of a user must not reach."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_UNICAST = IPv6Network("2000::/3")  # all of IPv6 that is assigned for the internet
_NAT64 = IPv6Network("64:ff9b::/96")  # stands for the IPv4 address in its last 32 bits
_COMPATIBLE = IPv6Network("::/96")  # so did these, once
# What `is_global` of some version of Python, or the registries that it follows, count as public.
_NOT_PUBLIC = [
    ip_network(network)
    for network in (
        "168.63.129.16/32",  # services of the host, in Azure
        "192.88.99.0/24",  # relays of 6to4
        "100.100.100.200/32",  # metadata, in Alibaba Cloud
        "2001::/23",  # protocols, such as Teredo
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
]


def address_of(text: str) -> Address | None:
    """Return the IP address that the text is, without a zone; None if it is none."""
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None


def is_allowed(address: Address, allowed: Sequence[Network]) -> bool:
    """Return True for an address of the public internet, and for one of the `allowed` networks.

    An IPv6 address that stands for an IPv4 address counts as that one.
    """
    meant = _meant(address)
    return _is_public(meant) or any(one in network for network in allowed for one in {address, meant})


def _meant(address: Address) -> Address:
    if isinstance(address, IPv6Address):
        return next(_embedded(address), address)
    return address


def _embedded(address: IPv6Address) -> Iterator[IPv4Address]:
    if address.ipv4_mapped:
        yield address.ipv4_mapped
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        yield IPv4Address(int(address) & 0xFFFFFFFF)


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _UNICAST:
        return False
    is_common = address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)
    return is_common and not any(address in network for network in _NOT_PUBLIC if network.version == address.version)
