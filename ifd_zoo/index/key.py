"""The key of an index: all that its embeddings depend on. Embeddings are comparable only under the same key."""

import json
from dataclasses import asdict
from typing import Any

from ifd_zoo.models.features import feature_of
from ifd_zoo.models.fingerprint import hash_weights, model_name
from ifd_zoo.predictor import Predictor


def index_key(predictor: Predictor) -> dict[str, Any]:
    """Return JSON values that are equal for predictors with the same embeddings.

    The parser is part of the key only if the model needs its masks or the predictor crops.
    """
    transform = predictor.transform
    values = {
        'model': model_name(predictor.model),
        'weights_sha256': hash_weights(predictor.model),
        'parser': predictor.parser.identify() if predictor.model.needs_mask or predictor.crop else 'none',
        'input_size': list(transform.size),
        'mean': list(transform.mean),
        'std': list(transform.std),
        'masking': asdict(transform.masking),
        'feature': feature_of(predictor.model),
        'precision': predictor.precision,
        **({} if predictor.flip else {'flip': False}),
        **({'crop': True} if predictor.crop else {}),
    }
    return as_json(values)


def as_json(key: dict[str, Any]) -> dict[str, Any]:
    """Return the key as JSON stores it, with tuples as lists."""
    return json.loads(json.dumps(key))


def describe_difference(found: dict[str, Any], wanted: dict[str, Any]) -> str:
    """Return the fields in which two keys differ, with both values; empty if the keys are equal."""
    wanted = as_json(wanted)
    names = [name for name in {**wanted, **found} if found.get(name) != wanted.get(name)]
    return '; '.join(f'{name} is {_short(found.get(name))}, not {_short(wanted.get(name))}' for name in names)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f'{text[:16]}...'
