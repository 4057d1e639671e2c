"""Short videos: one frame per second."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ifd_zoo.images.loading import MIN_SIDE, ImageError
from ifd_zoo.uploads.limits import Budget

if TYPE_CHECKING:
    import av

MAX_SECONDS = 60
"""Seconds of a video that are used."""
NO_PICTURES = 'is a video without pictures; give another one'
MAX_DECODED = 30 * MAX_SECONDS * 3840 * 2160
"""Pixels of a video that are decoded, whatever times its frames claim."""


def extract_frames(path: Path, name: str, into: Path, budget: Budget) -> Iterator[tuple[int, Path]]:
    """Write the first frame of each second of a video, upright, to new JPEG files with random names.

    Args:
        path: of the video; the frames of the first minute of a longer one come before the error.
        name: of the video, for messages.
        into: existing folder for the files.

    Yields:
        The second, from 0, and the file.

    Raises:
        ImageError: the file is damaged, has no frames or frames of unusable size, or is longer than a minute.
        LimitReached: `budget` is used up.
    """
    import av  # only if there is a video: it is slow

    try:
        with av.open(str(path), format='mov') as container:  # not a list of other files or addresses
            yield from _write_frames(container, name, into, budget)
    except ImageError:
        raise
    except (av.FFmpegError, ValueError) as error:
        raise ImageError(name, f'is a damaged video ({type(error).__name__}); copy it or save it again') from error


def _write_frames(
    container: 'av.container.InputContainer', name: str, into: Path, budget: Budget
) -> Iterator[tuple[int, Path]]:
    readable = [stream for stream in container.streams.video if stream.codec_context]  # None: an unknown codec
    if not readable:
        raise ImageError(name, NO_PICTURES)
    stream, following = readable[0], 0
    _check_size(stream.width, stream.height, name, budget)
    stream.thread_type = 'AUTO'
    for number, frame in enumerate(container.decode(stream)):
        seconds = (frame.time or 0) - (stream.start_time or 0) * (stream.time_base or 0)
        if seconds >= MAX_SECONDS or number * frame.width * frame.height >= MAX_DECODED:
            raise ImageError(name, f'is used for {following} seconds only: a video may last at most a minute; cut it')
        if seconds >= following:
            _check_size(frame.width, frame.height, name, budget)  # it may change within a video
            file = into / f'{secrets.token_hex(16)}.jpg'
            picture = frame.to_image().rotate(frame.rotation, expand=True)
            picture.save(file, 'JPEG', quality=95)
            budget.add_bytes(file.stat().st_size)
            yield int(seconds), file
            following = int(seconds) + 1
    if not following:
        raise ImageError(name, NO_PICTURES)


def _check_size(width: int, height: int, name: str, budget: Budget) -> None:
    if width * height > budget.limits.max_pixels or min(width, height) < MIN_SIDE:
        raise ImageError(name, f'has pictures of {width} x {height} pixels; save it again in an ordinary size')
