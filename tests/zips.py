"""Pictures and ZIP archives for tests, good and hostile."""

import io
import struct
import zipfile
from pathlib import Path

from PIL import Image

LOCAL, CENTRAL = b'PK\x03\x04', b'PK\x01\x02'
BOMB_BYTES = 3_000_000


def picture(number: int = 0, form: str = 'PNG', size: tuple[int, int] = (16, 24)) -> bytes:
    """The bytes of a small picture; each `number` has a colour of its own."""
    buffer = io.BytesIO()
    Image.new('RGB', size, (number % 256, number // 256 % 256, 77)).save(buffer, form)
    return buffer.getvalue()


def bomb(tail: bytes = b'') -> bytes:
    """A BMP file of one colour that packs a thousandfold."""
    side = round((BOMB_BYTES / 3) ** 0.5)
    return picture(0, 'BMP', (side, side)) + tail


def write_zip(path: Path, members: dict[str, bytes] | list[tuple], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """Members by name, or (name or ZipInfo, bytes) pairs."""
    with zipfile.ZipFile(path, 'w', method) as archive:
        for name, content in members.items() if isinstance(members, dict) else members:
            archive.writestr(name, content)
    return path


def special(name: str, mode: int) -> zipfile.ZipInfo:
    """An entry whose Unix mode is `mode`, such as that of a link."""
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, mode << 16
    return entry


def lie(path: Path, local_field: int, central_field: int, value: int, form: str = '<I') -> Path:
    """Write `value` over a field of the first entry, at these offsets of both of its headers."""
    data = bytearray(path.read_bytes())
    struct.pack_into(form, data, data.index(LOCAL) + local_field, value)
    struct.pack_into(form, data, data.index(CENTRAL) + central_field, value)
    path.write_bytes(data)
    return path


def lie_about_size(path: Path, size: int) -> Path:
    """Of the first file when it is unpacked."""
    return lie(path, 22, 24, size)


def encrypt(path: Path) -> Path:
    """Set the flag for encryption, which is all that can be seen without the password."""
    return lie(path, 6, 8, 1, '<H')


def overlap(path: Path, count: int) -> Path:
    """A ZIP of `count` entries that all point at the same packed bytes."""
    write_zip(path, {'a.bmp': bomb()})
    data = path.read_bytes()
    start, end = data.index(CENTRAL), data.rindex(b'PK\x05\x06')
    directory = data[start:end] * count
    record = bytearray(data[end:])
    struct.pack_into('<HHII', record, 8, count, count, len(directory), start)
    path.write_bytes(data[:start] + directory + record)
    return path
