"""Which pictures are read: by their format, by the suffix of their file, and by their first bytes."""

from pathlib import Path

HEIF_SUFFIXES = ('.heic', '.heics', '.heif', '.heifs', '.hif')


def _heif() -> dict[str, tuple[str, ...]]:
    """Lets Pillow read HEIC, where its plugin is installed."""
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
"""What is decoded, by Pillow's names, and the suffixes of such files. A list, since Pillow would otherwise start
Ghostscript for an uploaded EPS file."""

SUFFIXES = tuple(suffix for suffixes in FORMATS.values() for suffix in suffixes)
"""Ends of names of the files that are taken for pictures where these are found by their names, in any case."""

UNREAD_SUFFIXES = tuple(
    suffix
    for suffix in (*HEIF_SUFFIXES, *'.svg .svgz .eps .psd .jp2 .jxl .raw .dng .cr2 .nef .arw'.split())
    if suffix not in SUFFIXES
)
"""Suffixes of pictures that are not decoded here."""

HEAD_BYTES = 1024
"""As many first bytes as tell what a file is."""

SUPPORTED = 'supported are JPEG, PNG, WebP, AVIF, GIF, BMP and TIFF'
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
    """Sorted files below a folder that are pictures by their suffix, without those that `is_hidden`.

    Args:
        pattern: glob below the folder, such as `*/*` for one folder per person.
    """
    found = (path for path in folder.glob(pattern) if path.suffix.lower() in SUFFIXES)
    return sorted(path for path in found if not is_hidden(path, folder) and not path.is_dir())


def is_hidden(path: Path, folder: Path) -> bool:
    """Whether a file below `folder`, or a folder between them, has a name that begins with a dot.

    Unpacking on a Mac leaves `._<name>.jpg` beside each image, a notebook leaves `.ipynb_checkpoints` folders.
    """
    return any(part.startswith('.') for part in path.parts[len(folder.parts) :])


def is_zip(head: bytes) -> bool:
    return head.startswith(ZIP)


def is_video(head: bytes) -> bool:
    """Whether a file that begins so is an MP4, a MOV or another video of that family."""
    brands = _brands(head)
    return bool(brands) and not brands & (AVIF_BRANDS | HEIF_BRANDS)


def picture_suffix(head: bytes) -> str | None:
    """`.jpg`, `.png` ... when a file that begins so may be a picture that is decoded here."""
    if head.startswith(b'RIFF') and head[8:12] == b'WEBP':
        return '.webp'
    if _brands(head) & AVIF_BRANDS:
        return '.avif'
    if 'HEIF' in FORMATS and _brands(head) & HEIF_BRANDS:
        return '.heic'
    return next((suffix for start, suffix in STARTS if head.startswith(start)), None)


def fault_of(head: bytes, name: str) -> str | None:
    """What is wrong with a file that begins so and what to do; None when it may be a picture."""
    if picture_suffix(head):
        return None
    if not head:
        return 'is empty (0 bytes); copy it again'
    if is_video(head):
        return 'is a video; give it to the gallery by itself, or save a frame of it as JPEG or PNG'
    if _brands(head):
        return 'is a HEIC photo, for which pillow-heif must be installed here; or save it as JPEG or PNG'
    if b'<svg' in head[:HEAD_BYTES]:
        return 'is an SVG drawing, which is not supported; export it as PNG or JPEG'
    if head.startswith(b'%PDF'):
        return 'is a PDF document, which is not supported; save its pictures as JPEG or PNG'
    archive = 'tar' if head[257:262] == b'ustar' else _archive(head)
    if archive:
        return f'is a {archive} archive, which is not opened; put its pictures into a ZIP'
    if name.lower().endswith('.zip'):
        return 'is not a ZIP, whatever its name says; make it again'
    return f'is not a picture; {SUPPORTED}'


def _brands(head: bytes) -> set[bytes]:
    """What a file in the container of MP4, HEIC and AVIF says that it is; empty for any other file."""
    if head[4:8] != b'ftyp':
        return set()
    end = min(int.from_bytes(head[:4], 'big'), len(head))
    return {head[8:12], *(head[at : at + 4] for at in range(16, end, 4))}


def _archive(head: bytes) -> str | None:
    return next((kind for start, kind in ARCHIVES.items() if head.startswith(start)), None)
