"""Indexes that something has changed: each is refused with one line that names the file."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from ifd_zoo.index import GalleryIndex, GalleryIndexError
from tests.test_index import KEY, filled, random_unit


@pytest.fixture
def folder(tmp_path):
    filled(tmp_path / 'index', random_unit(20)).remove(['4.jpg'])
    return tmp_path / 'index'


def refuses(folder, match, verify=True):
    with pytest.raises(GalleryIndexError, match=match) as caught:
        GalleryIndex.open(folder, KEY, verify)
    assert '\n' not in str(caught.value) and str(folder) in str(caught.value)


def change(folder, edit):
    """Have `edit` change what the manifest says."""
    values = json.loads((folder / 'manifest.json').read_text())
    values = edit(values) or values
    (folder / 'manifest.json').write_text(json.dumps(values))


def test_a_folder_without_index(tmp_path):
    refuses(tmp_path, 'no index here .* build one')


@pytest.mark.parametrize('text', [b'', b'{', b'\xff\xfe', b'[' * 100_000, b'nothing'])
def test_a_manifest_that_is_not_json(folder, text):
    (folder / 'manifest.json').write_bytes(text)
    refuses(folder, 'manifest.json: is not JSON')


EDITS = {
    'is not the manifest of an index': lambda v: [1],
    'version 9': lambda v: v.update(version=9),
    "has no field 'key'": lambda v: v.pop('key') and None,
    'key is not an object': lambda v: v.update(key='a'),
    'dim is 0': lambda v: v.update(dim=0),
    'dim is True': lambda v: v.update(dim=True),
    "dtype is 'int8'": lambda v: v.update(dtype='int8'),
    'shards is not a list': lambda v: v.update(shards={}),
    'a shard is not an object': lambda v: v.update(shards=['x']),
    "names the file '../x.safetensors'": lambda v: v['shards'][0].update(file='../x.safetensors'),
    "names the file '/etc/passwd'": lambda v: v['removed'].update(file='/etc/passwd'),
    'names the file 7': lambda v: v['shards'][0].update(file=7),
    'rows of .* are -1': lambda v: v['shards'][0].update(rows=-1),
    'sha256 of .* is None': lambda v: v['shards'][0].update(sha256=None),
    'names a file twice': lambda v: v['shards'].append(v['shards'][0]),
}


@pytest.mark.parametrize('match', EDITS)
def test_a_manifest_that_says_what_cannot_be(folder, match):
    change(folder, EDITS[match])
    refuses(folder, f'manifest.json: .*{match}')


@pytest.mark.parametrize('edit', [{'dim': 9}, {'dtype': 'fp32'}])
def test_a_manifest_of_other_embeddings(folder, edit):
    change(folder, lambda values: values.update(edit))
    refuses(folder, 'embeddings are .* as the manifest says', verify=False)


def test_a_shard_of_other_rows(folder):
    change(folder, lambda values: values['shards'][0].update(rows=19))
    refuses(folder, 'embeddings are .* as the manifest says', verify=False)


@pytest.mark.parametrize('kind', ['0*', 'removed*'])
def test_a_file_that_is_missing_torn_or_changed(folder, kind):
    path = next(folder.glob(kind))
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    refuses(folder, 'changed since it was written')
    path.write_bytes(data[:-3])
    refuses(folder, 'cannot be read', verify=False)
    path.write_bytes(b'')
    refuses(folder, 'cannot be read', verify=False)
    path.unlink()
    refuses(folder, 'cannot be read')


def swap(folder, name, edit):
    """Change a tensor of the shard, and nothing that would tell but its hash."""
    path = next(folder.glob('0*'))
    tensors = load_file(path)
    tensors[name] = edit(tensors[name])
    save_file(tensors, path)


@pytest.mark.parametrize(
    ('name', 'edit'),
    [
        ('names_ends', lambda ends: ends[::-1].copy()),
        ('names_ends', lambda ends: ends + 1),
        ('names_ends', lambda ends: ends[:-1]),
        ('names_ends', lambda ends: ends.astype(np.int32)),
        ('names', lambda data: data[:-1]),
        ('labels_ends', lambda ends: ends - 1),
        ('contents', lambda contents: contents[:, :5].copy()),
    ],
)
def test_a_shard_whose_parts_do_not_fit_each_other(folder, name, edit):
    swap(folder, name, edit)
    refuses(folder, f'{name.split("_")[0]} are ', verify=False)


def test_rows_that_are_not_finite_are_refused_by_a_search(folder):
    def spoil(embeddings):
        embeddings[2, 3] = np.nan
        return embeddings

    swap(folder, 'embeddings', spoil)
    index = GalleryIndex.open(folder, verify=False)
    for queries in (random_unit(1), random_unit(9)):
        with pytest.raises(GalleryIndexError, match='an embedding is not finite; build the index again'):
            index.search(queries)


def test_removed_rows_that_are_none(folder):
    path = next(folder.glob('removed*'))
    for rows in ([20], [-1], [1, 2]):
        save_file({'rows': np.array(rows)}, path)
        refuses(folder, 'has no positions of removed rows', verify=False)


def test_an_embedding_that_is_not_finite_is_told_of_by_every_core(tmp_path, set_threads):
    index = filled(tmp_path, random_unit(100))
    index.table.shards = [SimpleNamespace(embeddings=torch.full((100, 8), torch.nan, dtype=torch.float16))]
    set_threads(2)
    for queries in (1, 100):
        with pytest.raises(GalleryIndexError, match='an embedding is not finite; build the index again'):
            index.search(random_unit(queries))
