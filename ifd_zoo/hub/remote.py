"""From `hf-hub:org/name[@revision]` to a folder on this machine, with one clear line for whatever goes wrong."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from huggingface_hub import constants, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HTTPError,  # of httpx or httpx2, as the installed version has it: what a failed connection raises
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from ifd_zoo.hub.files import CONFIG, PREFIX, WEIGHTS, LoadError

HUB_ERRORS = (HTTPError, OSError, ValueError)
"""What huggingface_hub raises: of the connection, of the answer and of the disk, of the name of a repository."""


def fetch(source: str, files: Iterable[str] = (CONFIG, WEIGHTS)) -> Path:
    """A folder with these files of a repository, as they are on the Hub; without a network as they are in the cache.

    Args:
        source: `hf-hub:org/name`, or `hf-hub:org/name@revision` with a branch, a tag or a commit.
        files: names or patterns; the repository need not have all of them.

    Raises:
        LoadError: the repository cannot be had; one line says why.
    """
    repo, _, revision = source.removeprefix(PREFIX).partition('@')
    try:
        return Path(snapshot_download(repo, revision=revision or None, allow_patterns=list(files)))
    except HUB_ERRORS as error:
        raise LoadError(f'{source}: {explain(error, repo)}') from error


def explain(error: Exception, repo: str) -> str:
    """What an error of huggingface_hub means and what to do, in one line.

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
        return f'the Hub at {constants.ENDPOINT} cannot be reached ({_first_line(error)})'
    return _first_line(error)


def _is_hidden(response: Any) -> bool:
    """Whether a 401 is how the Hub answers strangers who ask for a private or missing repository.

    huggingface_hub tells that apart itself, but not for a Hub without https.
    """
    refused = 'Invalid credentials' in response.headers.get('X-Error-Message', '')
    return '/api/models/' in str(response.request.url) and not refused


def _explain_status(status: int, repo: str) -> str:
    if status == 401:
        return 'the Hub refused the token, or there is none (401): `hf auth login`, or set HF_TOKEN'
    if status == 403:
        return f'the token does not allow this for {repo} (403): it needs write access to {repo.split("/")[0]}'
    if status >= 500:
        return f'the Hub at {constants.ENDPOINT} has an error of its own ({status}); try again later'
    return f'the Hub at {constants.ENDPOINT} answered with status {status}'


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def list_cached() -> list[str]:
    """`hf-hub:org/name` of every IFD model in the cache of the Hub, sorted; reads no network."""
    names = []
    for config in sorted(Path(constants.HF_HUB_CACHE).glob(f'models--*/snapshots/*/{CONFIG}')):
        if (config.parent / WEIGHTS).exists() and _architecture(config).startswith('ifd_'):
            names.append(PREFIX + config.parents[2].name.removeprefix('models--').replace('--', '/', 1))
    return sorted(set(names))


def _architecture(config: Path) -> str:
    try:
        content = json.loads(config.read_text())
    except (OSError, ValueError):
        return ''  # somebody else's repository
    return str(content.get('architecture', '')) if isinstance(content, dict) else ''
