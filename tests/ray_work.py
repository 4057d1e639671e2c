"""Work for the tests of Ray, which its actors import."""

import os
import signal
import time
from pathlib import Path
from typing import NamedTuple


class Unequal(NamedTuple):
    """Squares of numbers, and who has computed them. Of the processes the first one to come is slow, or is killed."""

    folder: Path
    fault: str
    """`slow`: waits until the others have done all that was not given to it; `killed`: as it is asked again."""
    total: int

    def __call__(self, numbers):
        try:
            (self.folder / 'first').mkdir()
            (self.folder / 'odd').write_text(str(os.getpid()))
        except FileExistsError:
            pass
        if self.process() == os.getpid():
            self._fail()
        for number in numbers:
            (self.folder / f'done-{number}').touch()
        return [(number**2, os.getpid()) for number in numbers]

    def process(self):
        """Of the odd one; 0 while it is not known."""
        odd = self.folder / 'odd'
        return int(odd.read_text() or 0) if odd.exists() else 0

    def _fail(self):
        if self.fault == 'killed' and (self.folder / 'asked').exists():
            os.kill(os.getpid(), signal.SIGKILL)
        (self.folder / 'asked').touch()
        while self.fault == 'slow' and len(list(self.folder.glob('done-*'))) < self.total - 2:
            time.sleep(0.05)
