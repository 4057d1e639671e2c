"""Supported image formats: by name, by file suffix and by first bytes."""

from pathlib import Path

HEIF_SUFFIXES = ('.heic', '.heics', '.heif', '.heifs', '.hif')


def _heif() -> dict[str, tuple[str, ...]]:
    """Register Pillow's HEIC plugin, if it is installed, and return its format."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return {}
    register_heif_opener()
    return {'HEIF': HEIF_SUFFIXES}


FORMATS: dict[str, tuple[str, ...]] = {
    'JPEG': ('.jpg', '.jpeg', '.jpe', '.jfif'),
    'PNG': ('.png', '.apng'),
    'WEBP': ('.webp',),
    'AVIF': ('.avif', '.avifs'),
    'GIF': ('.gif',),
    'BMP': ('.bmp',),
    'TIFF': ('.tif', '.tiff'),
    'PPM': ('.ppm', '.pgm', '.pbm', '.pnm', '.pfm'),
    **_heif(),
}
"""Decoded formats by Pillow's names, with their suffixes. Formats are listed explicitly because Pillow would otherwise
start Ghostscript for an uploaded EPS file."""

SUFFIXES = tuple(suffix for suffixes in FORMATS.values() for suffix in suffixes)
"""Suffixes, in upper or lower case, of files that count as images when a folder is listed."""

UNREAD_SUFFIXES = tuple(
    suffix
    for suffix in (*HEIF_SUFFIXES, *'.svg .svgz .eps .psd .jp2 .jxl .raw .dng .cr2 .nef .arw'.split())
    if suffix not in SUFFIXES
)
"""Suffixes of image files that are not supported."""

HEAD_BYTES = 1024
"""Number of first bytes from which the type of a file can be told."""

SUPPORTED = 'supported formats are JPEG, PNG, WebP, AVIF, GIF, BMP and TIFF'
STARTS = (
    (b'\xff\xd8\xff', '.jpg'),
    (b'\x89PNG\r\n\x1a\n', '.png'),
    (b'GIF8', '.gif'),
    (b'BM', '.bmp'),
    *((start, '.tif') for start in (b'II*\0', b'MM\0*', b'II\0*', b'MM*\0', b'II+\0', b'MM\0+')),
    *((b'P' + bytes([kind]), '.ppm') for kind in b'0123456fFy'),
)
ZIP = (b'PK\3\4', b'PK\5\6', b'PK\7\x08')
ARCHIVES = {
    b'Rar!\x1a\7': 'RAR',
    b'7z\xbc\xaf\x27\x1c': '7-Zip',
    b'\x1f\x8b': 'gzip',
    b'BZh': 'bzip2',
    b'\xfd7zXZ': 'xz',
}
AVIF_BRANDS = {b'avif', b'avis'}
HEIF_BRANDS = {b'heic', b'heix', b'heim', b'heis', b'hevc', b'hevx', b'mif1', b'msf1'}


def list_pictures(folder: Path, pattern: str = '**/*') -> list[Path]:
    """Return the sorted files below a folder that have an image suffix, except those that `is_hidden`.

    Args:
        pattern: glob below the folder, such as `*/*` for one folder per person.
    """
    found = (path for path in folder.glob(pattern) if path.suffix.lower() in SUFFIXES)
    return sorted(path for path in found if not is_hidden(path, folder) and not path.is_dir())


def is_hidden(path: Path, folder: Path) -> bool:
    """Return whether a file below `folder`, or a folder between the two, has a name that begins with a dot.

    Archives made on a Mac contain `._<name>.jpg` beside each image, and notebooks leave `.ipynb_checkpoints` folders.
    """
    return any(part.startswith('.') for part in path.parts[len(folder.parts) :])


def is_zip(head: bytes) -> bool:
    return head.startswith(ZIP)


def is_video(head: bytes) -> bool:
    """Return whether a file with these first bytes is an MP4, a MOV or another video of that family."""
    brands = _brands(head)
    return bool(brands) and not brands & (AVIF_BRANDS | HEIF_BRANDS)


def picture_suffix(head: bytes) -> str | None:
    """Return `.jpg`, `.png` ... if a file with these first bytes may be a supported image, else None."""
    if head.startswith(b'RIFF') and head[8:12] == b'WEBP':
        return '.webp'
    if _brands(head) & AVIF_BRANDS:
        return '.avif'
    if 'HEIF' in FORMATS and _brands(head) & HEIF_BRANDS:
        return '.heic'
    return next((suffix for start, suffix in STARTS if head.startswith(start)), None)


def describe_fault(head: bytes, name: str) -> str | None:
    """Return what is wrong with a file with these first bytes and what to do; None if it may be an image."""
    if picture_suffix(head):
        return None
    if not head:
        return 'is empty (0 bytes); copy it again'
    if is_video(head):
        return 'is a video; add it to the gallery on its own, or save a frame of it as JPEG or PNG'
    if _brands(head):
        return 'is a HEIC photo; install pillow-heif to read it, or save it as JPEG or PNG'
    if b'<svg' in head[:HEAD_BYTES]:
        return 'is an SVG drawing, which is not supported; export it as PNG or JPEG'
    if head.startswith(b'%PDF'):
        return 'is a PDF document, which is not supported; save its pictures as JPEG or PNG'
    archive = 'tar' if head[257:262] == b'ustar' else _archive(head)
    if archive:
        return f'is a {archive} archive, which is not supported; put its pictures into a ZIP'
    if name.lower().endswith('.zip'):
        return 'is not a ZIP, despite its name; create it again'
    return f'is not a picture; {SUPPORTED}'


def _brands(head: bytes) -> set[bytes]:
    """Return the brands that an MP4, HEIC or AVIF container declares; empty for any other file."""
    if head[4:8] != b'ftyp':
        return set()
    end = min(int.from_bytes(head[:4], 'big'), len(head))
    return {head[8:12], *(head[at : at + 4] for at in range(16, end, 4))}


def _archive(head: bytes) -> str | None:
    return next((kind for start, kind in ARCHIVES.items() if head.startswith(start)), None)
