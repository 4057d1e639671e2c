"""Small networks whose batch norms are not fresh: fresh ones change nothing, and hide mistakes."""

import timm
import torch
from torch import nn

SIZE = (64, 32)


def make_model(name, **options):
    """Of that architecture, for images of `SIZE`, without a release."""
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=0, backbone='test_resnet', **options).eval()
    model.pretrained_cfg = model.pretrained_cfg | {'input_size': (3, *SIZE)}
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model
