"""Speed of rendering people with two workers, relative to one."""

import tempfile
from pathlib import Path

from eval.benchmarks.rows import MissingExtra, Row, best_seconds

PEOPLE = 8
SIZE = (256, 128)


def bench_drawing(root: Path, rounds: int) -> list[Row]:
    """Time rendering with running workers and painted textures, as in all but the start of a large set.

    Raises:
        MissingExtra: the requirements or assets for rendering people are missing.
    """
    try:
        from ifd_zoo.synthetic.bodies.assets import AssetError
        from ifd_zoo.synthetic.plan import Settings, plan_set
        from ifd_zoo.synthetic.pool import Pool
    except ImportError as error:
        raise MissingExtra(f'{error}: pip install -r ifd_zoo/synthetic/requirements.txt') from error
    settings = Settings(ids=PEOPLE, test_ids=0, size=SIZE)
    shots = plan_set(settings).shots
    with tempfile.TemporaryDirectory() as temporary:
        folder, textures = Path(temporary), Path(temporary, 'textures')
        with Pool(settings, 1, textures) as one, Pool(settings, 2, textures) as two:
            try:
                times = best_seconds(
                    {
                        'one': lambda: list(one.make(folder / 'one', shots)),
                        'two': lambda: list(two.make(folder / 'two', shots)),
                    },
                    rounds,
                )
            except AssetError as error:
                raise MissingExtra(str(error)) from error
    one_speed, two_speed = (len(shots) / times[name] for name in ('one', 'two'))
    name = f'draw {len(shots)} pictures of people {SIZE[0]}x{SIZE[1]}, 2 workers'
    return [Row(name, two_speed, one_speed, 'images/s', 'floor: 1 worker')]
