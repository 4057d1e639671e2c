"""The page by the client of gradio, as programs use it."""

from gradio_client import Client


def connect(url, downloads, **options):
    """A client whose files go to a folder.

    It verifies no certificates, of which a page on this machine has none: reading those of all authorities, as each of
    its requests would, takes longer than most answers.
    """
    return Client(url, verbose=False, ssl_verify=False, download_files=str(downloads), **options)
