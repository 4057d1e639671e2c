"""A model of the zoo whose forward pass onnxruntime computes.

For processors without native bf16. On one that has it torch is twice as fast for residual networks, and hardly faster
for MobileNets (`eval/BENCH.md`).
"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ifd_zoo.choices import RUNTIMES
from ifd_zoo.export import fixed_copy, write_graph
from ifd_zoo.hub import eval_transform
from ifd_zoo.models.layers import IFDOutput

OUTPUTS = ('embedding', 'pooled', 'attention_embedding', 'attention')
"""What inference needs of `IFDOutput`; of a single stream the first two."""


class OnnxModel(nn.Module):
    """Takes the place of a model wherever only its embedding, with any test feature, and attention are asked for.

        predictor = Predictor(OnnxModel(load_model('ifd_mobilenetv4_conv_small')))

    Embeddings are those of the model in float32, to rounding, and its weights count as its own: both may share an
    index. It has no gradients, so there is no Grad-CAM and no training. The graph is made anew each time, in seconds.

    Args:
        model: of the zoo. The processor computes it, wherever its weights are.

    Attributes:
        only_precision: what it computes in, whatever the processor has.

    Raises:
        ExportError: a package is missing.
    """

    only_precision = 'fp32'

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.network = model.eval()
        self.needs_mask, self.num_features = model.needs_mask, model.num_features
        self.gives_attention = model.gives_attention
        self.neck_mean = model.neck_mean.cpu()
        self.pretrained_cfg, self.release_info = model.pretrained_cfg, getattr(model, 'release_info', {})
        self._inputs = ('image', 'masked') if model.needs_mask else ('image',)
        self._outputs = OUTPUTS if model.gives_attention else OUTPUTS[:2]
        self._session = self._make_session()

    def forward(self, image: Tensor, masked: Tensor | None = None) -> IFDOutput:
        """What inference needs; of I and, for two streams, M (B, 3, H, W) at the model's input size."""
        images = dict(zip(self._inputs, (image, masked), strict=False))
        arrays = {name: one.cpu().contiguous().numpy() for name, one in images.items()}
        found = map(torch.from_numpy, self._session.run(None, arrays))
        return IFDOutput(**dict.fromkeys(IFDOutput._fields) | dict(zip(self._outputs, found, strict=True)))

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Of the model itself, so that what is known of its weights holds for these, too."""
        return self.network.state_dict(*args, **kwargs)

    def _make_session(self) -> Any:
        network = _Answers(fixed_copy(self.network), self._outputs).eval()
        size = eval_transform(self.network).size
        examples = tuple(torch.zeros(2, 3, *size) for _ in self._inputs)
        with tempfile.TemporaryDirectory(prefix='ifd_') as folder:
            path = Path(folder) / 'model.onnx'
            write_graph(network, path, self._inputs, self._outputs, examples)
            import onnxruntime  # an extra, which `write_graph` has asked for

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = torch.get_num_threads()
            # Idle threads would keep the cores from whatever else runs between two batches.
            options.add_session_config_entry('session.intra_op.allow_spinning', '0')
            return onnxruntime.InferenceSession(path.read_bytes(), options, providers=['CPUExecutionProvider'])


class _Answers(nn.Module):
    """Of a model's outputs those that inference needs, as a plain tuple."""

    def __init__(self, model: nn.Module, outputs: Sequence[str]) -> None:
        super().__init__()
        self.model, self.outputs = model, outputs

    def forward(self, image: Tensor, masked: Tensor | None = None) -> tuple[Tensor, ...]:
        output = self.model(image, masked)
        return tuple(getattr(output, name) for name in self.outputs)


RUNTIME_OF: dict[str, Callable[[nn.Module], nn.Module]] = dict(zip(RUNTIMES, (nn.Module.eval, OnnxModel), strict=True))
"""Each as a function that makes a model ready."""
