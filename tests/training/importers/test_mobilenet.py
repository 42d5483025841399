from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.training.importers.published import (
    MobileNet,
    fuse_groups,
    minus_means,
    quantized,
    randomise,
    signed,
    to_network,
)
from training.importers.mobilenet import PUBLISHED_GROUPS, layer_names, relu_behind

LABELS = [f"activity {index}" for index in range(34)]


@pytest.mark.parametrize(
    ("width", "classes", "prefix", "engine"),
    [
        (0.5, 600, "module.", "openvino"),
        (0.25, 27, "", "eager"),
        # int(32 · 0.7) is 22: channels are rounded down one by one.
        (0.7, 5, "", "onednn"),
    ],
)
def test_efficient_3dcnns(
    imported, same_logits, width: float, classes: int, prefix: str, engine: str
) -> None:
    network = randomise(MobileNet(classes, width))
    state = {f"{prefix}{name}": value for name, value in network.state_dict().items()}
    model = imported(
        {
            "epoch": 7,
            "arch": "mobilenet",
            "state_dict": state,
            "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]},
            "best_prec1": torch.tensor(48.2),
        }
    )
    clip = model.clip
    assert (clip.frames, clip.span_s, clip.crop, clip.channels) == (16, None, 112, "bgr")
    assert (clip.resize, clip.keep_aspect) == (112, True)
    assert model.training["imported"]["from"] == "Efficient-3DCNNs"
    assert model.training["imported"]["epoch"] == 7
    same_logits(model, network, minus_means, engine=engine)


def test_a_bare_state_dict_is_a_checkpoint_too(imported, same_logits) -> None:
    network = randomise(MobileNet(5, 0.25))
    same_logits(imported(network.state_dict(), legacy=True), network, minus_means)


def test_the_papers_student(imported, same_logits) -> None:
    network = randomise(MobileNet(34, 0.25))
    model = imported(
        {
            "student_model_state_dict": network.state_dict(),
            "scheduler_state_dict": {"milestones": [1, 2]},
            "epoch": 3,
            "loss": nn.CrossEntropyLoss(),
            "annotation": LABELS,
        }
    )
    clip = model.clip
    assert (clip.span_s, clip.resize, clip.crop, clip.channels) == (3.0, 256, 224, "bgr")
    assert list(model.labels) == LABELS
    same_logits(model, network, signed)


def test_the_papers_prepared_student_lost_its_depthwise_relus(
    imported, same_logits, capsys: pytest.CaptureFixture[str]
) -> None:
    network = randomise(MobileNet(34, 0.25, stubs=True))
    batch = to_network(torch.randint(0, 256, (16, 32, 32, 3), dtype=torch.uint8).numpy(), signed)
    prepared, _ = quantized(network, fuse_groups(), [batch])
    model = imported(
        {
            "float_student_model_state_dict": prepared.state_dict(),
            "fuse_module": fuse_groups(),
            "loss": nn.CrossEntropyLoss(),
            "annotation": LABELS,
        }
    )

    def without_them(x: torch.Tensor) -> torch.Tensor:
        x = network.features[0](x)
        for block in list(network.features)[1:]:
            x = block.bn2(block.conv2(block.bn1(block.conv1(x)))).relu()
        return network.classifier(x.mean(dim=(2, 3, 4)))

    same_logits(model, without_them, signed)
    said = capsys.readouterr().out
    assert "13 depthwise convolutions have no ReLU" in said
    assert "fake quantization is left out" in said


def test_who_keeps_a_relu_is_what_the_groups_say() -> None:
    assert [name for name, kept in relu_behind(PUBLISHED_GROUPS).items() if not kept] == [
        f"features.{n}.conv1" for n in range(1, 14)
    ]
    assert [list(group) for group in PUBLISHED_GROUPS] == fuse_groups()
    # Fused with the depthwise half, it is the other half that goes without.
    other = relu_behind((("features.2.conv1", "features.2.bn1", "features.2.relu"),))
    assert [name for name, kept in other.items() if not kept] == ["features.2.conv2"]
    assert all(relu_behind(()).values())
    assert len(layer_names()) == 27
