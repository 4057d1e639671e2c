"""What may happen to an index: killed and rival writers, a full disk, damage, and places that hold none."""

import multiprocessing
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ifd_zoo.index import GalleryIndex, GalleryIndexError
from ifd_zoo.index.__main__ import main
from tests.index_worker import DIM, KEY, Embedder, fill_from, write_for_ever, write_on
from tests.test_index import filled, random_unit, row
from tests.test_index_build import photos  # noqa: F401  (a fixture)

REPOSITORY = Path(__file__).resolve().parents[1]


def work(run, *arguments):
    command = [sys.executable, '-m', 'tests.index_worker', run, *map(str, arguments)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize('kind, sizes', [('build', {0, 4, 8, 10}), ('upsert', {10, 14, 16, 18, 20})])
def test_writers_killed_at_any_moment_leave_whole_groups_and_the_next_call_completes(
    photos, tmp_path, kind, sizes  # noqa: F811
):
    (tmp_path / 'index').mkdir()
    place = str(tmp_path / 'index' / '0' if kind == 'upsert' else tmp_path / 'index')
    if kind == 'upsert':
        fill_from(place, photos, Embedder())
    context, rng, seen = multiprocessing.get_context('forkserver'), random.Random(0), set()
    # What lancedb imports, but not itself: its threads would not be there after a fork.
    context.set_forkserver_preload(['tests.index_worker', 'lance_namespace', 'pyarrow.dataset'])
    for _ in range(10):
        begins = context.Event()
        writer = context.Process(target=write_for_ever, args=(kind, place, photos, begins))
        writer.start()
        assert begins.wait(300)
        end = time.monotonic() + rng.uniform(0, 0.6)
        while time.monotonic() < end:
            seen |= sizes_of(tmp_path / 'index')  # a reader beside it
        writer.kill()
        writer.join()
        assert writer.exitcode == -signal.SIGKILL
        seen |= sizes_of(tmp_path / 'index', GalleryIndex.check)
        if kind == 'build':
            for folder in (tmp_path / 'index').iterdir():
                assert fill_from(folder, photos, Embedder())[0].check() == 10
                shutil.rmtree(folder)
    assert seen <= sizes and len(seen) > 1
    if kind == 'upsert':
        write_on(place, photos, 'x', 1)
        index = GalleryIndex.open(place, KEY)
        assert index.check() == 16 == len({one.name for one in index.rows()})


def sizes_of(folder, count=len):
    """How many rows each index in a folder has; those that have no table yet are left out."""
    found = set()
    for place in folder.iterdir():
        try:
            found |= {count(index) for index in GalleryIndex.all_at(place)}
        except GalleryIndexError as error:
            assert 'no index here' in str(error)
    return found


def test_several_writers_at_once_lose_and_double_nothing(photos, tmp_path):  # noqa: F811
    index = GalleryIndex.open_or_create(tmp_path / 'index', KEY, DIM)
    writers = [work('write_on', tmp_path / 'index', photos, prefix, 20) for prefix in ('', 'y')]
    for writer in writers:
        assert writer.stdout.readline() == 'begins\n'
    write_on(tmp_path / 'index', photos, '', 20)
    assert [writer.wait(300) for writer in writers] == [0, 0]
    for prefix in ('', 'y'):
        write_on(tmp_path / 'index', photos, prefix, 1)
    names = [one.name for one in index.rows()]
    assert index.check() == len(names) == len(set(names)) == 12


def test_a_full_disk_is_named_in_a_line_and_earlier_rows_stay(photos, tmp_path):  # noqa: F811
    index, _ = fill_from(tmp_path / 'index', photos, Embedder())
    index.remove([one.name for one in index.rows()][:3])
    message = work('fill_disk', tmp_path / 'index', photos, 300).communicate(timeout=300)[0]
    assert message.startswith(f'{tmp_path}/index: ') and message.count('\n') == 1
    assert 'File too large (os error 27); earlier writes are intact; fix this and run' in message
    assert index.check() == 7
    assert fill_from(tmp_path / 'index', photos, Embedder())[1][:3] == (3, 3, 7)


def damage(path, start):
    data = bytearray(path.read_bytes())
    data[start : start + 4] = bytes(byte ^ 255 for byte in data[start : start + 4])
    path.write_bytes(data)


def test_each_flipped_byte_of_the_rows_is_noticed_by_a_check(tmp_path, capsys):
    names, vectors = [f'name{place}' for place in range(20)], random_unit(20)
    noticed = []
    for place, what in enumerate([vectors[7].astype('float16').tobytes()[:6], b'name7', b'somebody']):
        filled(tmp_path / str(place), vectors, [row(name, 'somebody') for name in names])
        (path,) = tmp_path.glob(f'{place}/*.lance/data/*.lance')
        damage(path, path.read_bytes().index(what))
        noticed.append(main(['check', '--index', str(tmp_path / str(place))]))
    assert noticed == [2, 2, 2]
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 3
    assert f"error: {tmp_path}/0: 1 of 20 rows are damaged, such as 'name7'; restore it" in errors[0]


@pytest.mark.parametrize('edit', [lambda path: path.write_bytes(path.read_bytes()[:50]), lambda path: path.unlink()])
@pytest.mark.parametrize('kind', ['data/*.lance', '_versions/*.manifest'])
def test_torn_and_missing_files_are_an_error_of_one_line(tmp_path, kind, edit):
    filled(tmp_path, random_unit(20))
    for path in tmp_path.glob(f'*.lance/{kind}'):
        edit(path)
    with pytest.raises(GalleryIndexError) as caught:
        GalleryIndex.all_at(tmp_path)[0].check()
    error = str(caught.value)
    assert error.startswith(str(tmp_path)) and 'build the index again' in error
    assert '\n' not in error and '.rs' not in error


def test_places_that_hold_no_index_are_refused_and_nothing_is_made_there(tmp_path, capsys):
    (tmp_path / 'file').write_text('x')
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'junk' / 'a.lance' / '_versions').mkdir(parents=True)
    (tmp_path / 'junk' / 'a.lance' / '_versions' / '1.manifest').write_text('x' * 99)
    import lancedb

    lancedb.connect(tmp_path / 'foreign').create_table('a', [{'vector': [1.0, 2.0], 'name': 'x'}])
    for place, reason in {'none': 'no index here; build one', 'file': 'no index here', 'empty': 'no index here',
                          'junk': 'table a: ', 'foreign': 'table a: is not a table of an index'}.items():  # fmt: skip
        assert main(['info', '--index', str(tmp_path / place)]) == 2
        err = capsys.readouterr().err
        assert err.startswith(f'error: {tmp_path}/{place}: {reason}') and err.count('\n') == 1
    assert not (tmp_path / 'none').exists()
    with pytest.raises(GalleryIndexError, match='give a folder that can be read and written'):
        GalleryIndex.open_or_create(tmp_path / 'file', KEY, DIM)


def test_an_index_of_the_old_format_is_an_error_that_names_the_command_to_build_it_again(tmp_path):
    (tmp_path / 'manifest.json').write_text('{"format": "ifd_zoo.index", "version": 1}')
    for use in (GalleryIndex.all_at, lambda place: GalleryIndex.open_or_create(place, KEY, DIM)):
        with pytest.raises(GalleryIndexError) as caught:
            use(tmp_path)
        assert str(caught.value) == (
            f'{tmp_path}: is an index in an old format; delete the folder and build again: '
            f'python -m ifd_zoo.index build --index {tmp_path} --images DIR'
        )


@pytest.fixture
def bucket(monkeypatch):
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer('127.0.0.1', 0, verbose=False)
    server.start()
    address = 'http://{}:{}'.format(*server.get_host_and_port())
    for name, value in {'ENDPOINT_URL': address, 'ALLOW_HTTP': 'true', 'REGION': 'us-east-1'}.items():
        monkeypatch.setenv(f'AWS_{name}', value)
    for name in ('ACCESS_KEY_ID', 'SECRET_ACCESS_KEY'):
        monkeypatch.setenv(f'AWS_{name}', 'test')
    boto3.client('s3', region_name='us-east-1').create_bucket(Bucket='bucket')
    yield 's3://bucket'
    server.stop()


def test_an_index_in_a_bucket_is_written_by_two_searched_and_reduced(bucket, photos, capsys):  # noqa: F811
    place = f'{bucket}/a/index'
    assert main(['info', '--index', place]) == 2 and f'{place}: no index here' in capsys.readouterr().err
    writer = work('write_on', place, photos, 'x', 2)
    assert writer.stdout.readline() == 'begins\n'
    write_on(place, photos, 'y', 2)
    assert writer.wait(300) == 0
    index, built = fill_from(place, photos, Embedder(), 'folders', keep=())
    assert built[:4] == (10, 4, 0, 12) and index.check() == 10
    query = Embedder()([photos / 'p1' / '7.png'])
    assert GalleryIndex.open(place, KEY).search(query, 1)[0][0].name == 'p1/7.png'
    assert main(['remove', '--index', place, '--pid', 'p1']) == 0 and main(['compact', '--index', place]) == 0
    assert '5 images removed, 5 left' in capsys.readouterr().out


def test_help_and_the_page_s_start_load_no_lancedb():
    code = 'import ifd_zoo.page.site, ifd_zoo.index.actions; from ifd_zoo.index.__main__ import main; main(["--help"])'
    command = [sys.executable, '-X', 'importtime', '-c', code]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert 'usage' in ended.stdout and 'ifd_zoo.index' in ended.stderr and 'lancedb' not in ended.stderr
