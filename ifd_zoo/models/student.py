"""Student of IFD: the main stream, with a small head that computes W_I from the feature map of that stream.

In training it learns where identity is from an IFD that sees the clothing-masked image (`train/methods/student.py`);
afterwards it needs neither a parser nor a second stream. Attention learnt from parsing was tried before for
clothing-change re-identification: DeSKPro (Wu et al., ICIP 2022, arXiv:2208.12023).
"""

import torch
from torch import Tensor, nn

from ifd_zoo.models.baseline import Baseline


class AttentionHead(nn.Module):
    """W_I from the feature map that it weights, by one convolution.

    Args:
        num_features: channels C of the feature map.
        kernel_size: side of the convolution, odd.
    """

    def __init__(self, num_features: int, kernel_size: int = 7) -> None:
        super().__init__()
        self.conv = nn.Conv2d(num_features, 1, kernel_size, padding=kernel_size // 2)

    def forward(self, maps: Tensor) -> Tensor:
        return torch.sigmoid(self.conv(maps))  # W_I (B, 1, h, w)


class Student(Baseline):
    """The main stream and its attention head.

    Args:
        backbone, num_classes, in_chans, pool, last_stride, neck_affine, clothing_resize, clothing_normalize: as for
            `Baseline`.
        cbd: include the clothing bias diminishing module, which reads F_rg.
        ikt_kernel: side of the attention head's convolution, odd.
    """

    gives_attention = True

    def __init__(
        self,
        backbone: str = 'resnet50.tv_in1k',
        num_classes: int = 0,
        in_chans: int = 3,
        pool: str = 'avg',
        cbd: bool = True,
        *,
        last_stride: int = 1,
        neck_affine: bool = True,
        ikt_kernel: int = 7,
        clothing_resize: str = 'area',
        clothing_normalize: bool = True,
    ) -> None:
        options = {'last_stride': last_stride, 'neck_affine': neck_affine}
        options |= {'clothing_resize': clothing_resize, 'clothing_normalize': clothing_normalize}
        super().__init__(backbone, num_classes, in_chans, pool, cbd, **options)
        self.ikt = AttentionHead(self.main_stream.backbone.num_features, ikt_kernel)

    def attend(self, maps: Tensor) -> Tensor:
        return self.ikt(maps)
