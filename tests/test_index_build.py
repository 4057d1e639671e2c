"""Building an index of files: only what is new is embedded, a kill loses one group, and commands answer."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ifd_zoo.gallery import EXAMPLES
from ifd_zoo.index import GalleryIndex, GalleryIndexError, IndexFile, build, folder_files, index_key
from ifd_zoo.index.__main__ import main
from ifd_zoo.index.building import LOOSE_SHARDS, fill
from ifd_zoo.parsing import NoParser
from ifd_zoo.predictor import Predictor
from tests.index_worker import DIM, KEY, Embedder, fill_from

REPOSITORY = Path(__file__).resolve().parents[1]


def write_photo(path, seed):
    path.parent.mkdir(exist_ok=True, parents=True)
    Image.new('RGB', (20, 40), tuple(np.random.default_rng(seed).integers(0, 256, 3).tolist())).save(path)


@pytest.fixture
def photos(tmp_path):
    for seed in range(10):
        write_photo(tmp_path / 'photos' / f'p{seed // 5}' / f'{seed}.png', seed)
    return tmp_path / 'photos'


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize('calls', [1, 4])
def test_a_killed_build_goes_on_and_gives_the_same_index(photos, tmp_path, calls):
    command = [sys.executable, '-m', 'tests.index_worker', str(tmp_path / 'killed'), str(photos), str(calls)]
    assert subprocess.run(command, cwd=REPOSITORY).returncode == -signal.SIGKILL
    assert len(GalleryIndex.open(tmp_path / 'killed', KEY)) == calls // 2 * 4
    embed = Embedder()
    _, built = fill_from(tmp_path / 'killed', photos, embed)
    assert built == (10 - calls // 2 * 4, len(embed.seen), calls // 2 * 4, []) and len(embed.seen) == built.added
    fill_from(tmp_path / 'whole', photos, Embedder())
    assert content(tmp_path / 'killed') == content(tmp_path / 'whole')


def test_only_new_and_changed_files_are_embedded(photos, tmp_path):
    fill_from(tmp_path / 'index', photos, Embedder())
    write_photo(photos / 'new.png', 30)
    write_photo(photos / 'p0' / '2.png', 31)
    shutil.copy(photos / 'p1' / '7.png', photos / 'copy.png')
    embed = Embedder()
    index, built = fill_from(tmp_path / 'index', photos, embed)
    assert sorted(embed.seen) == ['2.png', 'new.png']
    assert built == (3, 2, 9, [])
    assert len(index) == 12
    best = index.search(Embedder()([photos / 'copy.png']), 2)[0]
    assert {match.name for match in best} == {'copy.png', 'p1/7.png'} and best[0].similarity == best[1].similarity


def test_files_of_the_same_bytes_are_embedded_once_and_have_a_row_each(photos, tmp_path):
    for name in ('a.png', 'b.png', 'p0/c.png'):
        shutil.copy(photos / 'p0' / '0.png', photos / name)
    embed = Embedder()
    index, built = fill_from(tmp_path / 'index', photos, embed)
    assert (built.added, built.embedded, len(index)) == (13, 10, 13)


def test_a_file_that_was_removed_comes_back_without_the_model(photos, tmp_path):
    index, _ = fill_from(tmp_path / 'index', photos, Embedder())
    index.remove(['p0/3.png'])
    embed = Embedder()
    index, built = fill_from(tmp_path / 'index', photos, embed)
    assert embed.seen == [] and built == (1, 0, 9, []) and 'p0/3.png' in index


def test_a_new_label_is_taken_over_without_the_model(photos, tmp_path):
    index, embed = GalleryIndex.create(tmp_path / 'index', KEY, DIM), Embedder()
    fill(index, embed, folder_files(photos))
    assert fill(index, embed, folder_files(photos, 'folders')) == (10, 0, 0, [])
    assert len(embed.seen) == 10 and index.remove(labels=['p1']) == 5 and len(index) == 5


def test_files_that_cannot_be_used_are_named_and_the_others_taken(photos, tmp_path):
    (photos / 'p0' / 'torn.png').write_bytes((photos / 'p0' / '1.png').read_bytes()[:60])
    (photos / 'p1' / 'text.jpg').write_text('no picture')
    (photos / 'again.jpg').write_text('no picture')
    files = [*folder_files(photos), IndexFile(photos / 'gone.png', 'gone.png')]
    index = GalleryIndex.create(tmp_path / 'index', KEY, DIM)
    built = fill(index, Embedder(), files)
    assert (built.added, built.embedded, len(index)) == (10, 10, 10)
    skipped = dict(line.split(': ', 1) for line in built.skipped)
    assert set(skipped) == {'p0/torn.png', 'p1/text.jpg', 'again.jpg', 'gone.png'}
    assert skipped['gone.png'] == 'cannot be read (No such file or directory)'
    assert 'is damaged' in skipped['p0/torn.png'] and 'is not a picture' in skipped['again.jpg']


def test_progress_counts_up_to_all_files(photos, tmp_path):
    told = []
    fill_from(tmp_path / 'index', photos, Embedder(), progress=told.append)
    assert told == [0, 2, 4, 4, 6, 8, 8, 10]


def test_many_small_shards_are_merged(photos, tmp_path):
    index = GalleryIndex.create(tmp_path / 'index', KEY, DIM)
    vectors = Embedder()([photos / 'p0' / '0.png'])
    for number in range(LOOSE_SHARDS):
        index.add([f'{number}'], vectors)
    fill(index, Embedder(), folder_files(photos))
    assert len(index.manifest.shards) == 1 and len(GalleryIndex.open(tmp_path / 'index')) == LOOSE_SHARDS + 10


def test_two_files_of_one_name_and_folders_without_pictures_are_refused(photos, tmp_path):
    index = GalleryIndex.create(tmp_path / 'index', KEY, DIM)
    with pytest.raises(ValueError, match='two files have the same name'):
        fill(index, Embedder(), [IndexFile(photos / 'a', 'x'), IndexFile(photos / 'b', 'x')])
    with pytest.raises(GalleryIndexError, match='no such folder'):
        folder_files(tmp_path / 'none')
    with pytest.raises(GalleryIndexError, match='no pictures in this folder'):
        folder_files(tmp_path / 'index')
    write_photo(photos / 'loose.png', 1)
    with pytest.raises(GalleryIndexError, match='outside the folders of the persons'):
        folder_files(photos, 'folders')


@pytest.fixture(scope='module')
def predictor():
    return Predictor(device='cpu')


def test_the_key_tells_models_and_parsers_apart(predictor):
    key = index_key(predictor)
    assert key == json.loads(json.dumps(key)) == index_key(Predictor(device='cpu'))
    assert key['model'] == 'ifd_resnet10t.synthetic' and key['parser'] == predictor.parser.identify()
    bare = index_key(Predictor(parser=NoParser(), device='cpu'))
    assert {name for name in key if key[name] != bare[name]} == {'parser'}
    baseline = [Predictor('ifd_baseline_resnet10t.synthetic', parser, 'cpu') for parser in ('bundled', NoParser())]
    assert index_key(baseline[0]) == index_key(baseline[1])
    assert index_key(baseline[0])['weights_sha256'] != key['weights_sha256']


def test_a_build_embeds_as_the_predictor_does_and_refuses_another_index(predictor, tmp_path):
    files = [IndexFile(path, path.name) for path in sorted((EXAMPLES / 'gallery').glob('*.jpg'))[:3]]
    index = GalleryIndex.create(tmp_path / 'a', index_key(predictor), predictor.model.num_features)
    assert build(index, predictor, files).added == 3
    embeddings = predictor.embed([file.path for file in files])
    for file, found in zip(files, index.search(embeddings, 1), strict=True):
        assert found[0].name == file.name and found[0].similarity == pytest.approx(1, abs=1e-3)
    other = GalleryIndex.create(tmp_path / 'b', KEY, predictor.model.num_features)
    with pytest.raises(GalleryIndexError, match='model is brightness, not ifd_resnet10t.synthetic'):
        build(other, predictor, files)


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
    assert len(found) == 2 and {'name', 'label', 'similarity', 'row'} == set(found[0])
    assert main(find) == 0 and f'{found[0]["name"]}  [{found[0]["label"]}]' in capsys.readouterr().out
    assert main(['remove', '--index', index, '--label', 'p100138']) == 0
    assert '1 images removed, 2 left' in capsys.readouterr().out
    (images / 'p100002' / 'p100002_o1_c0.jpg').unlink()
    assert main([*make, '--prune']) == 0
    assert ': 2 images; 1 added (0 embedded), 1 there already, 1 left out, 1 removed' in capsys.readouterr().out
    assert main(['compact', '--index', index]) == 0 and '2 -> 1 shards, 2 removed rows' in capsys.readouterr().out
    assert main(['info', '--index', index]) == 0
    about = json.loads(capsys.readouterr().out)
    assert (about['images'], about['removed'], about['dim']) == (2, 0, 512)


def test_commands_that_fail_end_with_2_and_one_line(tmp_path, capsys, photos):
    index = str(tmp_path / 'index')
    assert main(['info', '--index', index]) == 2
    assert (
        capsys.readouterr().err
        == f'error: {index}: no index here (no manifest.json); build one, or give another folder\n'
    )
    fill_from(index, photos, Embedder())
    query = str(photos / 'p0' / '0.png')
    assert main(['search', '--index', index, '--query', query, '--device', 'cpu']) == 2
    assert 'was built by another model or setting' in capsys.readouterr().err
    assert main(['remove', '--index', index, '--name', 'x']) == 2
    assert "no name 'x'" in capsys.readouterr().err
    assert main(['build', '--index', index, '--images', str(tmp_path / 'none')]) == 2
    for bad in (['remove', '--index', index], ['search', '--index', index, '--query', query, '--top-k', '0'], []):
        with pytest.raises(SystemExit) as caught:
            main(bad)
        assert caught.value.code == 2
