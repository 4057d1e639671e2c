"""What the README files promise: links that lead somewhere, and commands with flags that exist."""

import re
import shlex
import sys

import pytest

from ifd_zoo.common.cli import ArgumentParser
from tests.test_commands import COMMANDS, REPOSITORY, as_called, main_of

ROOMS = ('train', 'eval', 'ifd_zoo', 'tests')
PAGES = [REPOSITORY / 'README.md', *(page for room in ROOMS for page in sorted((REPOSITORY / room).rglob('README.md')))]
STARTS = {' '.join(as_called(command)): command for command in COMMANDS}


def documented(page):
    """Commands of ours in indented lines, with what may be left out and without what stands for more of a kind."""
    text = re.sub(r' *\\\n *', ' ', page.read_text())
    for line in re.findall(r'^ {4}(.*)$', text, re.MULTILINE):
        line = re.sub(r' +# .*', '', line)
        line = re.sub(r'(\w)\|[\w|]+', r'\1', line.replace('[', '').replace(']', '')).replace(' ...', '')
        for start, command in STARTS.items():
            if match := re.search(rf'(?:^| ){re.escape(start)}(?= |$)', line):
                yield command, line[match.end() :]


DOCUMENTED = sorted({pair for page in PAGES for pair in documented(page)})


def test_the_readme_files_show_most_commands():
    assert len(DOCUMENTED) > 25 and len({command for command, _ in DOCUMENTED}) > len(COMMANDS) / 2


@pytest.mark.parametrize('command, flags', DOCUMENTED, ids=''.join)
def test_a_documented_command_is_understood(command, flags, monkeypatch):
    parse = ArgumentParser.parse_args

    def parse_and_end(self, argv):
        parse(self, argv)
        sys.exit(0)

    monkeypatch.setattr(ArgumentParser, 'parse_args', parse_and_end)
    with pytest.raises(SystemExit) as end:
        main_of(command)(shlex.split(flags))
    assert end.value.code == 0


@pytest.mark.parametrize('page', PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page):
    links = re.findall(r'\]\(([^)\s]+)\)', page.read_text())
    own = [link for link in links if not re.match(r'https?:', link)]
    assert [link for link in own if not (page.parent / link.partition('#')[0]).exists()] == []
    for link in own:
        place, _, heading = link.partition('#')
        if heading:
            titles = re.findall(r'^#+ (.*)$', (page.parent / place).read_text(), re.MULTILINE)
            assert heading in [re.sub(r'[^\w\- ]', '', title.lower()).replace(' ', '-') for title in titles]
