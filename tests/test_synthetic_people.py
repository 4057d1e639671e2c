"""Synthetic people: who they are, what they wear, and where each label may lie."""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from ifd_zoo.labels import LABELS
from ifd_zoo.synthetic.clothes.wardrobe import SLOTS, Garment, Outfit
from ifd_zoo.synthetic.parts import Cloth, Skin
from ifd_zoo.synthetic.people import People
from ifd_zoo.synthetic.streams import stream

SEED = 5
REPORT = """
from resource import RUSAGE_SELF, getrusage
import cv2
import ifd_zoo
before = getrusage(RUSAGE_SELF).ru_maxrss
from tests.test_synthetic_people import SEED, fingerprint
from ifd_zoo.synthetic.people import People
people = People(SEED)
for number in range(5):
    people.dress(people.identity(number), people.outfit(number, 0))
print(fingerprint(people), getrusage(RUSAGE_SELF).ru_maxrss - before)
"""


def fingerprint(people):
    """Digest of all that one view is made of."""
    total = hashlib.sha256()
    for posed in people.dress(people.identity(3), people.outfit(4, 1)).posed(stream(SEED, 'view', 9)):
        total.update(posed.vertices.tobytes() + posed.layer.cover.tobytes() + posed.layer.surface.triangles.tobytes())
        if isinstance(posed.layer.material, Cloth):
            total.update(posed.layer.material.texture.tobytes())
    return total.hexdigest()


@pytest.fixture(scope='module')
def people():
    return People(SEED)


def shown(layer):
    """Vertices of the geometry that are covered."""
    return layer.surface.template[layer.cover >= 0]


def label_of(layer):
    return LABELS[layer.label]


def wearing(people, *garments, owner=2, tucked=False):
    return people.dress(people.identity(owner), Outfit(owner, hash(garments) % 10**6, garments, tucked, 'L'))


def every(people, slot) -> tuple[Garment, ...]:
    return people.wardrobe.garments[slot]


def first(people, slot, kind) -> Garment:
    return next(garment for garment in every(people, slot) if garment.cut.kind == kind)


def layers(dressed, label):
    return [layer for layer in dressed.layers if label_of(layer) == label and isinstance(layer.material, Cloth)]


def some_layers(dressed, label):
    found = layers(dressed, label)
    assert found, f'nothing is labelled {label}'
    return found


def test_another_process_makes_the_same_view_and_stays_small(people):
    run = subprocess.run([sys.executable, '-c', REPORT], capture_output=True, text=True, check=True)
    digest, kilobytes = run.stdout.split()
    assert digest == fingerprint(people)
    assert int(kilobytes) < 300_000


def test_outfits_of_different_owners_share_garments(people):
    worn = [{(g.slot, g.number) for n in range(3) for g in people.outfit(owner, n).garments} for owner in range(30)]
    assert sum(bool(a & b) for i, a in enumerate(worn) for b in worn[:i]) > 60
    first, second = people.outfit(0, 0), people.outfit(0, 1)
    assert first.facts() != second.facts() and first.facts() == people.outfit(0, 0).facts()


def test_every_outfit_covers_trunk_and_legs_and_has_shoes(people):
    for owner in range(40):
        outfit = people.outfit(owner, 0)
        lower = outfit.of('bottom') or outfit.of('skirt')
        assert outfit.of('shoes') and (outfit.of('dress') or (outfit.of('top') and lower))
        slots = [garment.slot for garment in outfit.garments]
        assert len(slots) == len(set(slots)) and set(outfit.facts()) == set(SLOTS)


def test_facts_can_be_written_as_json(people):
    for number in range(5):
        identity = people.identity(number)
        assert json.loads(json.dumps(identity.facts())) == identity.facts()
        assert json.loads(json.dumps(people.outfit(number, 0).facts())) == people.outfit(number, 0).facts()


def test_a_person_stays_the_same_over_outfits(people):
    one, other = (people.dress(people.identity(1), people.outfit(owner, 0)) for owner in (1, 8))
    skins = [next(layer.material for layer in d.layers if isinstance(layer.material, Skin)) for d in (one, other)]
    assert np.array_equal(skins[0].colour, skins[1].colour) and skins[0].beard == skins[1].beard
    assert one.identity is other.identity


def test_other_fabrics_leave_every_shape_as_it_is(people):
    identity, outfit = people.identity(6), people.outfit(6, 0)
    plain, shifted = people.dress(identity, outfit), people.dress(identity, outfit, fabrics=3)
    same = []
    for a, b in zip(plain.posed(stream(0, 'x')), shifted.posed(stream(0, 'x')), strict=True):
        assert np.array_equal(a.vertices, b.vertices) and np.array_equal(a.layer.cover, b.layer.cover)
        assert a.layer.label == b.layer.label and a.layer.seed == b.layer.seed
        if isinstance(a.layer.material, Cloth):
            same.append(np.array_equal(a.layer.material.texture, b.layer.material.texture))
    assert same and not any(same)


def test_feet_stand_on_the_ground_in_every_pose(people):
    dressed = people.dress(people.identity(0), people.outfit(0, 0))
    for view in range(12):
        posed = dressed.posed(stream(0, 'view', view))
        lowest = min(each.vertices[:, 2].min() for each in posed if label_of(each.layer) == 'shoes')
        highest = max(each.vertices[:, 2].max() for each in posed)
        assert abs(lowest) < 1e-4 and 1.3 < highest < 2.4
        for each in posed:
            assert np.isfinite(each.vertices).all() and np.abs(np.linalg.norm(each.normals, axis=1) - 1).max() < 1e-3


def test_a_sample_of_the_wardrobe_keeps_to_its_part_of_the_body(people):
    marks = people.landmarks
    bottom, top = first(people, 'bottom', 'jeans'), first(people, 'top', 't-shirt')
    highest = {'trainers': marks.ankle + 0.03, 'high boots': marks.knee + 0.02, 'ankle boots': marks.ankle + 0.12}
    for shoes in every(people, 'shoes'):
        for layer in some_layers(wearing(people, shoes), 'shoes'):
            assert shown(layer)[:, 2].max() < highest.get(shoes.cut.kind, marks.ankle + 0.02), shoes.name
    for garment in every(people, 'bottom')[:18] + every(people, 'skirt')[:6]:
        for layer in some_layers(wearing(people, garment), 'lower'):
            assert (
                shown(layer)[:, 2].max() < marks.hip + 0.2 and (layer.surface.fields.arm[layer.cover >= 0] < 0.6).all()
            )
    for garment in every(people, 'top')[:14]:
        for layer in some_layers(wearing(people, garment, bottom), 'upper'):
            assert shown(layer)[:, 2].min() > marks.hip - 0.2, garment.name
    for garment in every(people, 'hat')[:3]:
        for layer in some_layers(wearing(people, garment, top), 'hat'):
            assert layer.vertices[:, 2].min() > people.identity(2).vertices[:, 2].max() - 0.6


def test_long_garments_count_as_coat_and_short_ones_as_upper(people):
    shirt = first(people, 'top', 't-shirt')
    alone = len(some_layers(wearing(people, shirt), 'upper'))
    for outer in every(people, 'outer')[:11]:
        dressed = wearing(people, shirt, outer)
        long = 'coat' in outer.cut.kind or outer.cut.kind in ('parka', 'long cardigan')
        assert bool(layers(dressed, 'coat')) == long and not layers(dressed, 'lower')
        assert (len(layers(dressed, 'upper')) > alone) == (not long), outer.name


@pytest.mark.parametrize('kind', ['handbag', 'arm bag', 'shoulder bag', 'cross-body bag', 'backpack', 'tote bag'])
def test_every_kind_of_bag_is_labelled_bag_and_is_carried_above_the_ground(people, kind):
    worn = [first(people, *slot) for slot in (('top', 't-shirt'), ('shoes', 'trainers'), ('bag', kind))]
    posed = wearing(people, *worn).posed(stream(0, 'view', 1))
    height = max(each.vertices[:, 2].max() for each in posed)
    heights = np.concatenate([e.vertices[e.layer.cover >= 0, 2] for e in posed if label_of(e.layer) == 'bag'])
    assert 0.05 < heights.min() and heights.max() < height - 0.15


def test_hair_stays_below_a_hat_and_long_hair_in_front_of_the_chest_is_outside_the_clothes(people):
    person = people.identity(2)
    person = replace(person, number=1000, hair=person.hair._replace(style='long', front=1.0, length=0.9))
    worn = (first(people, 'top', 't-shirt'), first(people, 'hat', 'beanie'))
    with_hat = people.dress(person, Outfit(0, 0, worn, False, 'L'))
    hair = np.concatenate([layer.vertices for layer in with_hat.layers if label_of(layer) == 'hair'])
    hat = np.concatenate([layer.vertices for layer in with_hat.layers if label_of(layer) == 'hat'])
    assert hair[:, 2].max() < hat[:, 2].max()
    shirt = layers(with_hat, 'upper')[0].vertices
    front = hair[(hair[:, 1] < -0.05) & (hair[:, 2] < hair[:, 2].max() - 0.36)]
    assert len(front) and all(
        point[1] < shirt[np.linalg.norm(shirt[:, [0, 2]] - point[[0, 2]], axis=1) < 0.02, 1].min(initial=1) + 0.004
        for point in front
    )
