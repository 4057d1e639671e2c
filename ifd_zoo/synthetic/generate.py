"""Generation of a set, new or resumed: settings, images, copies, table, sheets and data card."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ifd_zoo.common.files import replacing
from ifd_zoo.synthetic import GENERATOR_VERSION
from ifd_zoo.synthetic.card import CARD, PEOPLE_SHEET, REALISM_SHEET, SHEET, write_card
from ifd_zoo.synthetic.flags import flag, flatten
from ifd_zoo.synthetic.metadata import Row, append_rows, read_rows, write_rows
from ifd_zoo.synthetic.plan import Plan, Settings, SettingsError, Shot, plan_set
from ifd_zoo.synthetic.pool import Pool
from ifd_zoo.synthetic.sheet import QUALITY, contact_sheet, people_sheet, realism_sheet, spread
from ifd_zoo.synthetic.writer import remove_leftovers, write_jpeg

SETTINGS, TEXTURES = 'settings.json', '.textures'
NOT_HASHED = ('__main__', 'card', 'flags', 'generate', 'metadata', 'pool', 'sheet', 'statistics', 'worker')
"""Modules that do not affect the pixels."""

SHEET_IMAGES, SHEET_PEOPLE, SHEET_OUTFITS, SHEET_VIEWS, REALISM_IMAGES = 48, 8, 4, 4, 10


@dataclass(frozen=True)
class Generation:
    """Generation of a set in a folder.

    Args:
        settings: of the set.
        root: its folder; created if missing.
        workers: number of processes that render.
    """

    settings: Settings
    root: Path
    workers: int = 1

    def run(self, only: Sequence[str] = ()) -> str:
        """Render what is missing; return a one-line summary.

        Args:
            only: IDENTITY, IDENTITY/OUTFIT or IDENTITY/OUTFIT/VIEW: render just these, even if they exist.

        Raises:
            SettingsError: the folder holds a set with other settings, or `only` matches nothing in this one.
            GenerationError: an image cannot be rendered.
            OSError: a file cannot be read or written.
        """
        chosen = self._choose(only)
        self._claim_folder()
        rows = read_rows(self.root)
        todo = [shot for shot in chosen if only or not self._is_done(shot, rows)]
        with Pool(self.settings, self.workers, self.root / TEXTURES) as pool:
            self._draw(pool, todo, rows)
            self._copy(rows)
            there = {shot.image: rows[shot.image] for shot in self._all_shots if self._is_done(shot, rows)}
            write_rows(self.root, there)
            if len(there) == len(self._all_shots):
                self._finish(pool, there)
        remove_leftovers(self.root)
        return f'{self.root}: {len(there)} of {len(self._all_shots)} images, {len(todo)} drawn now'

    @cached_property
    def _plan(self) -> Plan:
        return plan_set(self.settings)

    @cached_property
    def _all_shots(self) -> tuple[Shot, ...]:
        return (*self._plan.shots, *(copy for _, copy in self._plan.copies))

    def _choose(self, only: Sequence[str]) -> list[Shot]:
        if not only:
            return list(self._plan.shots)
        chosen: dict[Shot, None] = {}
        for key in only:
            found = [shot for shot in self._plan.shots if f'{shot.key}/'.startswith(f'{key.strip("/")}/')]
            if not found:
                raise SettingsError(
                    f'--only {key}: no such image in this set; give IDENTITY, IDENTITY/OUTFIT or '
                    'IDENTITY/OUTFIT/VIEW, as in the path query/IDENTITY/OUTFIT/c<camera>_VIEW.jpg'
                )
            chosen |= dict.fromkeys(found)
        return [shot for shot in self._plan.shots if shot in chosen]

    def _claim_folder(self) -> None:
        """Write the settings, or check that they match those in the folder."""
        settings = describe_settings(self.settings)
        path = self.root / SETTINGS
        if path.is_file():
            require_same(path, settings)
            return
        if self.root.is_dir() and any(not entry.name.startswith('.') for entry in self.root.iterdir()):
            raise SettingsError(f'{self.root}: holds other files; give --output a new folder')
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(settings, indent=2) + '\n')

    def _is_done(self, shot: Shot, rows: dict[str, Row]) -> bool:
        paths = (self.root / shot.image, self.root / shot.label_map)
        return shot.image in rows and all(path.is_file() and path.stat().st_size for path in paths)

    def _draw(self, pool: Pool, shots: Sequence[Shot], rows: dict[str, Row]) -> None:
        with tqdm(total=len(shots), desc='drawing', unit=' images', disable=not shots) as bar:
            for done in pool.make(self.root, shots):
                append_rows(self.root, done)
                rows |= {row['file']: row for row in done}
                bar.update(len(done))

    def _copy(self, rows: dict[str, Row]) -> None:
        """Link the images of the standard test into the test with look-alikes."""
        for shot, copy in self._plan.copies:
            if self._is_done(shot, rows):
                for source, target in ((shot.image, copy.image), (shot.label_map, copy.label_map)):
                    link_or_copy(self.root / source, self.root / target)
                rows[copy.image] = {**rows[shot.image], 'file': copy.image, 'split': copy.split}

    def _finish(self, pool: Pool, rows: dict[str, Row]) -> None:
        """Write the sheets and the card."""
        shots = self._plan.shots
        write_jpeg(self.root / SHEET, contact_sheet(self.root, spread(shots, SHEET_IMAGES)), QUALITY)
        write_jpeg(self.root / PEOPLE_SHEET, people_sheet(self.root, _by_person_and_outfit(shots)), QUALITY)
        pool.call(realism_sheet, self.root / REALISM_SHEET, spread(shots, REALISM_IMAGES))
        write_card(self.root / CARD, self.settings, list(rows.values()))


def describe_settings(settings: Settings) -> dict[str, Any]:
    """Return everything that determines the images, as JSON stores it."""
    code = hashlib.sha256()
    folder = Path(__file__).parent
    for path in sorted(folder.rglob('*.py')):
        if path.stem not in NOT_HASHED:
            code.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    # The round trip turns tuples into lists, as in the file.
    return json.loads(json.dumps({'generator': GENERATOR_VERSION, 'code': code.hexdigest()[:12], **asdict(settings)}))


def require_same(path: Path, settings: dict[str, Any]) -> None:
    """Raise SettingsError if the settings in the file differ."""
    try:
        found = flatten(json.loads(path.read_text()))
    except (ValueError, AttributeError, LookupError, TypeError) as error:
        raise SettingsError(f'{path}: is damaged ({error}); give another --output or remove this folder') from error
    wanted = flatten(settings)
    for name in sorted(found.keys() | wanted.keys()):
        if found.get(name) != wanted.get(name):
            if name in ('generator', 'code'):
                what = f'made by another version of the generator ({name} {found.get(name)}, now {wanted.get(name)})'
            else:
                what = f'made with {flag(name, found.get(name))}, not with {flag(name, wanted.get(name))}'
            raise SettingsError(f'{path}: the set here was {what}; give another --output or remove this folder')


def link_or_copy(source: Path, target: Path) -> None:
    """Hard-link `target` to `source`, or copy the file where the file system has no hard links."""
    if target.is_file() and target.samefile(source):
        return
    with replacing(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)


def _by_person_and_outfit(shots: Iterable[Shot]) -> list[list[list[Shot]]]:
    people: dict[int, dict[int, list[Shot]]] = {}
    for shot in shots:
        people.setdefault(shot.identity, {}).setdefault(shot.outfit, []).append(shot)
    chosen = list(people.values())[:SHEET_PEOPLE]
    return [[views[:SHEET_VIEWS] for views in list(outfits.values())[:SHEET_OUTFITS]] for outfits in chosen]
