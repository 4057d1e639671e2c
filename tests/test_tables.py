"""Tables come back as they were written, and hold nothing that a spreadsheet would run."""

import csv

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ifd_zoo.common.tables import markdown_table, read_table, write_table


def cells(path):
    """As a spreadsheet sees them."""
    with open(path, newline='', encoding='utf-8') as file:
        return [row[0] for row in csv.reader(file)][1:]


FORMULAS = ['=1+1', '+1+1', '-1+1', '@SUM(A1)', '\t=1', '\r=1', '-', '\t1', "'=1", '- 1', '-a.jpg']
OTHERS = ['-0.1250', '+3', '-1e-05', -0.5, -7, 'a=b', "it's", "'quoted'", '', ' -1']


def test_only_text_that_could_be_a_formula_is_marked_as_text(tmp_path):
    write_table(tmp_path / 'a.csv', ['head'], [(value, 'more') for value in FORMULAS + OTHERS])
    assert cells(tmp_path / 'a.csv') == [*(f"'{text}" for text in FORMULAS), *map(str, OTHERS)]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(*[st.text(st.sampled_from('\'=+-@\t\r\n1a,"'), max_size=5)] * 2), max_size=4))
def test_rows_come_back_as_they_were_written(rows, tmp_path):
    write_table(tmp_path / 'a.csv', ['=first', 'second'], rows)
    assert [tuple(row.values()) for row in read_table(tmp_path / 'a.csv')] == rows
    assert not any(text.startswith(('=', '@', '\t', '\r')) for text in cells(tmp_path / 'a.csv'))


def test_a_markdown_table_has_a_rule_below_its_head():
    assert markdown_table([('a', ''), (1, 'b c')]) == '| a |  |\n|---|---|\n| 1 | b c |'
