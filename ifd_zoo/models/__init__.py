"""Architectures of the zoo; importing this package registers them with timm."""

from ifd_zoo.models.baseline import Baseline
from ifd_zoo.models.ifd import IFD
from ifd_zoo.models.layers import IFDOutput
from ifd_zoo.models.zoo import BACKBONES

__all__ = ['BACKBONES', 'IFD', 'Baseline', 'IFDOutput']
