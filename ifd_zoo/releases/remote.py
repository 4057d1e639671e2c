"""Download of `hf-hub:org/name[@revision]` to a folder on this machine, with one clear line per error."""

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from huggingface_hub import HfApi, constants, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HTTPError,  # of httpx or httpx2, by installed version; raised by failed connections
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from ifd_zoo.common.errors import first_line
from ifd_zoo.releases.files import CONFIG, PREFIX, WEIGHTS, LoadError

HUB_ERRORS = (HTTPError, OSError, ValueError)
"""Errors that huggingface_hub raises for connections, responses, the disk, and names of repositories."""

ODD_ANSWERS = (AssertionError, AttributeError, KeyError, TypeError)
"""Errors that huggingface_hub raises if a response is not in the format of a Hub."""

COMMIT = re.compile('[0-9a-f]{40}')


def fetch(source: str, files: Iterable[str] = (CONFIG, WEIGHTS)) -> Path:
    """Return a folder with these files of a repository, from the Hub or, without a network, from the cache.

    Args:
        source: `hf-hub:org/name`, or `hf-hub:org/name@revision` with a branch, a tag or a commit.
        files: names or patterns; files that the repository does not have are skipped.

    Raises:
        LoadError: the repository is unavailable; one line says why.
    """
    repo, _, revision = source.removeprefix(PREFIX).partition('@')
    try:
        if not COMMIT.fullmatch(revision):
            _check_answer(repo, revision)
        return Path(snapshot_download(repo, revision=revision or None, allow_patterns=list(files)))
    except LoadError as error:
        raise LoadError(f'{source}: {error}') from error
    except HUB_ERRORS as error:
        raise LoadError(f'{source}: {explain(error, repo)}') from error
    except ODD_ANSWERS as error:
        reason = f'{type(error).__name__}: {first_line(error)}'
        raise LoadError(f'{source}: {constants.ENDPOINT} does not answer like a Hub ({reason})') from error


def _check_answer(repo: str, revision: str) -> None:
    """Refuse names that lead out of the cache: huggingface_hub makes paths of revisions, commits and file names.

    Raises:
        LoadError: the revision, or the commit or a file name that the Hub gives for it, is not safe in a path.
    """
    if _leads_out(revision):
        raise LoadError(f'{revision!r} is not a revision: give a branch, a tag or a commit')
    try:
        info = HfApi().model_info(repo, revision=revision or None)
    except HUB_ERRORS:  # the download tries the cache, and reports the error if that is empty
        return
    if not isinstance(info.sha, str) or not COMMIT.fullmatch(info.sha):
        raise LoadError(f'the Hub at {constants.ENDPOINT} gives {str(info.sha)[:80]!r} as its commit: not fetched')
    odd = [file.rfilename for file in info.siblings or () if _leads_out(file.rfilename)]
    if odd:
        raise LoadError(f'has a file named {odd[0][:80]!r}, which leads out of its folder: not fetched')


def _leads_out(name: str) -> bool:
    return any(path.is_absolute() or '..' in path.parts for path in (PurePosixPath(name), PureWindowsPath(name)))


def explain(error: Exception, repo: str) -> str:
    """Explain an error of huggingface_hub in one line: what it means and what to do.

    Args:
        error: one of HUB_ERRORS.
        repo: `org/name`.
    """
    if isinstance(error, LocalEntryNotFoundError):
        if error.__cause__ is None:
            return f'{repo} is not in the cache {constants.HF_HUB_CACHE}'
        error = error.__cause__
    if isinstance(error, OfflineModeIsEnabled):
        return f'HF_HUB_OFFLINE is set, and {repo} is not in the cache {constants.HF_HUB_CACHE}'
    if isinstance(error, RevisionNotFoundError):
        return f'{repo} has no such revision'
    if isinstance(error, GatedRepoError):
        return f'{repo} is gated: accept its terms on its page, then give your token with `hf auth login` or HF_TOKEN'
    response = getattr(error, 'response', None)
    status = getattr(response, 'status_code', None)
    if isinstance(error, RepositoryNotFoundError) or status == 404 or (status == 401 and _is_hidden(response)):
        return f'the Hub has no {repo}, or it is private: check the name, or give a token (`hf auth login`, HF_TOKEN)'
    if status is not None:
        return _explain_status(status, repo)
    if isinstance(error, HTTPError | ConnectionError):
        return f'the Hub at {constants.ENDPOINT} cannot be reached ({first_line(error)})'
    return first_line(error)


def _is_hidden(response: Any) -> bool:
    """Return whether a 401 means a private or missing repository, requested without a token.

    huggingface_hub detects this case itself, but not for a Hub without https.
    """
    refused = 'Invalid credentials' in response.headers.get('X-Error-Message', '')
    return '/api/models/' in str(response.request.url) and not refused


def _explain_status(status: int, repo: str) -> str:
    if status == 401:
        return 'the Hub refused the token, or there is none (401): `hf auth login`, or set HF_TOKEN'
    if status == 403:
        return f'the token does not allow this for {repo} (403): it needs write access to {repo.split("/")[0]}'
    if status >= 500:
        return f'the Hub at {constants.ENDPOINT} has an internal error ({status}); try again later'
    return f'the Hub at {constants.ENDPOINT} answered with status {status}'
