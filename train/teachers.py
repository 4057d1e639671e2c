"""Teachers of a student: trained models of the zoo, and any other model as an ONNX file."""

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn

from ifd_zoo.common.errors import first_line
from ifd_zoo.common.files import hash_file
from ifd_zoo.hub import eval_transform
from ifd_zoo.labels import class_indices
from ifd_zoo.models.features import embedding_size
from ifd_zoo.models.fingerprint import hash_weights, model_name
from ifd_zoo.models.inference import infer
from train.config import Config, ConfigError
from train.start import open_trained


class TeacherOutput(NamedTuple):
    """Output of a teacher for a batch."""

    embedding: Tensor
    """(B, D), unit length."""
    attention: Tensor | None
    """W_I (B, 1, h, w); None without an attention stream."""


class Teacher(ABC):
    """A trained model that is not trained further.

    Attributes:
        record: `name`, and `sha256` of the weights.
        num_features: D.
    """

    knows_people = False
    """Whether identity scores are learnt from its embedding."""
    record: dict[str, Any]
    num_features: int

    def start(self, model: nn.Module) -> bool:
        """Load the teacher into the student's main stream; return False, changing nothing, if it does not fit."""
        return False

    @abstractmethod
    def __call__(self, image: Tensor, masked: Tensor) -> TeacherOutput:
        """Return the answer to I and M (B, 3, H, W), normalised as for the student."""


def convert_input(image: Tensor, size: tuple[int, int], mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Convert images in the zoo's normalisation to the size and normalisation that a teacher expects."""
    if tuple(image.shape[-2:]) != size:
        image = F.interpolate(image, size, mode='bilinear', antialias=True)
    own, theirs = (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD), (tuple(mean), tuple(std))
    if own == theirs:
        return image
    own, theirs = (image.new_tensor(pair)[:, None, :, None, None] for pair in (own, theirs))
    return (image * own[1] + own[0] - theirs[0]) / theirs[1]


class ZooTeacher(Teacher):
    """A model of the zoo, with its test feature but without the mirror image.

    Raises:
        ConfigError: there is no such model, or it was trained with other pixels erased than this run erases.
    """

    knows_people = True

    def __init__(self, config: Config, device: torch.device) -> None:
        self.model = open_trained(config.teacher, 'teacher').to(device)
        self.transform = eval_transform(self.model)
        theirs, own = self.transform.masking, (set(class_indices(config.mask_classes)), config.fill)
        if self.model.needs_mask and own != (set(class_indices(theirs.mask_classes)), theirs.fill):
            raise ConfigError(
                f'teacher: {config.teacher} was trained with other pixels erased; give --mask-classes '
                f'{",".join(theirs.mask_classes)} --fill {theirs.fill}'
            )
        self.record = {'name': model_name(self.model), 'sha256': hash_weights(self.model)}
        self.num_features = embedding_size(self.model)

    def start(self, model: nn.Module) -> bool:
        own, given = model.state_dict(), self.model.state_dict()
        # For a teacher that is itself a student, these include the attention head.
        alike = {key: value for key, value in given.items() if key in own and own[key].shape == value.shape}
        if not {key for key in own if key.startswith('main_stream.') and '.classifier.' not in key} <= alike.keys():
            return False
        model.load_state_dict(alike, strict=False)
        return True

    def __call__(self, image: Tensor, masked: Tensor) -> TeacherOutput:
        size, mean, std = self.transform.size, self.transform.mean, self.transform.std
        image, masked = (convert_input(part, size, mean, std) for part in (image, masked))
        output = infer(self.model, image, masked, flip=False)
        # Tensors made in inference mode cannot take part in autograd.
        return TeacherOutput(output.embedding.clone(), None if output.attention is None else output.attention.clone())


class OnnxTeacher(Teacher):
    """Any model as an ONNX file, from images to one vector each. It teaches by its embedding and similarities alone.

    Without `mean` and `std` in the file's metadata, those of ImageNet are used; without a fixed input size, that of the
    student.

    Raises:
        ConfigError: onnxruntime is missing or cannot read the file, or the graph has other inputs or outputs.
    """

    def __init__(self, config: Config) -> None:
        path = Path(config.teacher).expanduser()
        try:
            import onnxruntime

            self.session = onnxruntime.InferenceSession(path, providers=onnxruntime.get_available_providers())
        except ImportError as error:
            raise ConfigError(f'teacher: {path} needs onnxruntime: pip install onnxruntime') from error
        except Exception as error:  # onnxruntime has an error class for each of its status codes
            raise ConfigError(f'teacher: {path} cannot be read as ONNX ({first_line(error)})') from error
        inputs, outputs = self.session.get_inputs(), self.session.get_outputs()
        vectors = [output for output in outputs if len(output.shape) == 2 and isinstance(output.shape[1], int)]
        shape = inputs[0].shape
        usable = len(inputs) == 1 and len(shape) == 4 and shape[1] == 3 and not isinstance(shape[0], int)
        if not usable or inputs[0].type != 'tensor(float)' or not vectors:
            raise ConfigError(
                f'teacher: {path} must have one input (any number, 3, height, width) of float32 and an output (any '
                f'number, D); it has {[f"{one.name} {one.type} {one.shape}" for one in (*inputs, *outputs)]}'
            )
        said = self.session.get_modelmeta().custom_metadata_map
        self.mean, self.std = (
            tuple(json.loads(said.get(name, json.dumps(usual))))
            for name, usual in (('mean', IMAGENET_DEFAULT_MEAN), ('std', IMAGENET_DEFAULT_STD))
        )
        self.size = tuple(side if isinstance(side, int) else 0 for side in shape[2:])
        self.input, self.output, self.num_features = inputs[0].name, vectors[0].name, vectors[0].shape[1]
        self.record = {'name': path.name, 'sha256': hash_file(path)}

    def __call__(self, image: Tensor, masked: Tensor) -> TeacherOutput:
        size = tuple(own or side for own, side in zip(self.size, image.shape[-2:], strict=True))
        pixels = convert_input(image, size, self.mean, self.std).float().cpu().contiguous().numpy()
        (vectors,) = self.session.run([self.output], {self.input: pixels})
        return TeacherOutput(F.normalize(torch.from_numpy(vectors).to(image.device), dim=1), None)


def load_teacher(config: Config, device: torch.device) -> Teacher:
    """Load the teacher that the config names. Raises ConfigError like the teacher classes."""
    return OnnxTeacher(config) if config.teacher.endswith('.onnx') else ZooTeacher(config, device)
