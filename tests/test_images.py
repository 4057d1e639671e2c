"""`load_image`: unusual but valid pictures come out right, and damaged ones are refused with a message."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageFile

from ifd_zoo.images.loading import MAX_PIXELS, ImageError, load_image
from ifd_zoo.uploads import collect

RED, GREEN = (200, 30, 40), (30, 180, 60)


def two_halves(width=64, height=128):
    """Red above, green below."""
    image = Image.new('RGB', (width, height), RED)
    image.paste(GREEN, (0, height // 2, width, height))
    return image


def close(image, point, colour, tolerance=8):
    return np.abs(np.subtract(image.getpixel(point), colour)).max() <= tolerance


def assert_upright(image, size=(64, 128)):
    assert image.mode == 'RGB'
    assert image.size == size
    assert close(image, (size[0] // 2, size[1] // 4), RED)
    assert close(image, (size[0] // 2, size[1] * 3 // 4), GREEN)


def test_truncation_is_noticed_in_every_format(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (128, 64, 3), dtype=np.uint8)
    for name in ('a.jpg', 'a.png', 'a.webp', 'a.bmp', 'a.gif', 'a.tif', 'a.ppm'):
        Image.fromarray(noise).save(tmp_path / name)
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(ImageError, match=f'^{name}: is damaged or incomplete'):
            load_image(tmp_path / name)
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(ImageError, match=r'^nowhere\.jpg: no such file') as caught:
        load_image(tmp_path / 'nowhere.jpg')
    assert str(tmp_path) not in str(caught.value)
    with pytest.raises(ImageError, match=r'^holiday\.jpg: is a folder'):
        load_image(tmp_path, name='holiday.jpg')


@pytest.mark.parametrize('side', [9_200, 14_000])  # above our limit, and above the one where Pillow itself stops
def test_a_decompression_bomb_is_refused_before_it_is_decoded(side, tmp_path):
    assert side * side > MAX_PIXELS
    Image.new('1', (side, side)).save(tmp_path / 'bomb.png')
    with pytest.raises(ImageError, match=r'bomb\.png: has more than 80 megapixels'):
        load_image(tmp_path / 'bomb.png')


def test_sixty_megapixels_come_out_right_in_bounded_memory(tmp_path):
    program = """
import resource, sys
from ifd_zoo.images.loading import load_image
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for name in sys.argv[1:]:
    before = peak()
    load_image(name).save(name + '.small.png')
    print(peak() - before)
"""
    names = [str(tmp_path / name) for name in ('huge.jpg', 'huge.png')]
    for name in names:
        two_halves(6000, 10_000).save(name)
    printed = subprocess.run([sys.executable, '-c', program, *names], check=True, capture_output=True, text=True).stdout
    unit = 1 if sys.platform == 'darwin' else 1024  # what the system counts in
    for name, grown, most in zip(names, printed.split(), (150, 600), strict=True):
        assert_upright(Image.open(f'{name}.small.png'), (1229, 2048))
        assert int(grown) * unit < most * 2**20


def test_max_side_bounds_the_result(tmp_path):
    image = two_halves(500, 1000)
    image.save(tmp_path / 'a.jpg')
    assert_upright(load_image(tmp_path / 'a.jpg', max_side=100), (50, 100))
    assert_upright(load_image(image, max_side=100), (50, 100))
    assert image.size == (500, 1000) and load_image(image) is not image


def test_every_mode_of_pillow_gives_an_image_or_a_message():
    for mode in ('L', 'LA', 'P', 'RGBA', '1', 'CMYK', 'YCbCr', 'HSV', 'LAB', 'I', 'F', 'I;16'):
        try:
            assert load_image(Image.new(mode, (16, 32))).mode == 'RGB', mode
        except ImageError as error:
            assert mode == 'LAB', error


@pytest.mark.parametrize('mode, name', [('CMYK', 'a.jpg'), ('P', 'a.png'), ('P', 'a.gif'), ('RGB', 'a.webp')])
def test_colours_survive(mode, name, tmp_path):
    image = two_halves().quantize(8) if mode == 'P' else two_halves().convert(mode)
    image.save(tmp_path / name)
    assert_upright(load_image(tmp_path / name))


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path):
    values = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    Image.fromarray(values).save(tmp_path / 'deep.png')
    for source in (tmp_path / 'deep.png', values, Image.fromarray(values.astype(np.int32))):
        grey = np.asarray(load_image(source))[..., 0]
        assert np.abs(grey - values / 257).max() <= 1


@pytest.mark.parametrize('mode', ['RGBA', 'LA'])
def test_transparent_pixels_become_white(mode, tmp_path):
    image = Image.new('RGBA', (16, 32), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 16, 16))
    image.convert(mode).save(tmp_path / 'cut.png')
    result = load_image(tmp_path / 'cut.png')
    assert close(result, (8, 4), (0, 0, 0)) and close(result, (8, 28), (255, 255, 255))


def test_a_transparent_palette_becomes_white(tmp_path):
    image = Image.new('P', (16, 16), 1)
    image.putpalette([10, 20, 30, *RED])
    image.paste(0, (0, 0, 16, 8))
    image.save(tmp_path / 'cut.gif', transparency=0)
    result = load_image(tmp_path / 'cut.gif')
    assert close(result, (8, 3), (255, 255, 255)) and close(result, (8, 12), RED)


@pytest.mark.parametrize('name', ['moving.gif', 'moving.webp', 'moving.png'])
def test_the_first_frame_of_an_animation_is_taken(name, tmp_path):
    two_halves().save(tmp_path / name, save_all=True, append_images=[Image.new('RGB', (64, 128), 'blue')])
    assert_upright(load_image(tmp_path / name))
    assert collect([tmp_path / name], tmp_path / 'in').files == [(tmp_path / name, name)]


BACK = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize('orientation', range(1, 9))
def test_exif_rotation_is_undone(orientation, tmp_path):
    image = two_halves()
    stored = image.transpose(BACK[orientation]) if orientation in BACK else image
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name in ('turned.jpg', 'turned.png', 'turned.webp'):
        stored.save(tmp_path / name, exif=exif)
        assert_upright(load_image(tmp_path / name))
        with Image.open(tmp_path / name) as opened:
            assert_upright(load_image(opened))


def test_damaged_exif_data_does_not_cost_the_picture(tmp_path):
    two_halves().save(tmp_path / 'odd.jpg', exif=b'Exif\x00\x00II*\x00\xff\xff\xff\x7fgarbage')
    assert_upright(load_image(tmp_path / 'odd.jpg'))


def test_arrays_of_every_type_give_the_same_picture():
    array = np.asarray(two_halves())
    others = [array.astype(np.uint16) * 257, array / 255, (array / 255).astype(np.float32), array[::-1][::-1]]
    for one in (array, np.asarray(two_halves().convert('RGBA')), *others):
        assert_upright(load_image(one))
    assert load_image(np.full((16, 16), 7, np.uint8)).getpixel((0, 0)) == (7, 7, 7)
    assert load_image(np.ones((16, 16, 1), bool)).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize(
    'source',
    [
        np.zeros((16, 16, 2), np.uint8),
        np.zeros(16, np.uint8),
        np.zeros((16, 16, 3), np.int64),
        np.full((16, 16, 3), 1.5),
        np.full((16, 16, 3), np.nan),
        np.zeros((0, 16, 3), np.uint8),
        b'bytes',
        None,
    ],
)
def test_arrays_and_objects_that_are_no_picture_are_refused(source):
    with pytest.raises(ImageError, match='^query: '):
        load_image(source, name='query')
