"""Images for the benchmarks."""

from pathlib import Path

import numpy as np
from PIL import Image

CROP = (256, 128)


def make_pictures(root: Path, people: int = 16, views: int = 20) -> Path:
    """Write random crop-sized JPEGs as detailed as photos: `folder` layout, 2 outfits per person, no label maps."""
    rng = np.random.default_rng(0)
    for pid in range(people):
        for view in range(2 * views):
            coarse = Image.fromarray(rng.integers(0, 256, (24, 12, 3), dtype=np.uint8)).resize((128, 256))
            noisy = np.clip(np.asarray(coarse, dtype=np.int16) + rng.integers(-12, 13, (256, 128, 3)), 0, 255)
            path = root / 'train' / f'{pid:03d}' / str(view % 2) / f'c{view}_0.jpg'
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(noisy.astype(np.uint8)).save(path)
    return root


def read_crops(root: Path, number: int) -> list[Image.Image]:
    """Load the first images of a data set, resized to `CROP`."""
    paths = sorted(root.rglob('*.jpg'))[:number]
    return [Image.open(path).convert('RGB').resize(CROP[::-1]) for path in paths]
