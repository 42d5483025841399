"""What a run starts from: the weights of an earlier run, or any model file.

A file's batch norm is folded into its convolutions. Here it is unfolded again, with statistics of
the clips that the run will train on: in eval mode the network computes exactly what it did, and
training with batch statistics goes on from there instead of undoing what was folded in. An int8
file starts as the floats that its weights stand for; a quantized run takes its ranges over too.

Legend: B batch, T frames, H height, W width, C channels, O output channels, K classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast, get_args, get_type_hints

import torch
from torch import Tensor, nn

from core.clip import ClipSpec
from core.errors import DataError, quoted
from core.modelfile import Model, load_model
from core.models.i3d import SameConvBnRelu3d
from core.models.mobilenet3d import ConvBnRelu3d, MobileNet3D
from core.network import Int8Network
from core.quantization import QatMobileNet3D
from training.checkpoint import description_of_trained, load_weights
from training.config import Recipe
from training.dataset import ChunkDataset
from training.hardware import as_input
from training.inheritance import Inherited, inherited_from
from training.people import check_apart
from training.rebuilding import FloatModel, float_model_of
from training.store import Store

# Clips on which statistics are measured: 64 have 50,000 positions even in the last layers at 224².
_MEASURED_CLIPS = 64
_MEASURED_AT_ONCE = 8
# |w| of an output channel as Kaiming initialisation makes it. Behind batch norm the length of a
# filter changes nothing but how fast it learns, and a folded filter may have any length.
_FILTER_LENGTH = 2**0.5

_LARGEST_FLOAT32 = torch.finfo(torch.float32).max

Block = ConvBnRelu3d | SameConvBnRelu3d


class Start:
    """Where a run's first weights come from; nothing is loaded yet.

    Raises:
        DataError: the run or file does not fit the recipe.
        ModelFileError: the file cannot be used.
    """

    def __init__(self, path: Path, recipe: Recipe) -> None:
        self.path, self.recipe = path, recipe
        self._file: Model | None = None
        self._theirs: FloatModel | None = None
        if not path.is_file():
            self.described: Mapping[str, Any] = description_of_trained(path)
            self.inherited = inherited_from(self.described)
            return
        self._file = load_model(path)
        _check_fits(self._file, path, recipe)
        with torch.random.fork_rng(devices=[]):
            self._theirs = float_model_of(self._file, path)
        self.described = self._file.training
        lost = self._theirs.without_relu if isinstance(self._theirs, MobileNet3D) else ()
        self.inherited = Inherited(self._theirs.normalize.normalization, lost)

    def check_people(self, store: Store, split: int) -> None:
        """See to it that it has not seen people whom this split keeps apart; see check_apart.

        Raises:
            DataError: it has; or a run knows other labels.
        """
        check_apart(self.described, self.path, store, split)

    def load(self, model: FloatModel, data: ChunkDataset, device: torch.device) -> list[str]:
        """Fill `model`; a file's classifier stays out where it knows other classes.

        Returns:
            What was loaded, skipped and new, in lines.

        Raises:
            DataError: the weights are of another network, or a quantized run would begin with a new
                classifier.
        """
        if self._file is None or self._theirs is None:
            load_weights(self.path, model)
            return [f"loaded   all weights of {self.path}"]
        labels = self._file.labels
        same = labels == data.store.labels
        if not same and self.recipe.quantize:
            raise DataError(
                f"{self.path} knows {len(labels)} other classes than the {len(data.store.labels)} "
                "of the data; fit a float student from it first, and quantize that."
            )
        state = self._theirs.state_dict()
        skipped = [] if same else [name for name in state if name.startswith("classifier.")]
        model.load_state_dict(
            {name: value for name, value in state.items() if name not in skipped}, strict=False
        )
        model.to(device, memory_format=torch.channels_last_3d)
        measure_statistics(model, _clips(data, device))
        model.cpu()
        convolutions = len(_blocks(model))
        lines = [
            f"loaded   {convolutions} convolutions" + (" and the classifier" if same else ""),
            f"new      statistics of {convolutions} batch norms, measured on {_MEASURED_CLIPS} "
            "clips or fewer; what the network computes is the same",
        ]
        if not same:
            lines += [
                f"skipped  the classifier of {len(labels)} classes",
                f"new      a classifier of {len(data.store.labels)} classes",
            ]
        return lines + self._network_lines() + self._input_lines(data.spec)

    def set_ranges(self, model: QatMobileNet3D) -> None:
        """Begin with the activation scales of an int8 file; others come from the data.

        Raises:
            DataError: a scale is beyond what a float32 can hold.
        """
        if not self._gives_ranges or self._file is None:
            return
        network = cast(Int8Network, self._file.network)
        ranges = [*(conv.output for conv in network.convolutions), network.classifier.input]
        if not all(levels.scale * 255 < _LARGEST_FLOAT32 for levels in ranges):
            raise DataError(f"{self.path} holds an activation scale beyond float32; it is refused.")
        quantizers = [*(block.output_quantizer for block in model.blocks), model.pool_quantizer]
        for quantizer, levels in zip(quantizers, ranges, strict=True):
            quantizer.set_range(levels)

    @property
    def _gives_ranges(self) -> bool:
        """Whether this is an int8 file whose ranges hold still: float epochs outdate them."""
        int8 = self._file is not None and isinstance(self._file.network, Int8Network)
        return int8 and self.recipe.quantize and self.recipe.quantize_from_epoch == 0

    def _network_lines(self) -> list[str]:
        assert self._file is not None
        lines = []
        if isinstance(self._file.network, Int8Network):
            ranges = len(self._file.network.convolutions) + 1
            lines.append("turned   int8 weights into the floats that they stand for")
            if self._gives_ranges:
                lines.append(f"loaded   {ranges} activation ranges")
            else:
                lines.append(f"skipped  {ranges} activation ranges; float epochs have none")
            if self.recipe.quantize:
                lines.append("missing  an fp32 twin: what starts from int8 weights has none")
        if lost := self.inherited.without_relu:
            lines.append(f"kept     {len(lost)} convolutions without ReLU, as it was trained")
        return lines

    def _input_lines(self, clip: ClipSpec) -> list[str]:
        assert self._file is not None
        theirs, lines = self._file.clip, []
        if theirs.channels != clip.channels:
            lines.append(
                f"turned   the first convolution from {theirs.channels} to {clip.channels}"
            )
        read = self.inherited.normalization
        if not read.is_unit_range:
            mean = ", ".join(f"{value:g}" for value in read.mean)
            lines.append(f"kept     bytes are read as (byte - {mean}) × {read.scale:.6g}")
        for name in ("frames", "span_s", "crop"):
            before, now = getattr(theirs, name), getattr(clip, name)
            if before != now:
                lines.append(f"changed  {name} {before} to {now}, as the recipe says")
        if "imported" in self.described and "data" not in self.described:
            lines.append("unknown  whom the checkpoint was trained on")
        return lines


def _check_fits(file: Model, path: Path, recipe: Recipe) -> None:
    name = file.architecture.get("name")
    if name not in get_args(get_type_hints(Recipe)["model"]):
        raise DataError(f"{path} is no network that InCab trains ({quoted(str(name))}).")
    if name != recipe.model:
        raise DataError(f"{path} is {name}, the recipe trains {recipe.model}; use --model {name}.")
    width = file.architecture.get("width_multiplier")
    if name == "mobilenet3d" and width != recipe.width_multiplier:
        raise DataError(
            f"{path} has width {width}, the recipe {recipe.width_multiplier}; "
            f"use --width-multiplier {width}."
        )
    if file.clip.channel_count != recipe.clip.channel_count:
        wanted = "grey" if file.clip.channels == "grey" else "rgb"
        raise DataError(
            f"{path} takes {file.clip.channels} clips, the recipe {recipe.channels}; "
            f"use --channels {wanted}."
        )


def _blocks(model: nn.Module) -> list[Block]:
    return [module for module in model.modules() if isinstance(module, Block)]


def _clips(data: ChunkDataset, device: torch.device) -> Iterator[Tensor]:
    """B×C×T×H×W float, as the run will see them."""
    count = min(_MEASURED_CLIPS, len(data))
    # Evenly over the people and activities, which lie side by side.
    items = [number * len(data) // count for number in range(count)]
    for start in range(0, count, _MEASURED_AT_ONCE):
        clips = [data[item][0] for item in items[start : start + _MEASURED_AT_ONCE]]
        yield as_input(torch.stack(clips), device)


@torch.no_grad()
def measure_statistics(model: FloatModel, clips: Iterable[Tensor]) -> None:
    """Give every batch norm the statistics of these B×C×T×H×W clips, and change nothing else.

    Afterwards training mode, which takes each batch's own statistics, begins near to what eval mode
    computes; and each filter is as long as a fresh one, so that a recipe's learning rate fits it.
    """
    model.eval()
    blocks = _blocks(model)
    # Positions, sums and sums of squares of what each batch norm gets; O float64 values.
    seen: dict[int, list[Tensor]] = {index: [] for index in range(len(blocks))}

    def add(index: int, x: Tensor) -> None:
        wide = x.double().transpose(0, 1).flatten(1)
        count = torch.tensor(float(wide.shape[1]), dtype=torch.float64)
        news = [count, wide.sum(dim=1).cpu(), wide.square().sum(dim=1).cpu()]
        before = seen[index] or [torch.zeros_like(value) for value in news]
        seen[index] = [old + new for old, new in zip(before, news, strict=True)]

    hooks = [
        block.bn.register_forward_pre_hook(lambda _, given, index=index: add(index, given[0]))
        for index, block in enumerate(blocks)
    ]
    try:
        for batch in clips:
            model(batch)
    finally:
        for hook in hooks:
            hook.remove()
    for index, block in enumerate(blocks):
        count, total, squares = seen[index]
        mean = total / count
        variance = (squares / count - mean.square()).clamp_min(0)
        _place_statistics(block, mean, variance)


def _place_statistics(block: Block, mean: Tensor, variance: Tensor) -> None:
    """O float64 each, of the convolution's output z, which eval mode turns into z·g + h."""
    bn, device = block.bn, block.conv.weight.device
    assert bn.running_mean is not None
    assert bn.running_var is not None
    before = torch.sqrt(bn.running_var.double() + bn.eps)
    gain = bn.weight.double() / before
    shift = bn.bias.double() - bn.running_mean.double() * gain
    mean, variance = mean.to(device), variance.to(device)
    lengths = block.conv.weight.double().flatten(1).norm(dim=1)
    longer = torch.where(lengths > 0, _FILTER_LENGTH / lengths, torch.ones_like(lengths))
    block.conv.weight.mul_(longer.reshape(-1, 1, 1, 1, 1).float())
    bn.running_mean.copy_(mean * longer)
    bn.running_var.copy_(variance * longer.square())
    bn.weight.copy_(gain / longer * torch.sqrt(variance * longer.square() + bn.eps))
    bn.bias.copy_(shift + mean * gain)
