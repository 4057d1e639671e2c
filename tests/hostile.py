"""Files that the page refuses, with the message about each, and unusual files that it takes."""

import functools
import io
import pickle

import numpy as np
import torch
from PIL import Image

from tests.visitor import PHOTO
from tests.zips import bomb


def encode(image, form, **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def person():
    with Image.open(PHOTO) as photo:
        return photo.convert('RGB')


HEIC = b'\0\0\0\x18ftypheic\0\0\0\0mif1heic' + bytes(2000)
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
BAD = {
    'text.jpg': (b'not a picture', 'is not a picture; supported formats are JPEG, PNG'),
    'empty.jpg': (b'', 'is empty (0 bytes); copy it again'),
    'cut.jpg': (PHOTO.read_bytes()[:900], 'is damaged or incomplete'),
    'photo.heic': (HEIC, 'is a HEIC photo; install pillow-heif to read it, or save it as JPEG or PNG'),
    'drawing.svg': (SVG, 'is an SVG drawing, which is not supported; export it as PNG or JPEG'),
    'strip.png': (encode(Image.new('L', (20_000, 20)), 'PNG'), 'is 20000 x 20 pixels'),
    'dot.png': (encode(Image.new('L', (1, 1)), 'PNG'), 'is 1 x 1 pixels; at least 8'),
    'huge.png': (encode(Image.new('1', (12_000, 9_000)), 'PNG'), 'has more than 80 megapixels; make it smaller'),
    'pickle.jpg': (pickle.dumps({'a': 1}), 'is not a picture; supported formats are JPEG, PNG'),
}


@functools.cache
def odd():
    """Unusual but right pictures of one person."""
    image = person()
    deep = Image.fromarray(np.asarray(image.convert('L')).astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn clockwise is needed
    other = Image.effect_noise(image.size, 90).convert('RGB')
    return {
        'cmyk.jpg': encode(image.convert('CMYK'), 'JPEG', quality=95),
        'deep.png': encode(deep, 'PNG'),
        'palette.png': encode(image.quantize(256), 'PNG'),
        'alpha.png': encode(image.convert('RGBA'), 'PNG'),
        'sixty.jpg': encode(image.resize((5480, 10_960)), 'JPEG'),  # megapixels
        'turned.jpg': encode(image.transpose(Image.Transpose.ROTATE_90), 'JPEG', exif=exif, quality=95),
        'moving.gif': encode(image, 'GIF', save_all=True, append_images=[other, other], loop=0),
    }


ZIPS = {
    'a bomb': ({'bomb.bmp': bomb()}, 'a.zip/bomb.bmp: grows more than 200 times'),
    'a ZIP in it': ({'b.zip': b'PK\3\4' + bytes(99)}, 'a.zip/b.zip: is a ZIP inside a ZIP, which is not opened'),
    'texts': ({'a.txt': b'text'}, 'a.zip/a.txt: is not a picture'),
    'nothing': ({}, 'a.zip: is a ZIP without pictures; put the pictures into it'),
}


def damaged(folder, kind):
    """Break a release folder in the way that `kind` names."""
    if kind == 'cut':
        (folder / 'model.safetensors').write_bytes((folder / 'model.safetensors').read_bytes()[:5_000])
    elif kind == 'changed':
        data = bytearray((folder / 'model.safetensors').read_bytes())
        data[-1000] ^= 255
        (folder / 'model.safetensors').write_bytes(data)
    elif kind == 'no config':
        (folder / 'config.json').write_text('{')
    else:
        (folder / 'model.safetensors').unlink()
        torch.save({'weights': torch.zeros(3)}, folder / 'pytorch_model.bin')
    return folder
