"""Times training steps of the student and prints a table: `python tests/training_speed.py`.

The gradient of depthwise convolutions as core/models/convolution.py computes it and as PyTorch
does; then quantization-aware steps. Clips are random, so that reading them is not in it. Close
everything else first; it takes two minutes.
"""

from __future__ import annotations

import statistics
import time

import torch
from torch import nn
from torch.nn import functional

from core.models import convolution
from core.models.mobilenet3d import MobileNet3D
from core.quantization import QatMobileNet3D
from training.hardware import as_input, keep_freed_memory

CLASSES = 34
_STEPS, _WARM_UP = 5, 2


def clips_per_s(network: nn.Module, clips: torch.Tensor) -> float:
    """The median over a few steps, forward and backward."""
    network = network.to(memory_format=torch.channels_last_3d).train()
    targets = torch.arange(len(clips)) % CLASSES
    rates: list[float] = []
    for _ in range(_WARM_UP + _STEPS):
        started_s = time.perf_counter()
        functional.cross_entropy(network(as_input(clips)), targets).backward()
        rates.append(len(clips) / (time.perf_counter() - started_s))
    return statistics.median(rates[_WARM_UP:])


def random_clips(batch: int, pixels: int) -> torch.Tensor:
    return torch.randint(0, 256, (batch, 1, 16, pixels, pixels), dtype=torch.uint8)


def float_steps(pixels: int, batch: int) -> tuple[float, float]:
    """With our gradient and with PyTorch's."""
    rates = {}
    for ours in (True, False):
        convolution._lacks_3d_kernels = lambda ours=ours: ours
        rates[ours] = clips_per_s(MobileNet3D(CLASSES, in_channels=1), random_clips(batch, pixels))
    return rates[True], rates[False]


def quantized_step(freeze_observers: bool, freeze_batch_norm: bool) -> float:
    network = QatMobileNet3D(MobileNet3D(CLASSES, in_channels=1)).train()
    with torch.no_grad():
        network(as_input(random_clips(4, 112)))
    if freeze_observers:
        network.freeze_observers()
    if freeze_batch_norm:
        network.freeze_batch_norm()
    return clips_per_s(network, random_clips(CLASSES, 112))


def main() -> None:
    keep_freed_memory()
    default = convolution._lacks_3d_kernels
    print(f"Used here: {'ours' if default() else 'PyTorch’s'}.\n")
    print("| threads | step | clips/s | with PyTorch's gradient |\n| --- | --- | ---: | ---: |")
    for threads in (1, torch.get_num_threads()):
        torch.set_num_threads(threads)
        for pixels, batch in ((112, CLASSES), (224, CLASSES // 2)):
            ours, torchs = float_steps(pixels, batch)
            print(f"| {threads} | float, {pixels}² | {ours:.1f} | {torchs:.1f} |", flush=True)
        convolution._lacks_3d_kernels = default
        for name, observers, batch_norm in (
            ("observing", False, False),
            ("ranges frozen", True, False),
            ("batch norm frozen too", True, True),
        ):
            rate = quantized_step(observers, batch_norm)
            print(f"| {threads} | quantized, 112², {name} | {rate:.1f} | |", flush=True)


if __name__ == "__main__":
    main()
