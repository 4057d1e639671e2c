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
    """Commit of the repository after the push."""
    url: str
    changed: bool
    """False if the Hub had all files already."""


def repo_name(folder: str | Path, organisation: str | None = None, name: str | None = None) -> str:
    """Return the `org/name` under which a release is published.

    Args:
        folder: of the release.
        organisation: an organisation or user; default: the environment variable IFD_HUB_ORG.
        name: default: `architecture.tag`; for a parser `parser_backbone`, with `.tag` if its config.json has one.

    Raises:
        ReleaseError: no organisation is given.
        LoadError: config.json is missing or damaged.
    """
    organisation = organisation or os.environ.get(ORGANISATION)
    if not organisation:
        raise ReleaseError(f'no organisation to publish in: give --org NAME, or set {ORGANISATION}')
    return f'{organisation}/{name or _name(Path(folder))}'


def push_release(folder: str | Path, repo: str, public: bool = False) -> Pushed:
    """Check a release and upload it to the Hub; files that are there already are not sent again.

    Args:
        folder: of the release.
        repo: `org/name`, created if missing.
        public: make a new repository public; an existing one stays as it is.

    Raises:
        ReleaseError: the release fails the check, or the Hub refuses it; one line says why.
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
    except (*HUB_ERRORS, RuntimeError) as error:  # RuntimeError: a failed upload, with the reason as its cause
        cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error
        raise ReleaseError(f'{repo}: {explain(cause, repo)}') from error
    return Pushed(repo, commit.oid, str(commit.commit_url), commit.oid != before)


def _stage(folder: Path, staging: Path, repo: str) -> None:
    """Link the files of a release in `staging`, with the repository's name for the placeholder in the card."""
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
        return None  # just created, and not known yet to every server of the Hub


def list_files(folder: str | Path) -> list[tuple[str, int]]:
    """Return name and size in bytes of every file that would be published.

    Raises:
        ReleaseError: a file is missing.
    """
    folder = Path(folder).expanduser()
    missing = [name for name in RELEASE_FILES if not (folder / name).is_file()]
    if missing:
        raise ReleaseError(f'{folder}: no {", ".join(missing)}; `python -m ifd_zoo.hub save` makes a complete release')
    return [(name, (folder / name).stat().st_size) for name in RELEASE_FILES]
