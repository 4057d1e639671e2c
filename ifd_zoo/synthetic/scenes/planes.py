"""Flat parts of a scene drawn on the grid of samples: endless floors, walls and upright cut-outs."""

import cv2
import numpy as np

from ifd_zoo.synthetic.pictures.camera import Camera

FAR = 60.0
"""Distance in metres at which floors end."""


def draw_level(
    canvas: np.ndarray, camera: Camera, tile: np.ndarray, metres: float, height: float = 0.0, turn: float = 0.0
) -> np.ndarray:
    """Draw an endless floor or ceiling; return (rows, columns) bool, True where it is.

    Args:
        metres: side of the tile.
        height: of the floor; above the camera it is a ceiling.
        turn: rotation of the tile, radians.
    """
    cosine, sine = np.cos(turn), np.sin(turn)
    inverse = camera.plane(np.array([0, 0, height]), np.array([cosine, sine, 0]), np.array([-sine, cosine, 0]))
    rows = np.arange(camera.size[0], dtype=np.float32)[:, None]
    columns = np.arange(camera.size[1], dtype=np.float32)[None]
    across, up, near = (
        np.float32(row[0]) * columns + (np.float32(row[1]) * rows + np.float32(row[2])) for row in inverse
    )
    there = near > 1 / FAR
    first, last = _rows_with(there)
    if first == last:
        return there
    near = np.maximum(near[first:last], np.float32(1 / FAR))
    side = tile.shape[0]
    maps = []
    for values in (across[first:last], up[first:last]):
        place = values / (near * np.float32(metres))
        maps.append((place - np.floor(place)) * np.float32(side) + np.float32(0.5))
    padded = cv2.copyMakeBorder(tile, 1, 1, 1, 1, cv2.BORDER_WRAP)
    seen = cv2.remap(padded, *maps, cv2.INTER_LINEAR).astype(np.float32)
    # Fade to the mean where a sample spans many texels; otherwise the floor would alias.
    texel_step = side / metres / (near * camera.samples_per_metre * _distance(camera))
    clear = np.clip(1.6 / np.maximum(texel_step * (1 + 1.5 * (texel_step > 0.8)), 0.4), 0, 1)[..., None]
    mean = tile.reshape(-1, 3).mean(0, dtype=np.float32)
    seen -= mean
    seen *= clear
    seen += mean
    lay(canvas[first:last], seen.astype(np.uint8), there[first:last])
    return there


def lay(canvas: np.ndarray, image: np.ndarray, there: np.ndarray) -> None:
    """Copy the image to the canvas where `there`, in place and ten times faster than `np.copyto`."""
    cv2.copyTo(image, there.view(np.uint8), canvas)


def _rows_with(there: np.ndarray) -> tuple[int, int]:
    found = np.flatnonzero(there.any(1))
    return (int(found[0]), int(found[-1]) + 1) if len(found) else (0, 0)


def _distance(camera: Camera) -> float:
    return float(np.linalg.norm(camera.position))


def draw_upright(
    canvas: np.ndarray, camera: Camera, image: np.ndarray, corner: np.ndarray, across: np.ndarray, height: float
) -> np.ndarray:
    """Draw a wall that lies entirely in front of the camera; return (rows, columns) bool, True where it is.

    Args:
        corner: (3,) lower left corner.
        across: (3,) from there to the lower right corner.
    """
    centre = corner + across / 2 + np.array([0, 0, height / 2])
    steps = _project(camera, np.stack([centre, centre + across * 0.02, centre + [0, 0, height * 0.02]]))
    lengths = [max(np.hypot(*(step - steps[0])) * 50, 2) for step in steps[1:]]
    size = [
        int(np.clip(round(length * 1.2), 4, limit)) for length, limit in zip(lengths, image.shape[1::-1], strict=True)
    ]
    small = cv2.resize(image, tuple(size), interpolation=cv2.INTER_AREA) if size != [*image.shape[1::-1]] else image
    inverse = camera.plane(corner, across, np.array([0, 0, height]))
    to_texels = np.array([[small.shape[1], 0, -0.5], [0, -small.shape[0], small.shape[0] - 0.5], [0, 0, 1]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    shape = camera.size[::-1]
    seen = cv2.warpPerspective(small, to_texels @ inverse, shape, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    unit = np.ones((2, 2), np.uint8)
    to_unit = np.diag([2, 2, 1.0]) @ inverse
    to_unit[:2] -= 0.5 * to_unit[2]
    there = cv2.warpPerspective(unit, to_unit, shape, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP).astype(bool)
    lay(canvas, seen, there)
    return there


def _project(camera: Camera, points: np.ndarray) -> np.ndarray:
    seen = points @ camera.matrix[:, :3].T + camera.matrix[:, 3]
    return seen[:, :2] / seen[:, 2:]


def cut_out(
    camera: Camera, image: np.ndarray, place: np.ndarray, height: float
) -> tuple[np.ndarray, tuple[slice, slice]] | None:
    """Project an upright cut-out that faces the camera.

    Args:
        image: (H, W, 4) uint8
        place: (3,) middle of its lower edge.

    Returns:
        (h, w, 4) uint8 and the part of the grid that it fills; None if it is outside the image.
    """
    foot, head = _project(camera, np.stack([place, place + [0, 0, height]]))
    tall = foot[1] - head[1]
    wide = tall * image.shape[1] / image.shape[0]
    left, right, top, bottom = foot[0] - wide / 2, foot[0] + wide / 2, head[1], foot[1]
    columns = slice(max(0, int(np.ceil(left))), min(camera.size[1], int(np.ceil(right))))
    rows = slice(max(0, int(np.ceil(top))), min(camera.size[0], int(np.ceil(bottom))))
    if columns.start >= columns.stop or rows.start >= rows.stop:
        return None
    scale = image.shape[0] / tall
    if scale > 1.5:
        small = (max(int(image.shape[1] / scale), 2), max(int(image.shape[0] / scale), 2))
        image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    steps = image.shape[1] / wide, image.shape[0] / tall
    offset = (columns.start - left) * steps[0] - 0.5, (rows.start - top) * steps[1] - 0.5
    matrix = np.array([[steps[0], 0, offset[0]], [0, steps[1], offset[1]]])
    size = (columns.stop - columns.start, rows.stop - rows.start)
    return cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP), (rows, columns)


def paste(canvas: np.ndarray, image: np.ndarray, where: tuple[slice, slice]) -> None:
    """Blend an (h, w, 4) uint8 image over a part of the canvas."""
    part = canvas[where]
    share = image[..., 3:] * np.float32(1 / 255)
    part[:] = part + (image[..., :3] - part.astype(np.float32)) * share
