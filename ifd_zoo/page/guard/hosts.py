"""Where the page is served from."""

import ipaddress
import os


def is_loopback(host: str) -> bool:
    """Whether a name or address means this machine, seen from itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == 'localhost'


def in_space() -> bool:
    """Whether this is a Space of the Hub: its platform sets this variable, and asks for no flags."""
    return bool(os.getenv('SPACE_ID'))
