"""Pictures of people: visibility, cameras, label maps, and what a picture may not depend on."""

import hashlib
import subprocess
import sys
from dataclasses import fields, replace

import cv2
import numpy as np
import pytest

from ifd_zoo.synthetic.options import Options
from ifd_zoo.synthetic.pictures.camera import (
    Framing,
    Stand,
    at_centres,
    fit,
    grid_size,
    nominal_person,
    to_pixels,
    turned,
)
from ifd_zoo.synthetic.pictures.raster import visible
from ifd_zoo.synthetic.streams import stream
from ifd_zoo.synthetic.studio import Studio
from tests.mannequins import Crowd, mannequin

SIZE = (64, 32)


def shoot(options=None, number=3, person=None, view=0, bystanders=(), size=SIZE, supersampling=2):
    studio = Studio(Crowd(), 0, size, supersampling, options or Options())
    return studio.shoot(person or mannequin(), view, stream(0, 'view', number), bystanders)


def test_the_nearest_triangle_is_seen_as_by_a_slow_search():
    rng = np.random.default_rng(0)
    corners = rng.uniform((-4, -4, 0.5), (30, 24, 3), (90, 3)).astype(np.float32)
    triangles = rng.integers(0, 90, (60, 3))
    cover = rng.normal(0.5, 1, 90).astype(np.float32)
    hits = visible(corners, triangles.T, cover, (20, 26))
    found = {int(s): (int(t), float(d)) for s, t, d in zip(hits.sample, hits.triangle, hits.depth, strict=True)}
    wanted = {}
    for row in range(20):
        for column in range(26):
            best = _nearest(corners.astype(float), triangles, cover, column, row)
            if best:
                wanted[row * 26 + column] = best
    assert found.keys() == wanted.keys()
    assert all(found[s][0] == wanted[s][0] and abs(found[s][1] - wanted[s][1]) < 1e-4 for s in wanted)
    assert np.allclose(hits.weights.sum(0), 1, atol=1e-5) and (np.diff(hits.sample) > 0).all()
    # float64 here makes all of shading float64, and a third slower.
    assert hits.weights.dtype == hits.depth.dtype == np.float32


def _nearest(corners, triangles, cover, column, row):
    best = None
    for index, triangle in enumerate(triangles):
        x, y, depth = corners[triangle].T
        system = np.stack([x, y, np.ones(3)])
        if abs(np.linalg.det(system)) < 1e-9:
            continue
        weights = np.linalg.solve(system, [column, row, 1])
        if weights.min() < 0 or weights @ cover[triangle] < 0:
            continue
        if best is None or weights @ depth <= best[1]:
            best = (index, weights @ depth)
    return best


def test_nothing_is_seen_without_cover():
    corners = np.array([(0, 0, 1), (9, 0, 1), (0, 9, 1)], np.float32)
    hits = visible(corners, np.array([[0], [1], [2]]), np.full(3, -1.0), (8, 8))
    assert len(hits.sample) == 0


def test_a_camera_projects_as_a_slow_formula():
    stand, framing = Stand(0.3, 5.0, roll=0.1), Framing(0.2, (0.1, -0.05), cut_bottom=0.1, stretch=1.25)
    camera = fit(stand, nominal_person(), framing, (100, 50), 2)
    sideways, upwards = np.array([1.0, 0, 0]), np.array([0, np.sin(0.3), np.cos(0.3)])
    right = np.cos(0.1) * sideways + np.sin(0.1) * upwards
    up = np.cos(0.1) * upwards - np.sin(0.1) * sideways
    position = np.array([0, -np.cos(0.3) * 5, 0.86 + np.sin(0.3) * 5])
    assert np.allclose(camera.position, position)
    tangents = [
        ((p - position) @ right, (p - position) @ up, (p - position) @ np.cross(up, right)) for p in nominal_person()
    ]
    plane = np.array([(x / depth, y / depth) for x, y, depth in tangents])
    low, high = plane.min(0), plane.max(0)
    low[1] += 0.1 * (high[1] - low[1])
    half_width, half_height = (high - low) / 2 * 1.2
    half_height = max(half_height, 2.5 * half_width)
    centre = (low + high) / 2 + [0.1 * half_height / 2.5, -0.05 * half_height]
    seen = camera.project(nominal_person().astype(np.float32))
    assert np.allclose(seen[:, 0], 50 + (plane[:, 0] - centre[0]) / (half_height / 2.5) * 50, atol=1e-3)
    assert np.allclose(seen[:, 1], 100 - (plane[:, 1] - centre[1]) / half_height * 100, atol=1e-3)
    assert np.allclose(seen[:, 2], [depth for _, _, depth in tangents], atol=1e-4)


def test_the_box_holds_the_whole_person():
    camera = fit(Stand(0.1, 6.0), nominal_person(), Framing(0.1), SIZE, 2)
    seen = camera.project(nominal_person().astype(np.float32))
    assert seen[:, 0].min() >= 0 and seen[:, 0].max() <= SIZE[1] * 2
    assert seen[:, 1].min() >= 0 and seen[:, 1].max() <= SIZE[0] * 2


def test_turned_people_are_seen_from_that_side():
    # At azimuth a quarter turn the camera is on the person's +x side: what is at +x comes towards the camera at -y.
    assert np.allclose(turned(np.array([[1.0, 0, 0]], np.float32), np.pi / 2), [[0, -1, 0]], atol=1e-6)


@pytest.mark.parametrize('supersampling', [1, 2, 3, 4])
def test_every_pixel_has_a_sample_at_its_centre_and_is_their_mean(supersampling):
    rows, columns = grid_size((6, 5), supersampling)
    offset = 0 if supersampling % 2 == 0 else 0.5
    place = (np.arange(columns, dtype=np.float32) + offset) / supersampling
    grid = np.repeat(np.tile(place, (rows, 1))[..., None], 3, 2)
    assert np.allclose(at_centres(grid, supersampling)[..., 0], np.arange(5) + 0.5)
    assert np.allclose(to_pixels(grid, supersampling)[:, 1:-1, 0], np.arange(1, 4) + 0.5, atol=1e-5)


def test_a_shot_is_repeated_in_another_process():
    def digest(picture):
        return hashlib.sha256(picture.image.tobytes() + picture.label_map.tobytes()).hexdigest()

    here = [digest(shoot(number=number, bystanders=[mannequin(1.6)])) for number in range(4)]
    code = (
        'import hashlib; from tests.test_synthetic_render import shoot; from tests.mannequins import mannequin\n'
        'for n in (3, 2, 1, 0):\n'
        '    p = shoot(number=n, bystanders=[mannequin(1.6)])\n'
        '    print(hashlib.sha256(p.image.tobytes() + p.label_map.tobytes()).hexdigest())'
    )
    there = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout.split()
    assert there == here[::-1]


def test_other_fabrics_leave_the_label_map_and_all_but_the_person_as_they_are():
    for number in range(6):
        first, second = (shoot(number=number, person=mannequin(colour=colour)) for colour in (180, 40))
        assert np.array_equal(first.label_map, second.label_map) and first.facts == second.facts
        assert not np.array_equal(first.image, second.image)


def test_what_other_clothes_change_has_a_class_and_what_they_leave_is_no_clothing():
    for number in range(3):
        picture, other = (shoot(Options.plain(), number, person=mannequin(colour=colour)) for colour in (180, 0))
        changed = (picture.image != other.image).any(2)
        inner = cv2.erode(changed.astype(np.uint8), np.ones((3, 3))) > 0  # at its rim a pixel's centre may be beside it
        assert inner.sum() > 100 and picture.label_map[inner].all()
        assert not np.isin(picture.label_map[~changed], [5, 6]).any()
        assert set(np.unique(picture.label_map)) >= {0, 1, 2, 5, 6}


@pytest.mark.parametrize('name', ['occluders', 'passers_by'])
def test_what_hides_the_person_turns_labels_into_background_only(name):
    hidden = 0
    for number in range(16):
        plain = shoot(Options.plain(), number)
        covered = shoot(replace(Options.plain(), **{name: 1.0}), number, bystanders=[mannequin(1.7, 2.5)] * 2)
        changed = plain.label_map != covered.label_map
        assert not covered.label_map[changed].any()
        assert covered.facts['occluded'] == pytest.approx(changed.sum() / (plain.label_map > 0).sum())
        hidden += changed.sum()
    assert hidden


@pytest.mark.parametrize('name', [field.name for field in fields(Options)])
def test_every_option_changes_the_picture(name):
    base = Options.plain()
    if name == 'clean':
        base = replace(base, noise=1.0)
    if name in ('clutter', 'confusing'):
        base = replace(base, backgrounds=1.0)
    changed = replace(base, **{name: 1.0})
    people = [mannequin(1.6)]
    pairs = [[shoot(options, number, bystanders=people) for options in (base, changed)] for number in range(5)]
    assert any(not np.array_equal(one.image, other.image) for one, other in pairs)


def test_plain_pictures_have_nothing_of_the_options():
    facts = shoot(Options.plain(), bystanders=[mannequin()]).facts
    assert facts['occluded'] == facts['passers_by'] == facts['background_blur'] == facts['motion'] == 0
    assert (facts['seen_height'], facts['compression_quality'], facts['clean']) == (SIZE[0], 100, 0)


def test_an_option_out_of_range_is_named():
    with pytest.raises(ValueError, match='noise is 2'):
        Options(noise=2)


def test_camera_and_pose_are_drawn_without_the_person():
    for number in range(5):
        one, other = (shoot(number=number, person=mannequin(height)).facts for height in (1.5, 1.9))
        assert {k: v for k, v in one.items() if k != 'occluded'} == {k: v for k, v in other.items() if k != 'occluded'}


def test_the_camera_is_the_first_number_of_the_draw():
    facts = [shoot(number=number).facts['camera'] for number in range(12)]
    assert facts == [int(stream(0, 'view', number).integers(8)) for number in range(12)]


def test_the_background_is_the_same_behind_other_people():
    options = replace(Options(), shadows=0.0, occluders=1.0, compression=0.0, low_resolution=0.0, motion=0.0, soft=0.0)
    for number in range(8):
        pictures = [
            shoot(replace(options, sharpened=0.0), number, mannequin(h, w)) for h, w in ((1.5, 1.3), (1.9, 0.7))
        ]
        near = np.maximum(*(picture.label_map for picture in pictures)) > 0
        # What hides a person hides it from both maps: compare where neither person can be.
        bare = [shoot(replace(options, occluders=0.0), number, mannequin(h, w)) for h, w in ((1.5, 1.3), (1.9, 0.7))]
        near |= np.maximum(*(picture.label_map for picture in bare)) > 0
        far = ~_grown(near)
        assert far.any() and np.array_equal(pictures[0].image[far], pictures[1].image[far])


def _grown(mask):
    padded = np.pad(mask, 1)
    return np.any([padded[r : r + mask.shape[0], c : c + mask.shape[1]] for r in range(3) for c in range(3)], axis=0)


def test_shadows_fall_near_the_feet_only_on_the_floor():
    bare, shaded = (shoot(replace(Options.plain(), shadows=strength)) for strength in (0.0, 1.0))
    assert np.array_equal(bare.label_map, shaded.label_map)
    changed = (bare.image != shaded.image).any(2)
    assert changed.any() and (shaded.image[changed] <= bare.image[changed]).all()
    assert not changed[: SIZE[0] // 3].any()


def test_a_cut_box_moves_image_and_map_alike():
    for number in range(6):
        picture = shoot(replace(Options.plain(), cut=1.0), number)
        assert picture.facts['cut_top'] or picture.facts['cut_bottom']
        blank = shoot(replace(Options.plain(), cut=1.0), number, mannequin(colour=255))
        changed = (picture.image != blank.image).any(2)
        cloth = np.isin(picture.label_map, (5, 6))
        assert (changed & ~_grown(cloth)).sum() == 0 and (changed & cloth).sum() > 0.7 * cloth.sum()
        assert picture.label_map[-1].any() if picture.facts['cut_bottom'] else picture.label_map[0].any()


def test_motion_blur_leaves_the_map_where_it_was():
    sharp, blurred = (shoot(replace(Options.plain(), motion=strength)) for strength in (0.0, 1.0))
    assert np.array_equal(sharp.label_map, blurred.label_map)


def test_cameras_keep_their_place():
    scenes = {}
    for number in range(30):
        facts = shoot(replace(Options.plain(), backgrounds=1.0), number, size=(32, 16), supersampling=1).facts
        scenes.setdefault(facts['camera'], set()).add((facts['scene'], facts['indoor'], facts['light']))
    assert all(len(kinds) == 1 for kinds in scenes.values())
