"""Faces: eyebrows, lips, beards and glasses, and the shading of eye sockets, nose, cheekbones and chin."""

import numpy as np

from ifd_zoo.synthetic.parts import Landmarks, Skin

CHIN_BELOW_EYE = 0.115
BULGE = np.array([0, 0.007], np.float32)
"""Metres that a head without features stands out from its smoothed surface, at the small and the large scale."""
DEEP = np.array([0.0035, 0.011], np.float32)
"""Depths in metres at which small and large hollows are darkest."""
DARK = np.array([0.65, 0.7], np.float32)
"""Share of the light lost there."""
UNDER, UNDER_CHIN = 0.06, 0.45
"""Extent of the shade below the chin in metres, and the share of the light lost directly below it."""
MATT, SHINY = 0.14, 0.55
"""Strengths of the highlight: in hollows and on flat skin, and on ridges."""


def modelled(
    relief: np.ndarray, template: np.ndarray, landmarks: Landmarks, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return (N,) factors on the linear light that reaches skin, and (N,) strengths of its highlight.

    Soft shadows and the depth map of `hollows` are too coarse for a face.

    Args:
        relief: (N, 2) `Layer.relief` of the samples.
        template: (N, 3)
        strength: 0 to 1; 0 leaves skin unshaded and evenly glossy.
    """
    hollow = np.clip((relief + BULGE) / DEEP, -1, 1) * np.float32(strength)
    chin = landmarks.eye[2] - CHIN_BELOW_EYE
    below = np.clip(1 - (chin - template[:, 2]) / np.float32(UNDER), 0, 1) * (template[:, 2] < chin)
    light = (1 - DARK * np.maximum(hollow, 0)).prod(1) * (1 - np.float32(UNDER_CHIN * strength) * below)
    shine = MATT + (SHINY - MATT) * np.maximum(-hollow[:, 0], 0)
    return light.astype(np.float32), shine.astype(np.float32)


def painted(
    colour: np.ndarray, skin: Skin, template: np.ndarray, masks: np.ndarray, landmarks: Landmarks
) -> np.ndarray:
    """Return the (N, 3) colour of a face, sRGB 0 to 1.

    Args:
        colour: (N, 3) of the skin.
        template: (N, 3)
        masks: (N, 4) 0 to 1, of face, lips, ears, eyelids.
    """
    face, lips, _, lids = masks.T[:, :, None]
    colour = colour * (1 + (np.array([0.04, -0.07, -0.08], np.float32)) * (face * 0.5))
    colour *= 1 - np.array([0.14, 0.42, 0.42], np.float32) * (lips * 0.85)
    colour *= 1 - 0.2 * 0.6 * lids
    eye = landmarks.eye
    beside, above = np.abs(template[:, 0]) - eye[0], template[:, 2] - eye[2]
    front = template[:, 1] < eye[1] + 0.03
    brow = np.clip((0.0065 - np.abs(above - 0.019 + beside**2 * 9)) / 0.0035, 0, 1)
    brow = brow * (np.abs(beside - 0.002) < 0.024) * front * 0.75
    colour += (skin.hair_colour * 0.8 - colour) * brow[:, None]
    if skin.beard:
        grown = np.clip((-0.052 - above) / 0.016, 0, 1) * (1 - lips[:, 0]) * front
        grown = grown * np.clip((template[:, 2] - landmarks.neck - 0.075) / 0.02, 0, 1)
        colour += (skin.hair_colour * 0.9 + 0.02 - colour) * (skin.beard * 0.9 * grown)[:, None]
    if skin.glasses:
        rim = np.hypot(beside / 1.15, above / 0.95)
        frame = (rim > 0.019) & (rim < 0.024) & (template[:, 1] < eye[1] + 0.02)
        frame |= (np.abs(above) < 0.003) & (np.abs(template[:, 0]) < 0.02)
        colour[frame & front] = 0.04
    return colour.astype(np.float32)
