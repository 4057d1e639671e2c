"""Charts as they stand in a page: its colours and fonts, nothing that reaches beyond them, any text."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from eval.reports.charts import curve_chart, histogram_chart
from ifd_zoo.explain.charts import COLOURS, clean_text, svg_chart
from ifd_zoo.recolour import Series, movement_chart

SVG = '{http://www.w3.org/2000/svg}'
VALUES = np.array([25.0, 75.0])
CHARTS = {
    'curve': lambda title: curve_chart([20.0, 60.0, 100.0], title, (1, 5)),
    'histogram': lambda title: histogram_chart(np.array([0.0, 0.5, 1.0]), {'same': VALUES, 'other': VALUES}, title),
    'movement': lambda title: movement_chart(['a'], [Series('IFD', np.array([0.5]), np.array([[0.4], [0.6]]))], title),
}


def texts(chart):
    return [(node.text, node) for node in ElementTree.fromstring(chart).iter(f'{SVG}text')]


def corners(chart, style):
    """Of the first path with that in its style."""
    paths = ElementTree.fromstring(chart).iter(f'{SVG}path')
    path = next(path for path in paths if style in path.get('style', ''))
    return [(float(x), float(y)) for x, y in re.findall(r'([\d.]+) ([\d.]+)', path.get('d'))]


@pytest.mark.parametrize('draw', CHARTS.values(), ids=CHARTS)
def test_a_chart_fits_into_any_page(draw):
    chart = draw('<&>')
    colours = set(re.findall(r'(?:fill|stroke): ([^;"]+)', chart))
    assert 'currentColor' in colours and colours <= {'currentColor', 'none', *COLOURS}
    assert 'font-family' not in chart and '<style' not in chart
    # Black is the colour of what has none.
    assert all('fill: currentColor' in node.get('style') for _, node in texts(chart))
    root = ElementTree.fromstring(chart)
    assert root.get('role') == 'img' and root.find(f'{SVG}title').text == '<&>'  # read out in place of the picture
    assert draw('<&>') == chart
    first, second = (set(re.findall(' id="([^"]+)"', one)) for one in (chart, draw('two')))
    assert first and not first & second


def test_a_curve_has_its_numbers_and_rises_as_its_values_do():
    numbers = {text: node for text, node in texts(CHARTS['curve']('')) if 'weight' in node.get('style')}
    assert list(numbers) == ['20.0']  # of rank 5 there is none
    (x1, y1), (x2, y2), (x3, y3) = corners(CHARTS['curve'](''), 'stroke-width: 2.5')
    assert x2 - x1 == pytest.approx(x3 - x2) and y1 - y2 == pytest.approx(y2 - y3) and y1 > y2 > y3


def test_bars_stand_on_the_axis_of_an_axis_through_zero():
    chart = histogram_chart(np.array([-0.5, 0.1, 0.7]), {'same': VALUES}, '')
    top, middle, axis = sorted({y for _, y in corners(chart, 'opacity: 0.3')})
    assert axis - top == pytest.approx(3 * (axis - middle))
    labels = [text for text, _ in texts(chart)]
    assert '0.0' in labels and not {'−0.0', '-0.0'} & set(labels)


def test_a_note_is_shown_at_its_artist():
    chart = svg_chart((100, 80), lambda figure: figure.text(0, 0, 'a', gid='it'), 't', notes={'it': '<what>'})
    group = next(node for node in ElementTree.fromstring(chart).iter(f'{SVG}g') if node.find(f'{SVG}title') is not None)
    assert group.find(f'{SVG}title').text == '<what>' and group.find(f'{SVG}text').text == 'a'


def test_text_of_any_kind_is_made_writable():
    assert clean_text('a\nb\x00\ud800') == 'a b\ufffd\ufffd'
    assert [clean_text('0123456789', most) for most in (4, 5, 10)] == ['01\u20269', '01\u202689', '0123456789']
