"""3D MobileNet, the student (Köpüklü et al. 2019; arXiv 2311.05970, section III-A).

Legend: B batch, T frames, H height, W width, C channels, K classes.
"""

from __future__ import annotations

from collections.abc import Collection
from math import inf

from torch import Tensor, nn

from core.models.common import check_sizes, initialise
from core.models.convolution import Conv3d
from core.models.normalize import Normalize
from core.normalization import UNIT_RANGE, Normalization

# (output channels at width 1.0, blocks, stride of the first block); strides act on T, H and W.
_STAGES = ((64, 1, 2), (128, 2, 2), (256, 2, 2), (512, 6, 2), (1024, 2, 1))
STEM_CHANNELS = 32


class ConvBnRelu3d(nn.Module):
    """Convolution without bias, batch normalisation and a ReLU of its own.

    Every convolution of the network is one of these, so that fusion can never lose a ReLU
    (the published code shares one ReLU object between two places and loses the depthwise one).
    Without `relu` it goes on with what was trained after such a loss.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        stride: int | tuple[int, int, int] = 1,
        groups: int = 1,
        relu: bool = True,
    ) -> None:
        super().__init__()
        self.conv = Conv3d(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=kernel_size // 2,
            groups=groups,
            bias=False,
        )
        self.bn = nn.BatchNorm3d(out_channels)
        self.relu = nn.ReLU(inplace=True) if relu else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """B×C×T×H×W float to B×C'×T'×H'×W' float, non-negative behind a ReLU."""
        return self.relu(self.bn(self.conv(x)))


class MobileNet3D(nn.Module):
    """Depthwise-separable 3D CNN: a strided stem, thirteen blocks, average pool, classifier.

    881,538 parameters at width multiplier 0.5, 34 classes and three input channels. The 27
    convolutions count from 0; those in `without_relu` have none.
    """

    def __init__(
        self,
        num_classes: int,
        width_multiplier: float = 0.5,
        in_channels: int = 3,
        dropout: float = 0.2,
        normalization: Normalization = UNIT_RANGE,
        without_relu: Collection[int] = (),
    ) -> None:
        check_sizes(num_classes, in_channels)
        if not 1 / STEM_CHANNELS <= width_multiplier < inf:
            raise ValueError(
                f"width_multiplier must be at least 1/{STEM_CHANNELS}, not {width_multiplier}"
            )
        super().__init__()
        self.num_classes = num_classes
        self.width_multiplier = width_multiplier
        self.in_channels = in_channels

        self.normalize = Normalize(normalization)
        channels = int(STEM_CHANNELS * width_multiplier)
        layers = [ConvBnRelu3d(in_channels, channels, stride=(1, 2, 2), relu=0 not in without_relu)]
        for base_channels, blocks, first_stride in _STAGES:
            out_channels = int(base_channels * width_multiplier)
            for block in range(blocks):
                stride = first_stride if block == 0 else 1
                depthwise, pointwise = len(layers), len(layers) + 1
                layers += [
                    ConvBnRelu3d(
                        channels,
                        channels,
                        stride=stride,
                        groups=channels,
                        relu=depthwise not in without_relu,
                    ),
                    ConvBnRelu3d(
                        channels, out_channels, kernel_size=1, relu=pointwise not in without_relu
                    ),
                ]
                channels = out_channels
        self.features = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(channels, num_classes)
        initialise(self)

    @property
    def without_relu(self) -> tuple[int, ...]:
        """The convolutions that no ReLU follows."""
        return tuple(
            index
            for index, block in enumerate(self.features)
            if isinstance(block, ConvBnRelu3d) and not isinstance(block.relu, nn.ReLU)
        )

    def forward(self, x: Tensor) -> Tensor:
        """B×C×T×H×W float in [0, 1] to B×K logits; T, H and W may be any size the strides allow."""
        x = self.features(self.normalize(x)).mean(dim=(2, 3, 4))
        return self.classifier(self.dropout(x))
