"""Hair that hangs: where it lies around the face and the crown, and how strands run."""

from dataclasses import replace

import numpy as np
import pytest

from ifd_zoo.synthetic.bodies.head import Coat, Depths, measure_skull
from ifd_zoo.synthetic.bodies.mane import COLUMNS, FOREHEAD, ROWS, mane
from ifd_zoo.synthetic.clothes.fitting import Fitting
from ifd_zoo.synthetic.clothes.wardrobe import Outfit
from ifd_zoo.synthetic.parts import Hair
from ifd_zoo.synthetic.people import People
from ifd_zoo.synthetic.pictures.materials import SKULL, strands_of

CENTRE = np.array([0.01, 0.02, 1.6], np.float32)
MIDDLE = COLUMNS // 2


@pytest.fixture(scope='module')
def people():
    return People(5)


def coat(people, hat=None, **changes):
    person = people.identity(2)
    changes = {'style': 'long', 'front': 1.0, 'parting': 0.0, 'hairline': 0.0, 'volume': 1.0, **changes}
    person = replace(person, number=1001, hair=person.hair._replace(**changes))
    fitting = Fitting(people._body, person, Outfit(0, 0, (), False, 'L'), 5, 0)
    return Coat(fitting, person.hair, measure_skull(fitting), Depths(fitting), hat)


def rows_of(coat):
    vertices, triangles = mane(coat)
    assert triangles.min() == 0 and triangles.max() == len(vertices) - 1
    return vertices.reshape(ROWS, COLUMNS, 3)


@pytest.mark.parametrize('style', ['bob', 'long', 'wavy'])
def test_hair_closes_over_the_crown_and_opens_around_the_face(people, style):
    own = coat(people, style=style)
    sheet, skull = rows_of(own), own.skull
    assert np.ptp(sheet[0, :, :2], 0).max() < 0.01 and skull.crown < sheet[0, 0, 2] < skull.crown + 0.04
    left, right = sheet[:, 0], sheet[:, -1]
    parted = np.minimum(left[:, 2], right[:, 2]) > skull.eye + FOREHEAD
    assert np.abs(left[parted] - right[parted]).max() < 0.012
    at_eyes = np.abs(left[:, 2] - skull.eye).argmin()
    assert left[at_eyes, 0] > 0.045 and right[at_eyes, 0] < -0.045


def test_hair_stands_off_the_skull_everywhere(people):
    own = coat(people)
    sheet, skull = rows_of(own), own.skull
    above = sheet[sheet[..., 2] > skull.eye + 0.04]
    assert ((((above - skull.centre) / skull.radii) ** 2).sum(1) > 1).all()


def test_hair_ends_lower_the_longer_it_is_and_a_bob_above_the_shoulders(people):
    lowest = [rows_of(coat(people, length=length))[-1, MIDDLE, 2] for length in (0.0, 0.5, 1.0)]
    assert lowest[0] > lowest[1] > lowest[2] > lowest[0] - 0.3
    bob = coat(people, style='bob', length=1.0)
    assert rows_of(bob)[-1, :, 2].min() > bob.skull.eye - 0.18


def test_hair_lies_before_the_shoulders_or_is_swept_behind_them(people):
    before, behind = (rows_of(coat(people, front=front, length=0.8)) for front in (1.0, 0.0))
    neck = coat(people).skull.centre[1]
    assert (before[-6:, [2, -3], 1] < neck - 0.05).all() and (behind[-6:, :, 1] > neck).all()


def test_hair_is_pressed_flat_by_a_hat(people):
    free = coat(people)
    hat = free.skull.eye + 0.05
    pressed, sheet = rows_of(coat(people, hat=hat)), rows_of(free)
    assert pressed[0, 0, 2] < sheet[0, 0, 2] and pressed[0, 0, 2] < free.skull.crown + 0.006
    high = (sheet[..., 2] > hat + 0.03) & (pressed[..., 2] > hat + 0.03)
    away = [np.linalg.norm(each - free.skull.centre, axis=-1)[high].mean() for each in (pressed, sheet)]
    assert away[0] < away[1] - 0.004


def test_a_parting_to_the_side_moves_where_the_edges_meet(people):
    left, right = (rows_of(coat(people, parting=parting)) for parting in (0.8, -0.8))
    row = 3
    assert left[row, 0, 0] > 0.005 and right[row, 0, 0] < -0.005


def slow_strand(point, curl):
    """One point of `strands_of`."""
    x, y, z = (float(v) for v in point - CENTRE)
    level = np.hypot(x, y)
    along = SKULL * np.arctan2(level, z) if z > 0 else SKULL * np.pi / 2 - z
    turn = np.arctan2(y, x) + 0.13 * curl * np.sin(55 * along + 3 * x / level)
    return SKULL * np.cos(turn), SKULL * np.sin(turn), along


@pytest.mark.parametrize('curl', [0.0, 1.0])
def test_strands_are_those_of_a_slow_version(curl):
    points = (CENTRE + np.random.default_rng(0).normal(0, 0.1, (200, 3))).astype(np.float32)
    across, along = strands_of(points, Hair(np.ones(3, np.float32), CENTRE, curl))
    expected = np.array([slow_strand(point, curl) for point in points])
    assert np.allclose(np.column_stack([across, along]), expected, atol=2e-5)


def test_a_strand_runs_from_the_crown_over_the_head_and_straight_down():
    tilt = np.linspace(0.1, np.pi / 2, 20)
    over = CENTRE + 0.1 * np.stack([0 * tilt, np.sin(tilt), np.cos(tilt)], 1)
    hanging = CENTRE + np.stack([0 * tilt, 0 * tilt + 0.1, -np.linspace(0.001, 0.3, 20)], 1)
    hair = Hair(np.ones(3, np.float32), CENTRE)
    across, along = strands_of(np.concatenate([over, hanging]).astype(np.float32), hair)
    assert np.allclose(across, across[0], atol=1e-5) and (np.diff(along) > 0).all()


def test_strands_have_no_seam_at_the_back():
    sides = CENTRE + np.array([[-0.1, 1e-6, -0.05], [-0.1, -1e-6, -0.05]], np.float32)
    across, along = strands_of(sides, Hair(np.ones(3, np.float32), CENTRE, 1.0))
    assert np.allclose(across[0], across[1], atol=1e-5) and along[0] == along[1]
