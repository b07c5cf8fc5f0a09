"""Where messages may go: nowhere that a cloud tells its machines secrets, however the address is written."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from app.domain_errors import Invalid
from app.services.system import webhook_networks

HOME = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
NEVER = "Messages are not sent to {}: link-local and cloud metadata addresses are refused."
ELSEWHERE = "Messages are not sent to {}: it is in none of the networks of WEBHOOK_NETWORKS."


def refusal(address: str, *allowed: webhook_networks.Network) -> str | None:
    try:
        webhook_networks.check(ip_address(address), allowed)
    except Invalid as refused:
        return str(refused)
    return None


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.0.1",
        "fe80::1",
        "fe80::1%eth0",
        "febf::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "::ffff:169.254.169.254",
        "64:ff9b::169.254.169.254",
        "2002:a9fe:a9fe::1",
    ],
)
def test_link_local_and_metadata_addresses_are_refused_whatever_is_allowed(address: str) -> None:
    for allowed in ((), (ip_network("0.0.0.0/0"), ip_network("::/0"))):
        assert refusal(address, *allowed) == NEVER.format(ip_address(address))


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.5", "172.16.0.1", "fd12::1", "203.0.113.7", "2001:db8::1"]
)
def test_loopback_private_and_public_addresses_are_allowed_by_default(address: str) -> None:
    assert refusal(address) is None


@pytest.mark.parametrize("address", ["10.1.2.3", "fd12::1", "::ffff:10.1.2.3"])
def test_a_list_of_networks_allows_what_is_in_one_of_them(address: str) -> None:
    assert refusal(address, *HOME) is None


@pytest.mark.parametrize("address", ["127.0.0.1", "192.168.1.5", "203.0.113.7", "::1", "64:ff9b::10.1.2.3"])
def test_a_list_of_networks_refuses_everything_else(address: str) -> None:
    assert refusal(address, *HOME) == ELSEWHERE.format(ip_address(address))


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "2852039166", "0xa9fea9fe", "169.254.43518", "0251.0376.0251.0376"]
)
def test_an_address_is_recognised_in_every_form_that_a_connection_takes(host: str) -> None:
    with pytest.raises(Invalid, match=r"^Messages are not sent to 169\.254\.169\.254: link-local"):
        webhook_networks.check_host(host, ())


@pytest.mark.parametrize("host", ["example.org", "no-such-host.invalid", "..", "x" * 70, ""])
def test_a_name_is_not_looked_up(host: str) -> None:
    webhook_networks.check_host(host, HOME)
