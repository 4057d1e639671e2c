"""Short videos: one picture for each second."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ifd_zoo.images.loading import MIN_SIDE, ImageError
from ifd_zoo.uploads.limits import Budget

if TYPE_CHECKING:
    import av

MAX_SECONDS = 60
"""What is looked at of a clip."""
NO_PICTURES = 'is a video without pictures; give another one'
MAX_DECODED = 30 * MAX_SECONDS * 3840 * 2160
"""Pixels that are decoded of a clip, whatever times its pictures tell of themselves."""


def extract_frames(path: Path, name: str, into: Path, budget: Budget) -> Iterator[tuple[int, Path]]:
    """Write the first picture of each second of a clip, upright, to new JPEG files of random names.

    Args:
        path: of the video; of a longer one the pictures of the first minute come before the error.
        name: of the clip in messages.
        into: folder of the files, which must be there.

    Yields:
        The second, from 0, and the file.

    Raises:
        ImageError: the file is damaged, holds no pictures or too large ones, or goes on after a minute.
        LimitReached: `budget` is used up.
    """
    import av  # only when there is a clip: it takes a while

    try:
        with av.open(str(path), format='mov') as container:  # no list of other files or addresses
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
            raise ImageError(name, f'is looked at for {following} seconds only: a clip lasts at most a minute; cut it')
        if seconds >= following:
            _check_size(frame.width, frame.height, name, budget)  # which may change within a video
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
