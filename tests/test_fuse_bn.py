"""Batch norms as part of convolutions: the same answers, fewer layers, and the network itself untouched."""

import copy

import pytest
import timm
import torch
from torch import nn

from ifd_zoo.models.fuse_bn import fold_norms


def trained(net):
    """Statistics and scales as training leaves them."""
    torch.manual_seed(0)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
    return net.eval()


def count_norms(net):
    return sum(isinstance(module, nn.BatchNorm2d) for module in net.modules())


NAMES = ['resnet10t', 'resnet50', 'mobilenetv3_small_050', 'tf_efficientnet_lite0', 'mobilenetv4_conv_small_050']


@pytest.mark.parametrize('name', NAMES)
def test_a_folded_network_computes_the_same(name):
    net = trained(timm.create_model(name, num_classes=5))
    before = copy.deepcopy(net.state_dict())
    images = torch.randn(2, 3, 64, 32)
    folded = fold_norms(net, images[:1])
    with torch.no_grad():
        torch.testing.assert_close(folded(images), net(images), rtol=1e-3, atol=1e-4)
    assert count_norms(folded) == 0
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_a_norm_that_follows_on_no_convolution_stays():
    net = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 1), nn.ReLU(), nn.BatchNorm2d(4)).eval()
    folded = fold_norms(trained(net), torch.randn(1, 3, 4, 4))
    assert count_norms(folded) == 2
