"""Settings for every test."""

import os

# Tests run side by side, one process for each core: threads of a second one would only wait for each other.
if 'PYTEST_XDIST_WORKER' in os.environ:
    os.environ.setdefault('OMP_NUM_THREADS', '1')
# Before torch or a tokenizer is imported by any test: nothing may reach out to a hub, or to Gradio's or Ray's makers.
os.environ.setdefault('HF_HUB_OFFLINE', '1')
os.environ.setdefault('GRADIO_ANALYTICS_ENABLED', 'False')
os.environ.setdefault('RAY_USAGE_STATS_ENABLED', '0')

import pytest  # noqa: E402
import timm  # noqa: E402
import torch  # noqa: E402

import ifd_zoo  # noqa: E402,F401  (registers its architectures with timm)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Under CI every test has what it needs: one that skips has lost its reason to exist, and fails."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get('CI'):
        report.outcome = 'failed'
        report.longrepr = f'skipped under CI: {report.longrepr}'


@pytest.fixture
def set_threads():
    """Number of threads of torch, as it was when the test is done."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture(scope='module')
def ifd():
    """A two-stream network with random weights."""
    torch.manual_seed(0)
    return timm.create_model('ifd_resnet10t', num_classes=0).eval()


@pytest.fixture(scope='module')
def baseline():
    """A one-stream network with random weights."""
    torch.manual_seed(0)
    return timm.create_model('ifd_baseline_resnet10t', num_classes=0).eval()
