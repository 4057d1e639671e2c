"""CMC, mAP and mINP under the protocols of clothing-change re-ID."""

from typing import NamedTuple

import numpy as np

RANKS = (1, 5, 10)


class Judgement(NamedTuple):
    relevant: np.ndarray
    """(Q, G) bool: gallery images that are a right answer."""
    junk: np.ndarray
    """(Q, G) bool: gallery images taken out of the ranking."""


def judge(
    q_pids: np.ndarray,
    g_pids: np.ndarray,
    q_camids: np.ndarray,
    g_camids: np.ndarray,
    q_clothes: np.ndarray,
    g_clothes: np.ndarray,
    mode: str,
) -> Judgement:
    """Which gallery images count for which query.

    | mode | relevant | junk |
    |---|---|---|
    | general | same pid, other camera | same pid and camera |
    | cc | same pid, other camera, other outfit | same pid and (same camera or same outfit) |
    | sc | same pid, other camera, same outfit | same pid and (same camera or other outfit) |

    Raises:
        ValueError: another mode.
    """
    same_pid = np.asarray(q_pids)[:, None] == np.asarray(g_pids)[None, :]
    same_camera = np.asarray(q_camids)[:, None] == np.asarray(g_camids)[None, :]
    same_outfit = np.asarray(q_clothes)[:, None] == np.asarray(g_clothes)[None, :]
    if mode == 'general':
        wrong = same_camera
    elif mode == 'cc':
        wrong = same_camera | same_outfit
    elif mode == 'sc':
        wrong = same_camera | ~same_outfit
    else:
        raise ValueError(f'mode must be general, cc or sc, got {mode!r}')
    return Judgement(same_pid & ~wrong, same_pid & wrong)


def evaluate(
    similarity: np.ndarray,
    q_pids: np.ndarray,
    g_pids: np.ndarray,
    q_camids: np.ndarray,
    g_camids: np.ndarray,
    q_clothes: np.ndarray,
    g_clothes: np.ndarray,
    mode: str,
) -> dict[str, float | int]:
    """Figures of one protocol.

    Args:
        similarity: (Q, G), larger is more alike. Ties keep the gallery's order.
        q_pids, g_pids, q_camids, g_camids, q_clothes, g_clothes: labels, (Q,) and (G,).
        mode: general, cc or sc, see `judge`.

    Returns:
        rank1, rank5, rank10, mAP and mINP in percent, and valid_queries: queries with a relevant gallery image; the
        others are left out. All figures are nan when there is none.

    Raises:
        ValueError: unknown mode, shapes that do not fit, or a similarity that is not finite.
    """
    similarity = np.asarray(similarity)
    if similarity.shape != (len(q_pids), len(g_pids)):
        expected = f'{len(q_pids)} queries and {len(g_pids)} gallery images'
        raise ValueError(f'similarity of shape {similarity.shape} for {expected}')
    if not np.isfinite(similarity).all():
        raise ValueError('similarity holds values that are not finite')
    relevant, junk = judge(q_pids, g_pids, q_camids, g_camids, q_clothes, g_clothes, mode)
    results = [
        _rank_one_query(row, hits, dropped)
        for row, hits, dropped in zip(similarity, relevant, junk, strict=True)
        if hits.any()
    ]
    figures = np.array(results).reshape(-1, len(RANKS) + 2)
    means = 100 * figures.mean(0) if len(figures) else np.full(figures.shape[1], np.nan)
    names = [*(f'rank{rank}' for rank in RANKS), 'mAP', 'mINP']
    return {**{name: float(mean) for name, mean in zip(names, means, strict=True)}, 'valid_queries': len(results)}


def _rank_one_query(similarity: np.ndarray, relevant: np.ndarray, junk: np.ndarray) -> tuple[float, ...]:
    """Found within each of RANKS, average precision (no interpolation), inverse negative penalty (Ye et al. 2021)."""
    order = np.argsort(-similarity, kind='stable')
    hits = np.flatnonzero(relevant[order[~junk[order]]]) + 1  # ranks of the right answers, from 1
    precision = np.arange(1, len(hits) + 1) / hits
    return *(float(hits[0] <= rank) for rank in RANKS), precision.mean(), len(hits) / hits[-1]
