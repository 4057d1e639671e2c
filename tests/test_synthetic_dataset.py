"""`python -m ifd_zoo.synthetic`: a small set as a whole."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from eval.metrics import Labels, judge
from ifd_zoo.datasets import MODES, load_dataset
from ifd_zoo.datasets.base import read_image, read_label_map
from ifd_zoo.labels import LABELS
from ifd_zoo.synthetic.__main__ import main
from ifd_zoo.synthetic.metadata import read_rows
from ifd_zoo.synthetic.plan import Settings, Shot, plan_set
from ifd_zoo.synthetic.pool import Pool
from ifd_zoo.synthetic.scenes.atlas import Atlas
from ifd_zoo.synthetic.statistics import count_splits
from ifd_zoo.synthetic.writer import Artist, DiskError, GenerationError
from tests.worker_process import describe_process

REPOSITORY = Path(__file__).resolve().parents[1]
SMALL = '--ids 3 --test-ids 2 --outfits 2 --views 3 --size 64x32 --supersampling 1 --hard'.split()
IMAGES = 3 * 6 + 2 * 6 * 2 + 4 * 2 + 2 * 6
"""Train, test and unseen, look-alikes, copies."""


def flags(output, *more):
    return [*SMALL, *map(str, more), '--output', str(output)]


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    """A set made by two workers."""
    output = tmp_path_factory.mktemp('synthetic') / 'set'
    assert main(flags(output, '--workers', 2)) == 0
    return output


@pytest.fixture(scope='module')
def rows(finished):
    return read_rows(finished)


def contents(root):
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob('*') if path.is_file()}


def labels_of(records):
    return Labels(*np.array([(record.pid, record.camid, record.clothes_id) for record in records]).T)


def test_the_set_is_a_data_set_with_label_maps_of_the_size_of_their_images(finished):
    dataset = load_dataset('folder', finished)
    assert dataset.num_pids == 3 and len(dataset.train) == 18
    assert {split.name: len(split.records) for split in dataset.splits} == {'train': 18, 'query': 4, 'gallery': 8}
    for record in (*dataset.train, *dataset.protocols[0].query, *dataset.protocols[0].gallery):
        image = read_image(record.path)
        assert image.size == (32, 64)
        assert read_label_map(record.label_map, image.size).any()


@pytest.mark.parametrize('folder', ['.', 'unseen_cameras', 'hard'])
def test_every_query_has_an_answer_under_each_protocol(finished, folder):
    protocols = load_dataset('folder', finished / folder).protocols
    assert [protocol.mode for protocol in protocols] == list(MODES)
    for protocol in protocols:
        assert all(record.label_map for record in (*protocol.query, *protocol.gallery))
        verdict = judge(labels_of(protocol.query), labels_of(protocol.gallery), protocol.mode)
        assert len(protocol.query) == 4 and verdict.relevant.any(1).all()


def test_people_of_training_are_in_no_test(rows):
    pids = {
        split: {row['pid'] for row in rows.values() if row['split'] == split} for split in count_splits(rows.values())
    }
    test = set.union(*(pids[split] for split in pids if split != 'train'))
    assert len(pids['train']) == 3 and not pids['train'] & test
    assert pids['query'] == pids['gallery'] == pids['unseen_cameras/query'] == pids['hard/query']


def test_the_hard_gallery_holds_the_gallery_and_other_people_in_the_very_same_clothes(finished, rows):
    gallery, hard = (contents(finished / part) for part in ('gallery', 'hard/gallery'))
    assert gallery == {name: data for name, data in hard.items() if name in gallery}
    worn = {(r['pid'], r['clothes']): clothes_of(r) for r in rows.values() if r['split'] == 'query'}
    others = [row for row in rows.values() if row['split'] == 'hard/gallery' and row['pid'] != row['owner']]
    assert len(others) == len(gallery) == 8
    assert {(row['owner'], row['clothes']) for row in others} == set(worn)
    assert all(clothes_of(row) == worn[row['owner'], row['clothes']] for row in others)
    assert not {row['pid'] for row in others} & {row['pid'] for row in rows.values() if row['pid'] == row['owner']}


def clothes_of(row):
    return {name: value for name, value in row.items() if name.startswith('outfit_')}


def test_the_table_has_a_row_for_each_image_that_agrees_with_its_files(finished, rows):
    images = {path.relative_to(finished).as_posix() for path in finished.glob('**/c*_*.jpg')}
    assert set(rows) == images and len(images) == IMAGES
    row = rows[min(rows)]
    label_map = read_label_map(finished / 'parsing' / Path(row['file']).with_suffix('.png'))
    for value, label in enumerate(LABELS):
        assert float(row[f'share_{label}']) == pytest.approx((label_map == value).mean(), abs=1e-5)
    assert f'/{row["pid"]}/{row["clothes"]}/c{row["camera"]}_{row["view"]}.jpg' in row['file']


def test_the_card_names_all_counts_and_shows_the_sheets(finished, rows):
    card = (finished / 'README.md').read_text()
    for split, count in count_splits(rows.values()).items():
        assert f'| `{split}` | {count.images} | {count.people} | {count.outfits} | {count.cameras} |' in card
    assert f'{IMAGES} images of 7 people in 10 outfits' in card
    assert f'python -m ifd_zoo.synthetic {" ".join(SMALL[:8])} --seed 0 --size 64x32' in card
    assert 'CC0 1.0' in card and all(f'| {label} |' in card for label in LABELS)
    assert '## How hard it is' in card and '`ifd_baseline_resnet10t`' in card
    for name in ('contact', 'people', 'realism'):
        assert f'](sheets/{name}.jpg)' in card
        assert cv2.imread(str(finished / f'sheets/{name}.jpg')).std() > 10


def test_backgrounds_do_not_tell_who_is_in_front_of_them(finished, rows):
    """Nearest neighbour by the colours of the background alone, in pictures of other cameras."""
    files = [finished / name for name, row in sorted(rows.items()) if not row['split'].startswith('hard/')]
    features = np.stack([background_colours(path) for path in files])
    pids = np.array([path.parts[-3] for path in files])
    cameras = np.array([path.name.split('_')[0] for path in files])
    allowed = cameras[:, None] != cameras[None, :]
    distance = np.where(allowed, np.abs(features[:, None] - features[None]).sum(-1), np.inf)
    right = (pids[:, None] == pids) & allowed
    chance = right.sum(1) / allowed.sum(1)
    hits = right[np.arange(len(files)), distance.argmin(1)].sum()
    assert hits <= chance.sum() + 3 * np.sqrt((chance * (1 - chance)).sum())


def background_colours(path):
    """Histogram of 4 x 4 x 4 colours; (64,), sums to 1."""
    folder = path.parents[3]
    label_map = read_label_map((folder / 'parsing' / path.relative_to(folder)).with_suffix('.png'))
    far = cv2.dilate((label_map > 0).astype(np.uint8), np.ones((7, 7), np.uint8)) == 0
    bins = (np.asarray(read_image(path))[far] // 64) @ [16, 4, 1]
    return np.bincount(bins, minlength=64) / max(1, len(bins))


def test_a_killed_run_goes_on_to_the_same_files_with_another_number_of_workers(finished, tmp_path, capfd):
    output = tmp_path / 'set'
    command = [sys.executable, '-m', 'ifd_zoo.synthetic', *flags(output, '--workers', 1)]
    process = subprocess.Popen(command, cwd=REPOSITORY)
    wait_until(lambda: len(list(output.glob('parsing/**/*.png'))) >= 15)
    workers = children_of(process.pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_until(lambda: not any(is_alive(pid) for pid in workers))
    assert workers and not (output / 'README.md').exists()
    images = sorted(output.glob('train/*/*/*.jpg'))
    images[0].write_bytes(b'')
    (output / 'parsing' / images[1].relative_to(output)).with_suffix('.png').unlink()
    (images[2].parent / '.1.tmp').write_bytes(b'left behind')
    capfd.readouterr()
    assert main(flags(output, '--workers', 1)) == 0
    assert contents(output) == contents(finished)
    drawn = int(capfd.readouterr().out.split(' drawn now')[0].split()[-1])
    assert 2 <= drawn < IMAGES - 12


def children_of(pid):
    table = subprocess.run(['ps', '-A', '-o', 'pid=,ppid='], capture_output=True, text=True, check=True).stdout
    pairs = (map(int, line.split()) for line in table.splitlines())
    return [child for child, parent in pairs if parent == pid]


def is_alive(pid):
    state = subprocess.run(['ps', '-o', 'stat=', '-p', str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith('Z')


def wait_until(condition):
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_part_can_be_drawn_alone_with_the_same_bytes(finished, rows, tmp_path, capsys):
    look_alike = max(row['pid'] for row in rows.values())
    output = tmp_path / 'part'
    assert main(flags(output, '--only', '2/1', '100001/0/2', f'{look_alike}/0')) == 0
    made, whole = contents(output), contents(finished)
    pictures = {name for name in made if name.endswith(('.jpg', '.png'))}
    assert all(made[name] == whole[name] for name in pictures)
    assert sum(name.endswith('.jpg') and not name.startswith('hard/') for name in pictures) == 3 + 1
    assert 'README.md' not in made and f'of {IMAGES} images, 6 drawn now' in capsys.readouterr().out


def test_what_is_not_in_the_set_cannot_be_drawn_alone(tmp_path, capsys):
    assert main(flags(tmp_path / 'set', '--only', '3/0')) == 2
    assert '--only 3/0: no such image' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (['--seed', 1], 'made with --seed 0, not with --seed 1'),
        (['--size', '32x16'], 'made with --size 64x32, not with --size 32x16'),
        (['--no-hard'], 'made with --hard, not with --no-hard'),
    ],
)
def test_another_command_is_refused_in_the_same_folder(finished, change, message, capsys):
    before = contents(finished)
    assert main(flags(finished, *change)) == 2
    assert message in capsys.readouterr().err
    assert contents(finished) == before


def test_a_folder_with_other_files_is_refused(tmp_path, capsys):
    (tmp_path / 'thesis.tex').write_text('x')
    assert main(flags(tmp_path)) == 2
    assert '--output' in capsys.readouterr().err and os.listdir(tmp_path) == ['thesis.tex']


def test_a_file_that_cannot_be_written_ends_the_run_and_is_named(finished, tmp_path, capsys):
    shutil.copy(finished / 'settings.json', tmp_path)
    (tmp_path / 'train').write_text('in the way')
    assert main(flags(tmp_path, '--only', '1/0/0')) == 2
    error = capsys.readouterr().err
    assert f'{tmp_path}/train/000001/0/' in error and 'cannot be written' in error


def test_a_picture_that_cannot_be_drawn_is_named():
    artist = Artist(Settings(size=(32, 16), supersampling=1))
    shot = Shot('train', 7, 7, 1, 2, number=0, camera=-1)
    with pytest.raises(GenerationError, match=r'train/000007/1/c-1_2\.jpg \(--only 7/1/2\).*camera'):
        artist.draw(shot)


def test_workers_are_small_have_one_thread_and_share_textures_until_the_end(tmp_path):
    settings, textures = Settings(ids=1, test_ids=0), tmp_path / 'textures'
    with Pool(settings, 1, textures) as pool:
        facts = pool.call(describe_process, plan_set(settings).shots[:4])
        assert list(textures.glob('*.npy'))
    assert not facts['torch'] and facts['threads'] == (1, '1', '1') and facts['peak'] < 500
    assert not textures.exists()


def test_textures_that_cannot_be_kept_are_an_error_of_the_disk(tmp_path):
    (tmp_path / 'textures').write_text('in the way')
    settings = Settings(ids=1, test_ids=0, size=(32, 16), supersampling=1)
    with pytest.raises(DiskError, match=r'train/000000/.*cannot be drawn.*textures'):
        Artist(settings, tmp_path / 'textures').draw(plan_set(settings).shots[0])


def test_a_disk_that_is_full_of_textures_is_named(tmp_path, monkeypatch):
    def full(path, data):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(Path, 'write_bytes', full)
    settings = Settings(ids=1, test_ids=0, size=(32, 16), supersampling=1)
    with pytest.raises(DiskError, match=r'cannot be drawn: the disk is full; make room.*No space left'):
        Artist(settings, tmp_path).draw(plan_set(settings).shots[0])


def test_a_folder_of_textures_that_another_run_removes_is_made_again(tmp_path, monkeypatch):
    folder, write = tmp_path / 'textures', Path.write_bytes

    def removed(path, data):
        write(path, data)
        shutil.rmtree(folder)

    def take():
        return Atlas(0, folder).take(np.random.default_rng(1), lambda rng: rng.random(3))

    with monkeypatch.context() as patch:
        patch.setattr(Path, 'write_bytes', removed)
        first = take()
    assert not folder.exists() and (first == take()).all() and len(list(folder.iterdir())) == 1


def test_what_another_process_has_painted_is_taken_as_it_is(tmp_path):
    painted = []

    def blots(rng, shade):
        painted.append(shade)
        return (rng.random((4, 5, 3)) * shade).astype(np.uint8)

    def take(folder):
        return Atlas(0, folder).take(np.random.default_rng(1), blots, 200)

    alone, first, second = take(None), take(tmp_path), take(tmp_path)
    assert (alone == first).all() and (first == second).all() and len(painted) == 2
    assert not second.flags.writeable and [path.suffix for path in tmp_path.iterdir()] == ['.npy']
