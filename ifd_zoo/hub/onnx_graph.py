"""Writing of networks as ONNX files."""

import importlib
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ifd_zoo.common.errors import ZooError

REQUIRED = ('onnx', 'onnxscript', 'onnxruntime')
OPSETS = range(18, 24)
"""Opsets that torch's exporter and its version converter can write."""


class ExportError(ZooError, ValueError):
    """A model could not be exported; the message says why."""


def write_graph(
    network: nn.Module,
    path: Path,
    inputs: Sequence[str],
    outputs: Sequence[str],
    examples: tuple[Tensor, ...],
    metadata: Mapping[str, str],
    opset: int | None = None,
) -> None:
    """Write the network as an ONNX file that takes any number of images.

    Args:
        examples: one tensor (2, ...) for each of `inputs`.
        metadata: stored in the file.
        opset: as for `export_onnx`.

    Raises:
        ExportError: a package is missing, or the opset is not supported.
    """
    if opset is not None and opset not in OPSETS:
        raise ExportError(f'opset: must be from {OPSETS[0]} to {OPSETS[-1]}, got {opset}')
    for package in REQUIRED:
        _require(package)
    with warnings.catch_warnings():
        # The exporter warns that all inputs share the batch axis.
        warnings.filterwarnings('ignore', 'The axis name|# The axis name', UserWarning)
        program = torch.onnx.export(
            network,
            examples,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=tuple({0: 'batch'} for _ in inputs),
            dynamo=True,
            verbose=False,
            opset_version=opset,
        )
        program.model.metadata_props.update(metadata)
        program.save(path)


def convert_to_fp16(path: Path) -> None:
    """Convert a graph to float16, except its inputs and outputs."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(path), keep_io_types=True), path)


def _require(package: str) -> None:
    try:
        importlib.import_module(package)
    except ImportError as error:
        raise ExportError(f'{package} is missing: pip install {" ".join(REQUIRED)}') from error
