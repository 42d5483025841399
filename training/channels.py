"""The same student for grey clips and for colour clips.

Near-infrared pictures are grey. Trained on them from equal weights (`tie_input_channels`) a student
of three channels keeps them equal, so that its first layer computes w·r + w·g + w·b; on a grey
picture this is 3·w·p. A student of one channel computes that with a third of the work, and with
less than that on blocks of pixels (core/engines/pixel_blocks.py).

From grey to colour nothing is lost in int8: the levels stay, their scale is a third, sums and
biases are three times as large, and p / d of eq. 4 becomes p / 3d, which is as free of ties
(core/tie_free.py). The other way biases are rounded to a level three times as wide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np

from core.errors import DataError
from core.modelfile import Model
from core.network import FloatConv, FloatNetwork, Int8Network, Network
from core.normalization import Normalization
from training.export import golden_answers, measured
from training.store import Store


def with_channels(
    model: Model,
    channels: Literal["grey", "rgb"],
    store: Store,
    split: int,
    threads: int,
    twins: Mapping[str, Model],
) -> Model:
    """The same student for clips of other channels, measured anew on val and test.

    Args:
        model: a loaded model file of the other channels.
        channels: "grey" for one, "rgb" for three.
        store: prepared data of the people kept apart in `split`.
        split: whose validation people fit the temperature.
        threads: CPU threads.
        twins: models made before, by the hash of the file each was made from; an int8 model
            becomes the twin of what its parent has become.

    Raises:
        DataError: it weighs its channels differently or has those wanted already, or its parent is
            not among `twins`.
    """
    if model.parent is not None and model.parent not in twins:
        raise DataError(
            f"{model.path} was fine-tuned from an fp32 file that is not named before it; name both."
        )
    network = _one_channel(model) if channels == "grey" else _three_channels(model)
    clip = replace(model.clip, channels=channels)
    name = model.path.stem if model.path else ""
    changed = replace(
        model,
        network=network,
        clip=clip,
        training={
            **model.training,
            "method": f"other input channels: {channels}",
            "history": [name, *(model.training.get("history") or [])],
        },
        parent=None if model.parent is None else twins[model.parent].sha256,
        golden=golden_answers(network, clip),
    )
    return measured(changed, store, split, threads)


def _one_channel(model: Model) -> Network:
    weight, normalization = model.network.convolutions[0].weight, model.network.normalization
    alike = (weight == weight[:, :1]).all() and len(set(normalization.mean)) == 1
    if weight.shape[1] != 3 or not alike:
        raise DataError(
            f"{model.path} does not weigh R, G and B alike; only a student trained with "
            "tie_input_channels on grey pictures is a network of one channel."
        )
    single = Normalization(normalization.mean[:1], normalization.scale)
    return _with_first_layer(model.network, 1, single)


def _three_channels(model: Model) -> Network:
    if model.network.convolutions[0].weight.shape[1] != 1:
        raise DataError(f"{model.path} takes colour clips already; choose a grey student.")
    return _with_first_layer(model.network, 3, model.network.normalization)


def _with_first_layer(network: Network, count: int, normalization: Normalization) -> Network:
    """As many equal channels as wanted, which together weigh what those before did."""
    channels = np.zeros(count, np.intp)
    if isinstance(network, Int8Network):
        int8, *others = network.convolutions
        times = int8.weight.shape[1] / count
        int8 = replace(
            int8,
            weight=int8.weight[:, channels],
            weight_scale=(int8.weight_scale * times).astype(np.float32),
            bias=np.round(int8.bias / times).astype(np.int32),
        )
        return Int8Network((int8, *others), network.classifier, normalization)
    first, *stages = network.stages
    assert isinstance(first, FloatConv)
    times = np.float32(first.weight.shape[1] / count)
    first = replace(first, weight=first.weight[:, channels] * times)
    return FloatNetwork((first, *stages), network.classifier, normalization)
