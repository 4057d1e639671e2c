"""What visitors send to events is checked before gradio looks at it, and one address cannot take all places."""

import asyncio
import json
from types import SimpleNamespace

import gradio as gr
import pytest
from gradio import processing_utils
from gradio.components.api_component import Api
from gradio.data_classes import ListFiles

from ifd_zoo.page import site
from ifd_zoo.page.guard.inputs import check_values
from ifd_zoo.page.guard.rate_limit import PLACES, network
from tests.page import BASELINE, IFD, QUERIES, items, make_shared, upload, uploads_folder

NUMBERS = (1e308, float('nan'), float('inf'), -1, 10**400, True, 0.5)
DEEP = json.loads('[' * 300 + ']' * 300)
WRONG = (*NUMBERS, 'x' * 5000, 'x', [], {}, [None], [5], [{}], [[]], DEEP, {'path': None}, {'x': DEEP})


@pytest.fixture(scope='module')
def demo():
    return site.build_demo(*make_shared())


@pytest.fixture
def uploads(monkeypatch, tmp_path):
    return uploads_folder(monkeypatch, tmp_path)


def inputs_of(demo):
    """Every input of every event that a visitor sends."""
    found = {part._id: part for one in demo.fns.values() for part in one.inputs if not part.stateful}
    assert {type(part) for part in found.values()} >= {gr.Slider, gr.Radio, gr.Gallery, gr.ImageEditor, gr.Dataset, Api}
    return found.values()


def takes(component, value):
    """Whether that is a value of the component's kind: a slow and plain version of the rules."""
    kind = type(component)
    text = isinstance(value, str) and len(value) < 4097
    if kind is gr.Slider:
        return type(value) in (int, float) and max(min(value, component.maximum), component.minimum) == value
    if kind is gr.Dropdown and not component.multiselect:
        return text or type(value) is int
    if kind is gr.CheckboxGroup or kind is gr.Dropdown:
        return value == []
    return {
        gr.Checkbox: value is True,
        gr.Dataset: False,
        gr.Image: value == {},
        gr.ImageEditor: isinstance(value, dict),
        gr.Gallery: value == [],
        gr.File: value == [],
        Api: value == [] if component.api_info()['type'] == 'array' else text,
    }.get(kind, text)


def test_each_input_of_each_event_takes_values_of_its_kind_and_refuses_others(demo, uploads):
    right = wrong = 0
    for component in inputs_of(demo):
        for value in WRONG:
            if type(component) is gr.Image and value in ({}, {'x': DEEP}, {'path': None}):
                continue  # no photo at all, which other tests refuse
            if takes(component, value):
                check_values([component], [value])
                right += 1
                continue
            with pytest.raises(gr.Error) as refused:
                check_values([component], [value])
            assert len(str(refused.value)) < 300 and not refused.value.print_exception
            wrong += 1
    assert right > 30 and wrong > 500


def test_a_value_may_be_none_yet_but_not_missing(demo):
    event = next(one for one in demo.fns.values() if one.api_name == 'compare')
    assert check_values(event.inputs, [None] * 5) == [None] * 5
    with pytest.raises(gr.Error, match='This takes 5 values, but got 4'):
        check_values(event.inputs, [None] * 4)


PATHS = (
    'http://example.org/a.jpg', 'https://example.org/a.jpg', 'HTTP://example.org/', 'file:///etc/passwd', '/etc/passwd',
    '/proc/self/mem', '~nobody/x', '~', 'x' * 300, '/' + 'x' * 300, 'a\0b', '', None, 5, [], '../a.jpg',
    str(QUERIES[0]),
)


@pytest.mark.parametrize('path', PATHS, ids=[repr(path)[:30] for path in PATHS])
def test_no_event_takes_a_file_that_is_not_an_upload_and_none_is_fetched(path, demo, uploads, monkeypatch):
    fetched = []
    monkeypatch.setattr(processing_utils, 'async_ssrf_protected_download', lambda url, **_: fetched.append(url))
    compare = next(one for one in demo.fns.values() if one.api_name == 'compare')
    for file in ({'path': path, 'meta': {'_type': 'gradio.FileData'}}, {'path': path, 'orig_name': 'a.jpg'}):
        with pytest.raises(gr.Error):
            asyncio.run(demo.preprocess_data(compare, [file, None, None, IFD, BASELINE], None))
        for component in inputs_of(demo):
            sent = {gr.Gallery: items(file), gr.File: [file], Api: [file], gr.ImageEditor: {'layers': [file]}}
            with pytest.raises(gr.Error):
                check_values([component], [sent.get(type(component), file)])
    assert fetched == []


def test_folders_links_and_files_that_are_gone_are_no_uploads(demo, uploads):
    photo = next(part for part in inputs_of(demo) if isinstance(part, gr.Image))
    (uploads / 'link.jpg').symlink_to(QUERIES[0])
    for path in (uploads, uploads / 'link.jpg', uploads / 'gone.jpg', uploads / '../../a.jpg'):
        with pytest.raises(gr.Error, match='not uploaded to this page, or has been deleted'):
            check_values([photo], [{'path': str(path)}])


def test_uploads_pass_with_the_fields_that_gradio_knows_only(demo, uploads):
    file = upload(uploads, QUERIES[0]) | {'unknown': DEEP}
    known = ListFiles.model_validate([file]).model_dump()[0]
    assert known['path'] == file['path'] and known['orig_name'] == file['orig_name'] and 'unknown' not in known
    sent = {gr.Gallery: items(file), gr.File: [file], Api: [file], gr.Image: file, gr.ImageEditor: {'background': file}}
    passed = set()
    for component in inputs_of(demo):
        if type(component) in sent and component.label != '2nd':  # which is the model's name
            (value,) = check_values([component], [sent[type(component)]])
            assert value and 'unknown' not in json.dumps(value) and file['path'] in json.dumps(value)
            passed.add(type(component))
    assert passed == set(sent)


# The queue


def join(demo, address, number=None):
    """What the queue of the page answers to one more event of a client of that address."""
    event = next(one for one in demo.fns.values() if one.api_name == 'rank')
    number = event._id if number is None else number
    body = SimpleNamespace(fn_index=number, session_hash=None, data=[], request=None, event_id=None)
    return demo._queue.push(body=body, request=SimpleNamespace(client=(address, 1)), username=None)


def test_one_address_cannot_take_all_places_of_the_queue():
    demo = site.build_demo(*make_shared())

    async def fill():
        mine = await asyncio.gather(*(join(demo, '2001:db8::1') for _ in range(40)))
        others = await asyncio.gather(*(join(demo, '192.0.2.2') for _ in range(8)))
        refused = await join(demo, '2001:db8::2')  # of the same network
        demo._queue.event_queue_per_concurrency_id['search'].queue.pop(0)
        return mine, others, refused, await join(demo, '2001:db8::1')

    mine, others, refused, again = asyncio.run(fill())
    assert sum(taken for taken, *_ in mine) == PLACES and all(taken for taken, *_ in others)
    assert refused == (False, '24 requests from your address are queued; wait for one.', 'queue_full')
    assert again[0]


@pytest.mark.parametrize('number', [-1, 9999])
def test_an_event_that_does_not_exist_is_refused(number, demo):
    taken, message, state = asyncio.run(join(demo, '192.0.2.1', number))
    assert (taken, state) == (False, 'error') and 'no such event' in message


def test_addresses_are_counted_by_network():
    assert network(('::ffff:192.0.2.1', 1)) == network(('192.0.2.1', 2)) != network(('192.0.2.2', 1))
    assert network(('2001:db8::1', 1)) == network(('2001:db8::ffff', 1)) != network(('2001:db8:1::1', 1))
    assert network(None) == network(('testclient', 1)) == ''
