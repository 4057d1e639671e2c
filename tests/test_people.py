"""People are found in whole photos."""

import pytest

from ifd_zoo.images.loading import ImageError
from ifd_zoo.parsing.people import crop_box, crop_people, find_people, overlap
from tests.scenes import LARGE, SMALL, ColourParser, full_scene, scene


def right(box, person, size=(320, 240)):
    return overlap(box, crop_box(person, size)) > 0.75


def test_a_small_person_is_found_with_a_margin_and_as_wide_as_a_crop_is():
    ((box,),) = find_people([scene(SMALL)], ColourParser())
    assert right(box, SMALL)
    assert box[0] < SMALL[0] and box[1] < SMALL[1] and box[2] > SMALL[2] and box[3] > SMALL[3]
    assert box[3] - box[1] == pytest.approx(2 * (box[2] - box[0]), abs=2)


def test_of_several_people_the_largest_comes_first():
    ((first, second),) = find_people([scene(SMALL, LARGE)], ColourParser())
    assert right(first, LARGE) and right(second, SMALL)


def test_people_side_by_side_have_a_box_each():
    sides = [(60, 40, 100, 140), (112, 40, 152, 140)]
    (boxes,) = find_people([scene(*sides)], ColourParser())
    assert len(boxes) == 2 and all(any(right(box, side) for box in boxes) for side in sides)


@pytest.mark.parametrize('photo', [scene(), scene(SMALL, head=False), scene((40, 100, 200, 130))])
def test_nobody_is_found_in_a_photo_without_a_head_above_a_body(photo):
    assert find_people([photo], ColourParser()) == [[]]
    with pytest.raises(ImageError, match='holiday.jpg: no person found'):
        crop_people([photo], ['holiday.jpg'], ColourParser())


def test_a_photo_that_a_person_fills_stays_as_it_is():
    photo = full_scene()
    assert crop_people([photo], ['a'], ColourParser())[0] is photo
