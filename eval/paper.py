"""Figures that the paper reports, to stand beside ours. None of them was measured here."""

SOURCE = 'Table II of arXiv:2501.05851'
SETTING = 'ResNet-50, on PRCC and LTCC'

TABLE_II: dict[str, dict[str, dict[str, float]]] = {
    'baseline': {'PRCC cc': {'rank1': 24.3, 'mAP': 11.2}, 'LTCC cc': {'rank1': 16.4, 'mAP': 9.2}},
    'ikt': {'PRCC cc': {'rank1': 50.3, 'mAP': 49.2}, 'LTCC cc': {'rank1': 50.7, 'mAP': 24.6}},
    'cbd': {'PRCC cc': {'rank1': 51.2, 'mAP': 45.3}, 'LTCC cc': {'rank1': 49.6, 'mAP': 23.4}},
    'ifd_cl': {'PRCC cc': {'rank1': 58.9, 'mAP': 52.3}, 'LTCC cc': {'rank1': 57.8, 'mAP': 30.6}},
    'ifd': {'PRCC cc': {'rank1': 65.3, 'mAP': 61.7}, 'LTCC cc': {'rank1': 64.3, 'mAP': 42.3}},
}
"""Variant to data set and mode to figures in percent. The paper gives no spread and no number of seeds."""
