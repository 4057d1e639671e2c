"""Smooth random fields: 3D for skin and hair, 2D for textures."""

from functools import lru_cache

import cv2
import numpy as np

CELLS = 64
"""Cells along each side of the volume, which repeats."""


class Noise:
    """3D field of values 0 to 1, with features one unit wide that repeat every 16 units."""

    def __init__(self) -> None:
        rng = np.random.default_rng(7)
        frequency = np.fft.fftfreq(CELLS) * CELLS
        radius = np.sqrt(sum(f**2 for f in np.meshgrid(frequency, frequency, frequency, indexing='ij')))
        spectrum = np.fft.fftn(rng.normal(size=(CELLS,) * 3)) * np.exp(-0.5 * (radius / 9) ** 2) / (1 + radius / 6)
        values = np.fft.ifftn(spectrum).real
        values = (values - values.min()) / np.ptp(values)
        self._values = np.clip((values - 0.5) * 1.5 + 0.5, 0, 1).astype(np.float32).ravel()

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Return the (N,) float32 values at (N, 3) points."""
        cell = points * np.float32(CELLS / 16)
        low = np.floor(cell)
        share = (cell - low).astype(np.float32)
        low = low.astype(np.int32) & (CELLS - 1)
        high = (low + 1) & (CELLS - 1)
        total = np.zeros(len(points), np.float32)
        for x, share_x in ((low[:, 0], 1 - share[:, 0]), (high[:, 0], share[:, 0])):
            for y, share_y in ((low[:, 1], 1 - share[:, 1]), (high[:, 1], share[:, 1])):
                base, weight = (x * CELLS + y) * CELLS, share_x * share_y
                total += weight * (self._values[base + low[:, 2]] * (1 - share[:, 2]))
                total += weight * (self._values[base + high[:, 2]] * share[:, 2])
        return total


@lru_cache(maxsize=1)
def shared_noise() -> Noise:
    """Return the field that all of the process shares; it is always the same."""
    return Noise()


def plane_noise(
    rng: np.random.Generator,
    size: tuple[int, int],
    cells: tuple[int, int] = (4, 4),
    octaves: int = 4,
    fall: float = 0.6,
) -> np.ndarray:
    """Draw a tileable 2D fractal field, (H, W) float32 of mean about 0 and standard deviation 1.

    Args:
        cells: of the coarsest octave, down and across; each octave has twice as many.
        fall: strength of an octave relative to the one before it.
    """
    total = np.zeros(size, np.float32)
    for octave in range(octaves):
        count = [min(number << octave, length) for number, length in zip(cells, size, strict=True)]
        total += fall**octave * _tiling(rng.normal(size=count).astype(np.float32), size)
    return (total - total.mean()) / max(float(total.std()), 1e-6)


def _tiling(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    rows, columns = values.shape
    row = (np.arange(size[0], dtype=np.float32) + 0.5) * rows / size[0] + 1.5
    column = (np.arange(size[1], dtype=np.float32) + 0.5) * columns / size[1] + 1.5
    padded = np.pad(values, 2, mode='wrap')
    across, down = np.meshgrid(column, row)
    return cv2.remap(padded, across, down, cv2.INTER_CUBIC)
