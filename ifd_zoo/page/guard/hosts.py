"""Checks of the host that serves the page."""

import ipaddress
import os


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is a loopback one."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == 'localhost'


def in_space() -> bool:
    """Return whether the app runs as a Hugging Face Space, where it gets no flags but this variable."""
    return bool(os.getenv('SPACE_ID'))
