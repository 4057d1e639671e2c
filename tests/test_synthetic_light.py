"""Light on people: the hollows of faces, the side that light comes from, and the colours that it falls on."""

import numpy as np
import pytest

from ifd_zoo.synthetic.bodies.mesh import finished, surface_of, triangulate
from ifd_zoo.synthetic.parts import Fields
from ifd_zoo.synthetic.pictures.faces import BULGE, CHIN_BELOW_EYE, MATT, modelled
from ifd_zoo.synthetic.pictures.materials import Look
from ifd_zoo.synthetic.pictures.shading import shade
from ifd_zoo.synthetic.scenes.scene import daylight, sided
from tests.mannequins import LANDMARKS

SIDE = 21
CHIN = LANDMARKS.eye[2] - CHIN_BELOW_EYE


class Lens:
    position = np.array([0, -5, 1], np.float32)


def sheet(height):
    """A square of so many quads whose vertices lie at the given heights, seen from above."""
    rows, columns = np.mgrid[:SIDE, :SIDE].reshape(2, -1)
    vertices = np.stack([columns * 0.004, rows * 0.004, height(rows - 10, columns - 10)], 1).astype(np.float32)
    corner = (np.arange(SIDE - 1)[:, None] * SIDE + np.arange(SIDE - 1)).ravel()
    quads = np.stack([corner, corner + 1, corner + SIDE + 1, corner + SIDE], 1)
    zero = np.zeros(len(vertices), np.float32)
    fields = Fields(**{name: zero for name in Fields._fields})
    bones = np.zeros((len(vertices), 1), np.int32), np.ones((len(vertices), 1), np.float32)
    surface = surface_of(triangulate(quads), vertices, fields, bones)
    return finished(surface, np.arange(len(vertices)), quads), vertices


def shaded(normal, side, light=None):
    light = sided(light or daylight(np.random.default_rng(0), indoor=True), 1.0)
    light = type(light)(**{**vars(light), 'side': np.array(side, float), 'sun_colour': np.zeros(3)})
    look = Look(np.full((1, 3), 0.5, np.float32), np.ones(1, np.uint8), np.array([normal], np.float32), 0.0)
    points, one = np.array([[0, 0, 1]], np.float32), np.ones(1, np.float32)
    return shade(look, points, Lens(), light, one, one)[0]


def test_relief_is_positive_in_a_dent_negative_on_a_bump_and_none_on_a_plane():
    middle = SIDE * SIDE // 2
    for sign in (-1, 0, 1):
        shell, vertices = sheet(lambda r, c, sign=sign: sign * 0.006 * np.exp(-(r**2 + c**2) / 8))
        relief = shell.relief(vertices)
        assert relief.shape == (SIDE * SIDE, 2) and relief.dtype == np.float32
        assert np.array_equal(np.sign(relief[middle].round(6)), [-sign, -sign])


def test_more_smoothing_finds_wider_hollows():
    shell, vertices = sheet(lambda r, c: -0.006 * np.exp(-(r**2 + c**2) / 40))
    fine, broad = shell.relief(vertices)[SIDE * SIDE // 2]
    assert broad > 1.3 * fine > 0


def test_hollows_are_dark_and_matt_and_ridges_shine():
    high = np.full((3, 3), CHIN + 0.05, np.float32)
    relief = np.array([[0.004, 0.01], [0, 0], [-0.004, 0]], np.float32) - BULGE
    dark, shine = modelled(relief, high, LANDMARKS, 1.0)
    assert dark[0] < 0.7 and dark[1] == dark[2] == 1
    assert shine[0] == shine[1] == pytest.approx(MATT) and shine[2] > 2 * MATT


def test_where_half_the_light_comes_in_everything_is_half_as_bright_highlights_too():
    light, normal = daylight(np.random.default_rng(1), indoor=False), np.array([[0, -0.6, 0.8]], np.float32)
    points, one = np.array([[0, 0, 1]], np.float32), np.ones(1, np.float32)
    look = Look(np.full((1, 3), 0.5, np.float32), np.ones(1, np.uint8), normal, 0.8)
    whole = shade(look, points, Lens(), light, one, one)
    half = shade(look._replace(reached=np.array([0.5], np.float32)), points, Lens(), light, one, one)
    assert np.allclose(half, whole / 2, rtol=1e-6) and (whole > 0).all()


def test_the_chin_shades_the_neck_right_below_it():
    template = np.array([[0, 0, CHIN + d] for d in (0.001, -0.001, -0.03, -0.1)], np.float32)
    dark, _ = modelled(np.zeros((4, 2), np.float32) - BULGE, template, LANDMARKS, 1.0)
    assert dark[1] < dark[2] < dark[3] == dark[0] == 1


def test_faces_that_are_not_modelled_are_flat():
    rng = np.random.default_rng(0)
    dark, shine = modelled(
        rng.normal(0, 0.01, (50, 2)).astype(np.float32),
        rng.uniform(CHIN - 0.1, CHIN + 0.2, (50, 3)).astype(np.float32),
        LANDMARKS,
        0.0,
    )
    assert (dark == 1).all() and np.allclose(shine, MATT)


def test_more_light_comes_from_its_side_and_as_much_in_all():
    right, left, even = (shaded((0.6 * way, -0.8, 0), (0.5, 0, 0)) for way in (1, -1, 0))
    assert np.allclose(right / even, 1.3, atol=0.01) and np.allclose(left / even, 0.7, atol=0.01)
    assert np.allclose(shaded((0, 0, 1), (0.5, 0, 0)), shaded((0, 0, 1), (0, 0, 0)))


def test_light_has_a_level_side_that_an_option_weakens():
    for number in range(20):
        light = daylight(np.random.default_rng(number), indoor=number % 2 == 0)
        assert light.side[2] == 0 and 0.1 < np.linalg.norm(light.side) < 0.7
        assert np.allclose(sided(light, 0.5).side, light.side / 2) and not sided(light, 0).side.any()
