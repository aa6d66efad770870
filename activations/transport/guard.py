"""Open a connection to a host that the profile allows, and to no other.

The address that was checked is the one that is connected to, so that a name which changes its mind in between gains
nothing.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence

from activations.errors import HourbellError
from activations.settings.profile import Profile

SocketAddress = tuple[int, tuple[str, int]]
"""The address family, then the address and the port."""
Resolve = Callable[[str, int], Awaitable[Sequence[SocketAddress]]]

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_IPV4_COMPATIBLE = ipaddress.IPv6Network("::/96")
# these look public, and answer only within their provider's network
_METADATA = (ipaddress.ip_network("168.63.129.16/32"), ipaddress.ip_network("192.0.0.0/24"))


class HostRefusedError(HourbellError):
    """The profile does not allow this host."""


class HostUnavailableError(HourbellError):
    """The host is allowed, and cannot be reached now."""


async def resolve(host: str, port: int) -> list[SocketAddress]:
    """The addresses of a host, by the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, (str(address[0]), port)) for family, _, _, _, address in found]


def is_loopback(address: str) -> bool:
    """Whether an IP address, also one written as IPv4 within IPv6, means this machine; no name ever does."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped.is_loopback
    return parsed.is_loopback


def is_public(address: str) -> bool:
    """Whether an IP address, also an IPv4 one within IPv6, is one that anybody on the internet may have; no name is."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.scope_id is not None:
            return False
        within = parsed.ipv4_mapped or parsed.sixtofour or _nat64(parsed)
        if within is not None:
            return is_public(str(within))
        if parsed in _IPV4_COMPATIBLE:
            return False
    return parsed.is_global and not parsed.is_multicast and not any(parsed in network for network in _METADATA)


async def allowed_addresses(
    profile: Profile, host: str, port: int, resolve: Resolve = resolve, *, public_only: bool = False
) -> Sequence[SocketAddress]:
    """The addresses under which a host may be reached.

    A profile that is not live allows a host only where each of its addresses is this machine; a live one, with
    `public_only`, only where each is public, as whoever names the host may not mean what is inside. Raises
    HostRefusedError where the profile does not allow it, HostUnavailableError where it has no address.
    """
    if profile.is_live and not profile.allows(host):
        raise HostRefusedError(
            f"{host!r} is not in the list of allowed hosts. Add it to HOURBELL_ALLOWED_HOSTS if it is to be reached."
        )
    try:
        addresses = await resolve(host, port)
    except (OSError, UnicodeError, ValueError, OverflowError) as error:
        raise HostUnavailableError(f"The host {host!r} cannot be found: {error}. Check its name.") from error
    if not addresses:
        raise HostUnavailableError(f"The host {host!r} has no address. Check its name.")
    outside = [address for _, (address, _) in addresses if not is_loopback(address)]
    if outside and not profile.is_live:
        raise HostRefusedError(
            f"The profile {profile.name!r} stays on this machine, and {host!r} is {outside[0]}. Unset "
            "HOURBELL_SMTP_URL to use the sandbox. To send for good, set HOURBELL_PROFILE=live and name the host in "
            "HOURBELL_ALLOWED_HOSTS."
        )
    inside = [address for _, (address, _) in addresses if not is_public(address)]
    if inside and profile.is_live and public_only:
        raise HostRefusedError(f"{host!r} is {inside[0]}, which is not an address on the internet.")
    return addresses


def _nat64(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None


async def open_socket(
    profile: Profile, host: str, port: int, timeout: float, resolve: Resolve = resolve
) -> socket.socket:
    """A connected, non-blocking socket to an allowed host.

    `timeout` is in seconds, for each address. Raises HostRefusedError, or HostUnavailableError where none answers.
    """
    loop = asyncio.get_running_loop()
    problem: Exception | None = None
    for family, address in await allowed_addresses(profile, host, port, resolve):
        # asyncio turns Nagle's algorithm off only where the protocol is named
        connection = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        connection.setblocking(False)
        try:
            async with asyncio.timeout(timeout):
                await loop.sock_connect(connection, address)
        except (OSError, OverflowError) as error:
            connection.close()
            problem = error
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise HostUnavailableError(
        f"{host}:{port} does not answer: {problem or 'no address'}. Nothing was lost; deliver again when it is back."
    ) from problem
