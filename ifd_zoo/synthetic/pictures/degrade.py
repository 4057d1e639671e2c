"""Image degradations by lenses, sensors and files, on (H, W, 3) float32 images, 0 to 255."""

import cv2
import numpy as np


def motion_blurred(image: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Blur along a line, mostly sideways; return the image and the length in pixels."""
    length = float(rng.uniform(2.0, 7.0) * image.shape[0] / 256)
    angle = rng.normal(0, 0.35)
    side = 2 * int(np.ceil(length)) + 1
    kernel = np.zeros((side * 4, side * 4), np.float32)
    middle = side * 2
    offset = 2 * length * np.array([np.cos(angle), np.sin(angle)])
    ends = [tuple(int(round(middle + sign * step)) for step in offset) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0, 3)
    kernel = cv2.resize(kernel, (side, side), interpolation=cv2.INTER_AREA)
    # An odd kernel keeps the blur centred on the pixel, aligned with the label map.
    return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE), length


def lowered(image: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """Reduce to a low resolution and enlarge again; return the image and the low height in pixels."""
    height = int(image.shape[0] * np.exp(rng.uniform(np.log(0.19), np.log(0.7))))
    size = (max(round(height * image.shape[1] / image.shape[0]), 2), max(height, 2))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    way = (cv2.INTER_LINEAR, cv2.INTER_CUBIC)[rng.integers(2)]
    return cv2.resize(small, image.shape[1::-1], interpolation=way), height


def exposed(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change exposure, white balance, gamma and saturation."""
    gain = np.exp(rng.normal(0, 0.22)) * np.exp(rng.normal(0, 0.06, 3))
    gamma = np.exp(rng.normal(0, 0.18))
    table = 255 * np.clip(np.linspace(0, 1, 256)[:, None] ** gamma * gain, 0, 1)
    grey = rng.uniform(0, 0.35) if rng.random() < 0.4 else 0.0
    result = _looked_up(image, table)
    return result + (result.mean(2, keepdims=True) - result) * np.float32(grey)


def toned(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Apply a camera's tone curve, which mostly lifts the midtones and steepens them."""
    lifted = np.linspace(0, 1, 256) ** np.exp(rng.normal(-0.12, 0.15))
    curve = lifted + rng.uniform(0, 0.9) * (lifted * lifted * (3 - 2 * lifted) - lifted)
    return _looked_up(image, 255 * np.repeat(curve[:, None], 3, axis=1))


def _looked_up(image: np.ndarray, table: np.ndarray) -> np.ndarray:
    index = np.clip(image, 0, 255)
    return np.stack([np.interp(index[..., c], np.arange(256), table[:, c]) for c in range(3)], -1).astype(np.float32)


def vignetted(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Darken towards the corners of the camera's frame, in which the box may lie off centre."""
    rows, columns = np.mgrid[-1 : 1 : image.shape[0] * 1j, -1 : 1 : image.shape[1] * 1j]
    centre = rng.normal(0, 0.5, 2)
    radius = np.hypot(rows - centre[0], (columns - centre[1]) * 0.6)
    return image * (1 - rng.uniform(0.15, 0.4) * np.clip(radius / 1.6, 0, 1) ** 2)[..., None].astype(np.float32)


def noisy(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add sensor noise, stronger in bright areas; half the time smoothed, as by a camera's denoising."""
    strength = np.exp(rng.uniform(np.log(1.5), np.log(11)))
    grain = rng.standard_normal(image.shape, dtype=np.float32)
    grain = 0.75 * grain + 0.6 * rng.standard_normal((*image.shape[:2], 1), dtype=np.float32)
    if rng.random() < 0.5:
        grain = 1.6 * cv2.GaussianBlur(grain, (0, 0), 0.7)
    return image + grain * (np.float32(strength) * np.sqrt(np.clip(image, 8, 255) / 128))


def softened(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blur slightly, as if out of focus."""
    return cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.3) * image.shape[0] / 256))


def sharpened(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Sharpen edges as cameras do."""
    return image + np.float32(rng.uniform(0.3, 1.0)) * (image - cv2.GaussianBlur(image, (0, 0), 1.0))


def compressed(image: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """Compress as JPEG; return the image and the quality."""
    quality = int(rng.uniform(35, 92))
    _, data = cv2.imencode('.jpg', to_bytes(image)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1].astype(np.float32), quality


def to_bytes(image: np.ndarray) -> np.ndarray:
    return np.clip(image + np.float32(0.5), 0, 255).astype(np.uint8)
