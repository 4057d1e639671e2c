"""Explanation of a match in one sentence and as bars, both from the same evidence shares."""

from collections.abc import Mapping

from ifd_zoo.page.html import render

NAMES = {'head': 'head and hair', 'skin': 'other skin', 'clothing': 'clothing', 'background': 'background'}
"""Display names of the regions of `evidence_shares`."""
WHAT = 'Evidence is what raises the similarity; a model that sees the whole photo also finds it on clothes and places.'
NO_EVIDENCE = 'No part of the photo raises the similarity, so there is no evidence to show.'


def explain_match(shares: Mapping[str, float]) -> str:
    """Describe in Markdown where the evidence lies, and whether the person or the clothes have more of it.

    Args:
        shares: as from `evidence_shares`; empty if nothing raises the similarity.
    """
    if not shares:
        return NO_EVIDENCE
    parts = {'head and skin': shares['head'] + shares['skin'], 'clothing': shares['clothing']}
    (more, high), (less, low) = sorted(parts.items(), key=lambda part: -part[1])
    background = shares['background']
    told = f'on {more} ({_percent(high)}) than on {less} ({_percent(low)})'
    if background > high:
        most = 'Most of the evidence' if background > 0.5 else 'The largest part of the evidence'
        lies = f'{most} ({_percent(background)}) lies on the background, which says little about the person'
        return f'{lies}; there is more of it {told}. {WHAT}'
    return f'More of the evidence lies {told}; {_percent(background)} lies on the background. {WHAT}'


def bars(title: str, shares: Mapping[str, float]) -> str:
    """Render one bar per region as HTML; empty if there is no evidence."""
    rows = [(NAMES[name], share, _percent(share)) for name, share in shares.items()]
    return render('bars', title=title, rows=rows) if rows else ''


def _percent(share: float) -> str:
    return f'{100 * share:.0f} %'
