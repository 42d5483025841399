"""The same student for grey clips and for colour clips.

Near-infrared pictures are grey. Trained on them from equal weights (`tie_input_channels`) a student
of three channels keeps them equal, so that its first layer computes w·r + w·g + w·b; on a grey
picture this is 3·w·p. A student of one channel computes that with a third of the work, and with
less than that on blocks of pixels (core/engines/pixel_blocks.py).

From grey to colour nothing is lost in int8: the levels stay, their scale is a third, sums and
biases are three times as large, and p / d of eq. 4 becomes p / 3d, still free of ties with a third
of the distance to them (core/tie_free.py). The other way biases are rounded to a level three times
as wide.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from core.errors import DataError
from core.modelfile import Model, load_model, save_model
from core.network import LARGEST_BIAS, FloatConv, FloatNetwork, Int8Network, Network
from core.normalization import Normalization
from training.export import golden_answers, measured
from training.people import check_apart
from training.store import Store

Channels = Literal["grey", "rgb"]


def convert_files(
    paths: Sequence[Path], channels: Channels, store: Store, split: int, threads: int, out: Path
) -> list[Model]:
    """The same students for clips of other channels, measured anew on val and test.

    What comes of an int8 model is the twin of what comes of its parent.

    Args:
        paths: model files, each int8 model behind the fp32 model it was fine-tuned from.
        channels: "grey" for one, "rgb" for three that are weighed alike.
        store: prepared data.
        split: whose validation people fit the temperatures, and whose test people measure.
        threads: CPU threads.
        out: folder for the files, which keep their names; all of them come, or none.

    Returns:
        The new models, loaded back.

    Raises:
        DataError: two have the same name or one is there already; one weighs its channels
            differently, has those wanted already, or knows people kept apart in `split`; a parent
            is not named before its int8 model.
        ModelFileError: a file cannot be used.
    """
    _check_places(paths, out)
    models = {path: load_model(path) for path in paths}
    known: set[str] = set()
    for path, model in models.items():
        check_apart({**model.training, "labels": model.labels}, path, store, split)
        if model.parent is not None and model.parent not in known:
            raise DataError(
                f"{path} was fine-tuned from an fp32 file that is not named before it; name both."
            )
        known.add(model.sha256)
    networks = {path: _converted(model, channels) for path, model in models.items()}
    out.mkdir(parents=True, exist_ok=True)
    made: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix=".channels-", dir=out) as folder:
        for path, model in models.items():
            clip = replace(model.clip, channels=channels)
            changed = replace(
                model,
                network=networks[path],
                clip=clip,
                training={**model.training, "channels_from": path.name},
                parent=None if model.parent is None else made[model.parent],
                golden=golden_answers(networks[path], clip),
            )
            written = Path(folder) / path.name
            save_model(measured(changed, store, split, threads), written)
            made[model.sha256] = load_model(written).sha256
        return [load_model((Path(folder) / path.name).replace(out / path.name)) for path in paths]


def _check_places(paths: Sequence[Path], out: Path) -> None:
    names = [path.name for path in paths]
    for path in paths:
        if names.count(path.name) > 1:
            raise DataError(
                f"Two of the files are called {path.name}; rename one, for what is made of them "
                "keeps their names."
            )
        if (out / path.name).exists():
            raise DataError(
                f"{out / path.name} is there already; remove it or choose another --out."
            )


def _converted(model: Model, channels: Channels) -> Network:
    """The network with its first layer for other channels."""
    network = model.network
    weight, normalization = network.convolutions[0].weight, network.normalization
    if weight.shape[1] == (1 if channels == "grey" else 3):
        raise DataError(f"{model.path} takes {channels} clips already; choose another --to.")
    alike = (weight == weight[:, :1]).all() and len(set(normalization.mean)) == 1
    if not alike:
        raise DataError(
            f"{model.path} does not weigh R, G and B alike; only a student trained with "
            "tie_input_channels on grey pictures is a network of one channel."
        )
    same_for_all = Normalization(normalization.mean[:1], normalization.scale)
    return _with_first_layer(model, 1 if channels == "grey" else 3, same_for_all)


def _with_first_layer(model: Model, count: int, normalization: Normalization) -> Network:
    """As many equal channels as wanted, which together weigh what those before did."""
    network, channels = model.network, np.zeros(count, np.intp)
    if isinstance(network, Int8Network):
        int8, *others = network.convolutions
        times = int8.weight.shape[1] / count
        bias = np.round(int8.bias / times)
        if np.abs(bias).max() > LARGEST_BIAS:
            raise DataError(
                f"{model.path}: a bias of {int8.name} is too large for three channels; "
                "train it with tie_input_channels instead."
            )
        int8 = replace(
            int8,
            weight=int8.weight[:, channels],
            weight_scale=(int8.weight_scale * times).astype(np.float32),
            bias=bias.astype(np.int32),
        )
        return Int8Network((int8, *others), network.classifier, normalization)
    first, *stages = network.stages
    assert isinstance(first, FloatConv)
    times = np.float32(first.weight.shape[1] / count)
    first = replace(first, weight=first.weight[:, channels] * times)
    return FloatNetwork((first, *stages), network.classifier, normalization)
