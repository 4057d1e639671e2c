"""Building an index of files: only what is new is embedded, and commands answer."""

import json
import os
import shutil
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import timm
from PIL import Image

from ifd_zoo.common.choices import DEFAULT_MODEL
from ifd_zoo.gallery import EXAMPLES
from ifd_zoo.hub import save_release
from ifd_zoo.index import GalleryIndex, GalleryIndexError, IndexFile, SearchFilter, build, fill, folder_files, index_key
from ifd_zoo.index.__main__ import main
from ifd_zoo.parsing import NoParser
from ifd_zoo.predictor import Predictor
from tests.index_worker import DIM, KEY, Embedder, fill_from
from tests.test_index import filled, random_unit


def write_photo(path, seed):
    path.parent.mkdir(exist_ok=True, parents=True)
    Image.new('RGB', (20, 40), tuple(np.random.default_rng(seed).integers(0, 256, 3).tolist())).save(path)


@pytest.fixture
def photos(tmp_path):
    for seed in range(10):
        write_photo(tmp_path / 'photos' / f'p{seed // 5}' / f'{seed}.png', seed)
    return tmp_path / 'photos'


def test_only_new_and_changed_files_are_embedded_and_each_content_once(photos, tmp_path):
    done = []
    fill_from(tmp_path / 'index', photos, Embedder(), progress=done.append)
    assert done == [0, 0, 0, 2, 4, 6, 8, 10]
    write_photo(photos / 'new.png', 30)
    shutil.copy(photos / 'new.png', photos / 'new again.png')
    write_photo(photos / 'p0' / '2.png', 31)
    shutil.copy(photos / 'p1' / '7.png', photos / 'copy.png')
    embed = Embedder()
    index, built = fill_from(tmp_path / 'index', photos, embed)
    assert sorted(embed.seen) == ['2.png', 'new again.png']
    assert built == (4, 2, 9, 0, []) and len(index) == 13
    best = index.search(Embedder()([photos / 'copy.png']), 2)[0]
    assert [match.name for match in best] == ['copy.png', 'p1/7.png'] and best[0].similarity == best[1].similarity


def test_labels_and_times_of_known_files_are_updated_without_the_model(photos, tmp_path):
    fill_from(tmp_path / 'index', photos, Embedder())
    (photos / 'p0').rename(photos / 'p9')
    (photos / 'p9' / '0.png').rename(photos / 'p9' / '0001_c3s1_000151_00.png')
    os.utime(photos / 'p1' / '5.png', (1e9, 1e9))
    os.utime(photos / 'p1' / '6.png', (1e12, 1e12))  # of the year 33658
    embed = Embedder()
    index, built = fill_from(tmp_path / 'index', photos, embed, 'person', keep=())
    assert embed.seen == [] and built == (10, 0, 0, 5, [])
    (found,) = index.search(Embedder()([photos / 'p1' / '5.png']), 10, SearchFilter(['p1'], until=datetime(2002, 1, 1)))
    assert [match[:4] for match in found] == [('p1/5.png', 'p1', '', datetime.fromtimestamp(1e9, UTC))]
    assert {(row.pid, row.camid) for row in index.rows()} == {('p9', '3'), ('p9', ''), ('p1', '')}


def test_the_callers_labels_and_time_are_kept(photos, tmp_path):
    index, when = GalleryIndex.open_or_create(tmp_path / 'index', KEY, DIM), datetime(2026, 5, 31, 18, 30, 15, 999)
    files = [IndexFile(photos / 'p0' / '0.png', 'a', 'anna', 'door', when)]
    assert fill(index, Embedder(), files)[:3] == (1, 1, 0) and fill(index, Embedder(), files)[:3] == (0, 0, 1)
    assert index.rows()[0][1:4] == ('anna', 'door', when.replace(microsecond=0).astimezone())


def test_pruning_removes_files_that_are_gone_or_damaged_unless_they_are_kept(photos, tmp_path):
    fill_from(tmp_path / 'index', photos, Embedder())
    for name in ('0', '1'):
        (photos / 'p0' / f'{name}.png').unlink()
    (photos / 'p0' / '2.png').write_text('no picture')
    index, built = fill_from(tmp_path / 'index', photos, Embedder())
    assert len(index) == 10 and built.removed == 0
    index, built = fill_from(tmp_path / 'index', photos, Embedder(), keep={'p0/1.png'})
    assert built[:4] == (0, 0, 7, 2) and len(built.skipped) == 1
    assert {row.name for row in index.rows()}.isdisjoint({'p0/0.png', 'p0/2.png'}) and len(index) == 8


def test_files_that_cannot_be_used_are_named_and_the_others_taken(photos, tmp_path):
    (photos / 'p0' / 'torn.png').write_bytes((photos / 'p0' / '1.png').read_bytes()[:60])
    (photos / 'p1' / 'text.jpg').write_text('no picture')
    (photos / 'again.jpg').write_text('no picture')
    odd = IndexFile(photos / 'p0' / '0.png', 'odd\udcff.png')
    files = [*folder_files(photos), IndexFile(photos / 'gone.png', 'gone.png'), odd]
    index = GalleryIndex.open_or_create(tmp_path / 'index', KEY, DIM)
    built = fill(index, Embedder(), files)
    assert (built.added, built.embedded, len(index)) == (10, 10, 10)
    skipped = dict(line.split(': ', 1) for line in built.skipped)
    assert set(skipped) == {'p0/torn.png', 'p1/text.jpg', 'again.jpg', 'gone.png', odd.name}
    assert skipped[odd.name] == 'the name is not UTF-8; rename the file'
    assert skipped['gone.png'] == 'cannot be read (No such file or directory)'
    assert 'is damaged' in skipped['p0/torn.png'] and 'is not a picture' in skipped['again.jpg']


def test_many_small_writes_are_merged_and_old_versions_deleted(photos, tmp_path, monkeypatch):
    monkeypatch.setattr('ifd_zoo.index.building.LOOSE', 2)
    index, _ = fill_from(tmp_path / 'index', photos, Embedder())
    assert index.table.stats()['fragment_stats']['num_fragments'] == 1
    deadline = time.monotonic() + 60
    while len(index.table.list_versions()) > 1:  # the clock may have been set back since they were written
        assert time.monotonic() < deadline
        index.tidy(timedelta(0))
    assert len(list((tmp_path / 'index').glob('*.lance/data/*.lance'))) == 1


def test_two_files_of_one_name_and_folders_without_pictures_are_refused(photos, tmp_path):
    index = GalleryIndex.open_or_create(tmp_path / 'index', KEY, DIM)
    with pytest.raises(ValueError, match='two files have the same name'):
        fill(index, Embedder(), [IndexFile(photos / 'a', 'x'), IndexFile(photos / 'b', 'x')])
    with pytest.raises(GalleryIndexError, match='no such folder'):
        folder_files(tmp_path / 'none')
    with pytest.raises(GalleryIndexError, match='no pictures in this folder'):
        folder_files(tmp_path / 'index')


@pytest.fixture(scope='module')
def predictor():
    return Predictor(device='cpu')


def test_the_key_differs_between_models_and_parsers(predictor):
    key = index_key(predictor)
    assert key == json.loads(json.dumps(key)) == index_key(Predictor(device='cpu'))
    assert key['model'] == DEFAULT_MODEL and key['parser'] == predictor.parser.identify()
    bare = index_key(Predictor(parser=NoParser(), device='cpu'))
    assert {name for name in key if key[name] != bare[name]} == {'parser'}
    baseline = [Predictor('ifd_baseline_resnet10t.synthetic', parser, 'cpu') for parser in ('bundled', NoParser())]
    assert index_key(baseline[0]) == index_key(baseline[1])
    assert index_key(baseline[0])['weights_sha256'] != key['weights_sha256']


def test_a_build_embeds_as_the_predictor_does(predictor, tmp_path):
    files = [IndexFile(path, path.name) for path in sorted((EXAMPLES / 'gallery').glob('*.jpg'))[:3]]
    index, built = build(tmp_path, predictor, files)
    assert built.added == 3 and index.key == index_key(predictor)
    embeddings = predictor.embed([file.path for file in files])
    for file, found in zip(files, index.search(embeddings, 1), strict=True):
        assert found[0].name == file.name and found[0].similarity == pytest.approx(1, abs=1e-3)


def test_the_commands_build_search_describe_and_remove(tmp_path, capsys):
    index, images = str(tmp_path / 'index'), tmp_path / 'images'
    for name in ('p100138_o1_c1', 'p100002_o1_c0', 'p100002_o2_c2'):
        (images / name[:7]).mkdir(parents=True, exist_ok=True)
        shutil.copy(EXAMPLES / 'gallery' / f'{name}.jpg', images / name[:7])
    (images / 'p100138' / 'bad.jpg').write_text('no picture')
    make = ['build', '--index', index, '--images', str(images), '--labels', 'folders', '--device', 'cpu']
    assert main(make) == 0
    out, err = capsys.readouterr()
    assert out == f'{index}: 3 images; 3 added (3 embedded), 0 there already, 1 left out, 0 removed\n'
    assert 'left out: p100138/bad.jpg: is not a picture' in err
    query = str(EXAMPLES / 'query' / '1_p100002_o3_c5.jpg')
    find = ['search', '--index', index, '--query', query, '--top-k', '2', '--device', 'cpu']
    assert main([*find, '--json']) == 0
    found = json.loads(capsys.readouterr().out)[query]
    assert len(found) == 2 and list(found[0]) == ['name', 'pid', 'camid', 'time', 'similarity']
    assert main(find) == 0 and f'{found[0]["name"]}  [{found[0]["pid"]}, camera ' in capsys.readouterr().out
    for flags, number in (('--people --since 2000-01-01', 2), ('--pid p100138 --camid 1', 1), ('--until 20000101', 0)):
        assert main([*find, '--json', *flags.split()]) == 0
        assert len(json.loads(capsys.readouterr().out)[query]) == number
    assert main(['remove', '--index', index, '--pid', 'p100138']) == 0
    assert '1 images removed, 2 left' in capsys.readouterr().out
    (images / 'p100002' / 'p100002_o1_c0.jpg').unlink()
    assert main([*make, '--prune']) == 0
    assert ': 2 images; 1 added (1 embedded), 1 there already, 1 left out, 1 removed' in capsys.readouterr().out
    assert main(['compact', '--index', index]) == 0 and ' MB\n' in capsys.readouterr().out
    assert main(['check', '--index', index]) == 0 and ': 2 rows match their checksums' in capsys.readouterr().out
    assert main(['info', '--index', index]) == 0
    (about,) = json.loads(capsys.readouterr().out)
    assert about | {'images': 2, 'people': 2, 'cameras': 2, 'dim': 1024, 'approximate': []} == about


def test_the_command_for_an_approximate_index_prints_its_recall(tmp_path, capsys):
    vectors = random_unit(1100, 16)
    filled(tmp_path, vectors)
    assert main(['approximate', '--index', str(tmp_path), '--kind', 'hnsw']) == 0
    text = capsys.readouterr().out
    assert text.startswith(f'{tmp_path}: hnsw over 1100 images, effort 8: recall@10 against exact search ')
    assert float(text.split()[-1]) >= 0.95


def test_fresh_weights_are_indexed_only_when_asked(tmp_path, capsys, photos):
    command = ['build', '--index', str(tmp_path / 'index'), '--images', str(photos), '--device', 'cpu']
    model = timm.create_model('ifd_baseline_resnet10t', backbone='test_efficientnet')
    release = save_release(model, tmp_path / 'release', 'test', {'input_size': [3, 32, 16]})
    assert main([*command, '--model', str(release)]) == 2
    assert 'fresh weights, not trained; give a trained release, or --fresh-weights' in capsys.readouterr().err
    assert not (tmp_path / 'index').exists()
    with pytest.warns(UserWarning, match='fresh weights, not trained'):
        assert main([*command, '--model', str(release), '--fresh-weights']) == 0
    assert '10 images' in capsys.readouterr().out


def test_commands_that_fail_end_with_2_and_one_line(tmp_path, capsys, photos):
    index = str(tmp_path / 'index')
    assert main(['info', '--index', index]) == 2
    assert capsys.readouterr().err == f'error: {index}: no index here; build one, or give another folder\n'
    fill_from(index, photos, Embedder())
    query = str(photos / 'p0' / '0.png')
    assert main(['search', '--index', index, '--query', query, '--device', 'cpu']) == 2
    assert 'was built with another model or setting' in capsys.readouterr().err
    for label in ('name', 'pid'):
        assert main(['remove', '--index', index, f'--{label}', 'x']) == 2
        assert f"no {label} 'x' in this index" in capsys.readouterr().err
    assert main(['build', '--index', index, '--images', str(tmp_path / 'none')]) == 2
    for bad in (['remove', '--index', index], ['search', '--index', index, '--query', query, '--top-k', '0'], []):
        with pytest.raises(SystemExit) as caught:
            main(bad)
        assert caught.value.code == 2
