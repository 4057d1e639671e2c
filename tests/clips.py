"""Videos for tests."""

import av
from PIL import Image

GREYS = [20 + 3 * (second * 23 % 64) for second in range(64)]


def write_pictures(path, pictures, rate=1, format='mp4'):
    """A video of these pictures."""
    with av.open(str(path), 'w', format=format) as container:
        stream = container.add_stream('mpeg4', rate=rate)
        stream.width, stream.height = pictures[0].size
        stream.pix_fmt, stream.bit_rate = 'yuv420p', 1_000_000
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode())
    return path


def write_clip(path, seconds, size=(64, 96), rate=5):
    """A video whose grey is another one in each second."""
    greys = [GREYS[number // rate] for number in range(int(seconds * rate))]
    return write_pictures(path, [Image.new('L', size, grey).convert('RGB') for grey in greys], rate)
