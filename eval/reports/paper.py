"""Metrics reported in the paper, for comparison with ours. None of them was measured here."""

from collections.abc import Collection

TABLE_I_SOURCE = 'Table I of arXiv:2501.05851'
TABLE_I_COLUMNS = (('prcc', 'sc'), ('prcc', 'cc'), ('ltcc', 'general'), ('ltcc', 'cc'))
"""Data set reader and mode of each column."""
TABLE_I: dict[tuple[str, str], tuple[tuple[float | None, float | None], ...]] = {
    ('PCB', 'RGB'): ((99.8, 97.0), (41.8, 38.7), (65.1, 30.6), (23.5, 10.0)),
    ('IANet', 'RGB'): ((99.4, 98.3), (46.3, 45.9), (63.7, 31.0), (25.0, 12.6)),
    ('SPT+ASE', 'sketch'): ((64.2, None), (34.4, None), (None, None), (None, None)),
    ('CESD', 'RGB+pose'): ((None, None), (None, None), (71.4, 34.3), (26.2, 12.4)),
    ('RCSANet', 'RGB'): ((100.0, 97.2), (50.2, 48.6), (None, None), (None, None)),
    ('AFD-Net', 'RGB+aug'): ((95.7, None), (42.8, None), (None, None), (None, None)),
    ('FASM', 'RGB+pos+sil'): ((98.8, None), (54.5, None), (73.2, 40.8), (38.5, 16.2)),
    ('GI-ReID', 'RGB+sil'): ((80.0, None), (33.3, None), (63.2, 29.4), (23.7, 10.4)),
    ('CAL', 'RGB'): ((100.0, 99.8), (55.2, 55.8), (74.2, 40.8), (40.1, 18.0)),
    ('3DSL', 'RGB+3D'): ((None, None), (51.3, None), (None, None), (31.2, 14.8)),
    ('3DInvarReID', 'RGB+3D'): ((None, None), (51.6, 52.5), (None, None), (37.8, 16.7)),
    ('AIM', 'RGB'): ((100.0, 99.9), (57.9, 58.3), (76.3, 41.1), (40.6, 19.1)),
    ('CCFA', 'RGB+aug'): ((99.6, 98.7), (61.2, 58.4), (75.8, 42.5), (45.3, 22.1)),
    ('IFD', 'RGB+parsing'): ((99.0, 98.2), (65.3, 61.7), (81.4, 65.3), (64.3, 42.3)),
}
"""Maps method and modality to rank-1 and mAP in percent per TABLE_I_COLUMNS; None where the paper has a dash."""
UNVERIFIED = {('IFD', 'ltcc'): 'paper, unverified'}
"""Rows to read with care: far above every other published ResNet-50 result."""
REMARKS = {
    'prcc': 'The paper does not say which images of camera A form its gallery. With one image per person, mAP is never '
    'below rank-1, so rows in which it is use more than one.',
}
"""Maps a data set to a note on its columns."""


def reference(data: str, modes: Collection[str]) -> dict:
    """Return the paper's Table I for a data set, as JSON values.

    Args:
        data: name of the reader.
        modes: measured modes; others are left out.

    Returns:
        `source`, `modes`, `remark`, and `rows` with `method`, `modality` and `figures` (mode to `rank1` and `mAP` in
        percent, None where the paper has none). Empty if the table has no such metrics.
    """
    columns = [i for i, (name, mode) in enumerate(TABLE_I_COLUMNS) if name == data and mode in modes]
    rows = []
    for (method, modality), figures in TABLE_I.items():
        if any(value is not None for column in columns for value in figures[column]):
            mark = UNVERIFIED.get((method, data))
            by_mode = {
                TABLE_I_COLUMNS[column][1]: dict(zip(('rank1', 'mAP'), figures[column], strict=True))
                for column in columns
            }
            name = f'{method} ({mark})' if mark else method
            rows.append({'method': name, 'modality': modality, 'figures': by_mode})
    if not rows:
        return {}
    shown = [TABLE_I_COLUMNS[column][1] for column in columns]
    return {'source': TABLE_I_SOURCE, 'modes': shown, 'remark': REMARKS.get(data, ''), 'rows': rows}
