"""GFLOPs of the zoo against torch's own counter, and what counting must leave alone."""

from threading import Event, Thread

import pytest
import timm
import torch
from torch.utils.flop_counter import FlopCounterMode

import ifd_zoo.models  # noqa: F401  (registers the architectures)
from ifd_zoo.models.flops import count_flops


@pytest.mark.parametrize('name', ['ifd_resnet10t', 'ifd_baseline_resnet10t', 'ifd_vit_small_patch14_dinov2'])
def test_as_many_are_counted_as_by_torch(name):
    with torch.device('meta'):
        network = timm.create_model(name, num_classes=0).eval()
        images = torch.empty(2, *network.pretrained_cfg['input_size'])
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(images, images)
    with torch.no_grad():
        assert count_flops(lambda: network(images, images)) == counter.get_total_flops() > 0


def test_a_multiplication_of_matrices_has_two_for_each_product():
    assert count_flops(lambda: torch.ones(3, 5) @ torch.ones(5, 7)) == 2 * 3 * 5 * 7


def test_gradients_in_another_thread_go_on():
    """With a counter that hooks into all modules of the process they fail."""
    head, done, errors = torch.nn.Linear(4, 4), Event(), []

    def take_gradients():
        while not done.is_set():
            try:
                one, two = (torch.ones(1, 4, requires_grad=True) for _ in range(2))
                torch.autograd.grad((head(one) + head(two)).sum(), [one, two])
            except RuntimeError as error:
                errors.append(error)
                return

    thread = Thread(target=take_gradients)
    thread.start()
    layers = torch.nn.Sequential(*(torch.nn.Linear(4, 4) for _ in range(50)))
    with torch.no_grad():
        for _ in range(20):
            count_flops(lambda: layers(torch.ones(1, 4)))
    done.set()
    thread.join()
    assert not errors
