"""Publish a release on the Hub."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from huggingface_hub import HfApi
from huggingface_hub.errors import RepositoryNotFoundError

from ifd_zoo.hub.check import check_release
from ifd_zoo.hub.kinds import read_release
from ifd_zoo.releases.files import CARD, ORGANISATION, RELEASE_FILES, ReleaseError
from ifd_zoo.releases.remote import HUB_ERRORS, explain


class Pushed(NamedTuple):
    repo: str
    commit: str
    """Commit of the repository afterwards."""
    url: str
    changed: bool
    """False when the Hub had all of it already."""


def repo_name(folder: str | Path, organisation: str | None = None, name: str | None = None) -> str:
    """`org/name` that a release is published as.

    Args:
        folder: of the release.
        organisation: an organisation or user; by default the environment variable IFD_HUB_ORG.
        name: by default `architecture.tag`; of a parser `parser_backbone`, with `.tag` if its config.json has one.

    Raises:
        ReleaseError: no organisation is given.
        LoadError: config.json is missing or damaged.
    """
    organisation = organisation or os.environ.get(ORGANISATION)
    if not organisation:
        raise ReleaseError(f'no organisation to publish in: give --org NAME, or set {ORGANISATION}')
    return f'{organisation}/{name or _name(Path(folder))}'


def push_release(folder: str | Path, repo: str, public: bool = False) -> Pushed:
    """Check a release and put it on the Hub; what is there already is not sent again.

    Args:
        folder: of the release.
        repo: `org/name`, made when missing.
        public: of a repository that is made now; one that exists stays as it is.

    Raises:
        ReleaseError: the release is not in order, or the Hub does not take it; one line says why.
        LoadError, ParserError: the network cannot be loaded.
    """
    folder = Path(folder).expanduser()
    check_release(folder)
    api = HfApi(library_name='ifd_zoo')
    try:
        api.create_repo(repo, private=not public, exist_ok=True)
        before = _head(api, repo)
        with TemporaryDirectory() as staging:
            _stage(folder, Path(staging), repo)
            message = f'Release {repo.split("/")[1]}'
            commit = api.upload_folder(repo_id=repo, folder_path=staging, commit_message=message)
    except (*HUB_ERRORS, RuntimeError) as error:  # RuntimeError: an upload that failed, the reason is its cause
        cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error
        raise ReleaseError(f'{repo}: {explain(cause, repo)}') from error
    return Pushed(repo, commit.oid, str(commit.commit_url), commit.oid != before)


def _stage(folder: Path, staging: Path, repo: str) -> None:
    """Link the files of a release; the card has the repository's name where the folder's card has a placeholder."""
    for name in {*RELEASE_FILES} - {CARD}:
        (staging / name).symlink_to((folder / name).resolve())
    (staging / CARD).write_text((folder / CARD).read_text().replace(f'ORG/{_name(folder)}', repo))


def _name(folder: Path) -> str:
    kind, config = read_release(folder)
    return kind.name(config)


def _head(api: HfApi, repo: str) -> str | None:
    try:
        return api.model_info(repo).sha
    except RepositoryNotFoundError:
        return None  # made a moment ago, and not there yet on every machine of the Hub


def list_files(folder: str | Path) -> list[tuple[str, int]]:
    """Name and size in bytes of every file that would be published.

    Raises:
        ReleaseError: one is missing.
    """
    folder = Path(folder).expanduser()
    missing = [name for name in RELEASE_FILES if not (folder / name).is_file()]
    if missing:
        raise ReleaseError(f'{folder}: no {", ".join(missing)}; `python -m ifd_zoo.hub save` makes a whole release')
    return [(name, (folder / name).stat().st_size) for name in RELEASE_FILES]
