"""The networks that messages to webhooks may go to.

An address there is one that a name resolves to, or the one that a URL gives. Whoever may add a webhook must not be able
to make the server ask its own cloud for credentials: those addresses are refused, in whatever form they are written.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from app.domain_errors import Invalid
from app.words import gettext

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

NEVER: tuple[Network, ...] = (
    ip_network("169.254.0.0/16"),  # link-local; clouds answer for their credentials at 169.254.169.254
    ip_network("fe80::/10"),  # link-local
    ip_network("fd00:ec2::/32"),  # Amazon's metadata
    ip_network("fd20:ce::254/128"),  # Google's
    ip_network("100.100.100.200/32"),  # Alibaba's
    ip_network("168.63.129.16/32"),  # Azure's agent
    ip_network("192.0.0.192/32"),  # Oracle's
)
_NAT64 = ip_network("64:ff9b::/96")
"""The network of IPv6 whose addresses end in the one of IPv4 that they lead to."""


def check(address: Address, allowed: Sequence[Network]) -> None:
    """Raise Invalid if messages may not go to that address: one in NEVER, or in none of `allowed` if that names any."""
    if any(form in network for form in _forms(address) for network in NEVER):
        raise Invalid(
            gettext(
                "Messages are not sent to %(address)s: link-local and cloud metadata addresses are refused.",
                address=address,
            )
        )
    plain = (isinstance(address, IPv6Address) and address.ipv4_mapped) or address
    if allowed and not any(plain in network for network in allowed):
        raise Invalid(
            gettext(
                "Messages are not sent to %(address)s: it is in none of the networks of WEBHOOK_NETWORKS.",
                address=address,
            )
        )


def check_host(host: str, allowed: Sequence[Network]) -> None:
    """Check the host of a URL if it is an address, in any form that is read as one; a name is not looked up."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (socket.gaierror, UnicodeError):
        return
    for *_, place in found:
        check(ip_address(place[0]), allowed)


def _forms(address: Address) -> Iterator[Address]:
    """Yield the address and those of IPv4 that it stands for."""
    yield address
    if isinstance(address, IPv6Address):
        yield from filter(None, (address.ipv4_mapped, address.sixtofour))
        if address in _NAT64:
            yield IPv4Address(int(address) & 0xFFFF_FFFF)
