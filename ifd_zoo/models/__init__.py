"""Importing this package registers every architecture of the zoo with timm."""

from ifd_zoo.models.baseline import Baseline
from ifd_zoo.models.ifd import IFD
from ifd_zoo.models.layers import IFDOutput
from ifd_zoo.models.zoo import BACKBONES

__all__ = ['BACKBONES', 'IFD', 'Baseline', 'IFDOutput']
