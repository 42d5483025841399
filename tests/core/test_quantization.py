"""The fake-quantized student, and its conversion to integers."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from core.engines.reference import ReferenceEngine, run_convolution
from core.errors import DataError
from core.fusion import batch_norm_factor
from core.models.mobilenet3d import ConvBnRelu3d, MobileNet3D
from core.network import LARGEST_EXACT_WEIGHT, PIXELS, Int8Network
from core.quantization import DEFAULT_WEIGHT_LIMIT, QatConvBnRelu3d, QatMobileNet3D, convert
from tests.core.tinted_clips import CLASSES, SIZE, clips, targets


@pytest.fixture
def student(random_student) -> MobileNet3D:
    """All 27 layers, random and narrow."""
    return random_student(CLASSES, width_multiplier=0.125)


def shorten(student: MobileNet3D) -> MobileNet3D:
    """The stem and two blocks: learns in seconds, and deep noise drowns nothing."""
    student.features = student.features[:5]
    student.classifier = nn.Linear(student.features[-1].conv.out_channels, CLASSES)
    return student


def learn(model: nn.Module, as_input, steps: int, freeze_at: int | None = None) -> list[float]:
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    losses = []
    for step in range(steps):
        if step == freeze_at:
            model.freeze_batch_norm()
            model.freeze_observers()
        loss = functional.cross_entropy(model(as_input(*clips(20, seed=1000 + step))), targets(20))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


@pytest.fixture(scope="session")
def trained(as_input) -> MobileNet3D:
    """A short student that has learned its task; copy before changing it."""
    torch.manual_seed(0)
    student = shorten(MobileNet3D(CLASSES, width_multiplier=0.25, dropout=0.0)).train()
    losses = learn(student, as_input, steps=25)
    assert losses[-1] < 0.1
    return student.eval()


def observed(student: MobileNet3D, x: torch.Tensor, limit: int = DEFAULT_WEIGHT_LIMIT):
    """Fake-quantized with ranges from `x`, as after training: all frozen, eval."""
    qat = QatMobileNet3D(copy.deepcopy(student), limit).train()
    qat.freeze_batch_norm()
    with torch.no_grad():
        qat(x)
    qat.freeze_observers()
    return qat.eval()


# Weights


@pytest.mark.parametrize("limit", [LARGEST_EXACT_WEIGHT, 127, 1])
def test_weights_keep_within_their_limit_and_use_it(student, as_input, limit: int) -> None:
    network = convert(observed(student, as_input(*clips(2)), limit))
    assert network.largest_weight == limit
    for layer in (*network.convolutions, network.classifier):
        assert layer.weight.dtype == np.int8
        per_channel = np.abs(layer.weight.astype(int)).reshape(len(layer.weight), -1).max(axis=1)
        # A scale without ties may be half a percent larger than the largest weight needs.
        assert (per_channel >= 0.99 * limit).all(), layer.name


def test_the_default_limit_is_exact_without_vnni() -> None:
    assert DEFAULT_WEIGHT_LIMIT == LARGEST_EXACT_WEIGHT == 63
    assert 2 * 255 * DEFAULT_WEIGHT_LIMIT < 2**15 <= 2 * 255 * 127


# The fake-quantized student


def test_it_trains_the_student_s_own_layers(student) -> None:
    qat = QatMobileNet3D(student)
    assert qat.classifier is student.classifier
    for block, original in zip(qat.blocks, student.features, strict=True):
        assert block.conv is original.conv
        assert block.bn is original.bn


def test_fake_quantization_disturbs_little(trained, as_input) -> None:
    x = as_input(*clips(40))
    with torch.no_grad():
        expected, got = trained(x), observed(trained, x[:20])(x)
    assert (expected.argmax(dim=1) == targets(40)).float().mean() > 0.9
    assert 0 < (got - expected).abs().max() < 0.03 * (expected.max() - expected.min())


def test_every_activation_is_non_negative_and_on_its_grid(student, as_input) -> None:
    x = as_input(*clips(2))
    qat = observed(student, x)
    with torch.no_grad():
        for block in qat.blocks:
            x = block(x)
            levels = x / block.output_quantizer.scale
            assert levels.min() == 0
            assert levels.max() <= 255.01
            torch.testing.assert_close(levels, levels.round(), rtol=0, atol=2e-3)


def test_frozen_observers_stay_frozen_while_training_goes_on(student, as_input) -> None:
    qat = QatMobileNet3D(student).train()
    qat(as_input(*clips(2)))
    qat.freeze_observers()
    names = [name for name in qat.state_dict() if name.endswith("largest")]
    assert len(names) == 28
    before = {name: qat.state_dict()[name].clone() for name in names}
    qat(as_input(np.full(SIZE, 255, np.uint8), np.zeros(SIZE, np.uint8)))
    qat.eval().train()
    qat(as_input(np.full(SIZE, 255, np.uint8), np.zeros(SIZE, np.uint8)))
    for name in names:
        assert torch.equal(qat.state_dict()[name], before[name]), name
    again = QatMobileNet3D(copy.deepcopy(student))
    again.load_state_dict(qat.state_dict())
    assert not any(bool(block.output_quantizer.observing) for block in again.blocks)


def test_frozen_batch_norm_keeps_its_statistics_but_learns_its_factors(student, as_input) -> None:
    qat = QatMobileNet3D(student).train()
    qat.freeze_batch_norm()
    before = {name: tensor.clone() for name, tensor in qat.state_dict().items() if ".bn." in name}
    x = as_input(*clips(2))
    with torch.no_grad():
        qat(x)
    qat(x).square().sum().backward()
    for name, tensor in qat.state_dict().items():
        if ".bn." in name:
            assert torch.equal(tensor, before[name]), name
    for block in qat.blocks[:3]:
        assert block.bn.weight.grad is not None
        assert block.bn.weight.grad.abs().sum() > 0
        assert block.bn.bias.grad is not None
        assert block.bn.bias.grad.abs().sum() > 0


def test_unfrozen_batch_norm_follows_the_data_while_training_only(student, as_input) -> None:
    qat = QatMobileNet3D(student).train()
    before = qat.blocks[0].bn.running_mean.clone()
    qat(as_input(*clips(4, seed=5)))
    after = qat.blocks[0].bn.running_mean.clone()
    assert not torch.equal(after, before)
    qat.eval()
    with torch.no_grad():
        evaluated = qat(as_input(*clips(1, seed=6)))
        qat.freeze_batch_norm()
        assert torch.equal(qat(as_input(*clips(1, seed=6))), evaluated)
    assert torch.equal(qat.blocks[0].bn.running_mean, after)


def test_training_unfolds_what_was_rounded_before_the_batch_norm() -> None:
    """As written by Krishnamoorthi: bn(conv(x, rounded folded weight) / factor), gradients too."""
    torch.manual_seed(0)
    block = ConvBnRelu3d(6, 6, groups=6).train()
    block.bn.weight.data.uniform_(-2, 2)
    block.bn.running_var.uniform_(0.1, 3)
    qat = QatConvBnRelu3d(block, 63).train()
    # Not what is looked at, and rounding would hide it.
    qat.output_quantizer.forward = lambda y: y
    x = torch.rand(2, 6, 4, 9, 9)
    written = copy.deepcopy(qat)

    def as_written(block: QatConvBnRelu3d) -> torch.Tensor:
        factor = batch_norm_factor(block.bn).reshape(1, -1, 1, 1, 1)
        weight = block.weight_quantizer(block.folded()[0])
        return torch.relu(block.bn(block.conv._conv_forward(x, weight, None) / factor))

    outer = torch.randn(2, 6, 4, 9, 9)
    y, expected = qat(x), as_written(written)
    torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-4)
    (y * outer).sum().backward()
    (expected * outer).sum().backward()
    for one, other in ((qat.conv, written.conv), (qat.bn, written.bn)):
        torch.testing.assert_close(one.weight.grad, other.weight.grad, rtol=1e-3, atol=1e-3)


def test_training_and_frozen_batch_norm_agree_where_the_statistics_do() -> None:
    """Once the running statistics are those of the batch, freezing must change nothing."""
    torch.manual_seed(0)
    original = ConvBnRelu3d(3, 8)
    nn.init.uniform_(original.bn.weight, 0.5, 1.5)
    nn.init.uniform_(original.bn.bias, -0.5, 0.5)
    block = QatConvBnRelu3d(original, 127).train()
    block.bn.momentum = 1.0
    x = torch.randint(0, 256, (4, 3, 6, 12, 12)) / 255
    with torch.no_grad():
        for _ in range(8):
            training = block(x)
        block.output_quantizer.observing.fill_(False)
        training = block(x)
        block.bn_frozen = True
        frozen = block(x)
        block.eval()
        validated = block(x)
    step = float(block.output_quantizer.scale)
    # Validation adds whole numbers where training adds real ones: seldom a step apart.
    assert (validated - frozen).abs().max() <= 1.001 * step
    assert (validated != frozen).float().mean() < 0.001
    assert (training - frozen).abs().max() <= 3 * step
    assert training.abs().max() > 100 * step


# Conversion


@pytest.mark.parametrize("limit", [63, 127])
def test_the_int8_network_answers_like_the_fake_quantized_student(
    trained, as_input, limit: int
) -> None:
    """What was validated is what runs: the same bytes up to the classifier's float arithmetic."""
    many = clips(60)
    qat = observed(trained, as_input(*many[:20]), limit)
    reference = ReferenceEngine(convert(qat))
    with torch.no_grad():
        expected = qat(as_input(*many)).numpy()
    got = np.stack([reference.logits(clip) for clip in many])
    spread = expected.max() - expected.min()
    assert np.abs(got - expected).max() <= 1e-5 * spread
    assert np.bincount(expected.argmax(axis=1)).min() >= 6
    np.testing.assert_array_equal(got.argmax(axis=1), expected.argmax(axis=1))


def test_each_layer_gives_the_bytes_that_validation_saw(student, as_input) -> None:
    clip = clips(1, seed=3)[0]
    qat = observed(student, as_input(*clips(8)))
    network = convert(qat)
    x = as_input(clip)
    with torch.no_grad():
        for block, conv in zip(qat.blocks, network.convolutions, strict=True):
            levels = (x[0] / conv.input.scale).round().to(torch.uint8).numpy()
            x = block(x, conv.input.scale)
            expected = (x[0] / conv.output.scale).round().numpy()
            np.testing.assert_array_equal(run_convolution(conv, levels), expected, conv.name)


def test_the_converted_network_is_plain_data(student, as_input) -> None:
    network = convert(observed(student, as_input(*clips(2))))
    assert isinstance(network, Int8Network)
    assert len(network.convolutions) == 27
    assert network.convolutions[0].input == PIXELS
    for before, after in zip(network.convolutions, network.convolutions[1:], strict=False):
        assert before.output == after.input
    for conv in network.convolutions:
        assert conv.relu
        assert conv.output.zero_point == 0
        assert conv.bias.dtype == np.int32
        assert conv.weight_scale.dtype == np.float32


def test_biases_keep_their_value(trained, as_input) -> None:
    student = copy.deepcopy(trained)
    nn.init.uniform_(student.classifier.bias, -3, 3)
    qat = observed(student, as_input(*clips(2)))
    network = convert(qat)
    assert network.classifier.input.scale < 0.9 * network.convolutions[-1].output.scale
    folded = [block.folded()[1].detach().numpy() for block in qat.blocks]
    biases = [*folded, qat.classifier.bias.detach().numpy()]
    for layer, bias in zip((*network.convolutions, network.classifier), biases, strict=True):
        step = layer.input.scale * layer.weight_scale.astype(np.float64)
        assert (np.abs(layer.bias * step - bias) <= 0.51 * step).all(), layer.name


def test_converting_changes_nothing_in_the_student(student, as_input) -> None:
    qat = observed(student, as_input(*clips(2)))
    before = copy.deepcopy(qat.state_dict())
    network = convert(qat)
    for layer in (*network.convolutions, network.classifier):
        layer.weight[:] = 0
        layer.weight_scale[:] = 1
        layer.bias[:] = 0
    for name, tensor in qat.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_without_data_there_is_nothing_to_convert(student) -> None:
    with pytest.raises(DataError, match="conv0 cannot be quantized: it never gave"):
        convert(QatMobileNet3D(student))


def test_a_range_that_is_no_number_is_refused(student, as_input) -> None:
    qat = observed(student, as_input(*clips(1)))
    qat.blocks[4].output_quantizer.largest.fill_(float("nan"))
    with pytest.raises(ValueError, match="positive and finite"):
        convert(qat)


@pytest.mark.parametrize("dead", ["weight", "factor", "both"])
def test_a_dead_channel_gives_its_bias_and_overflows_nothing(student, as_input, dead: str) -> None:
    """Weights of zero would need a scale of zero; only the constant of the channel is left."""
    block = student.features[0]
    with torch.no_grad():
        if dead in ("weight", "both"):
            block.conv.weight[1] = 0
        if dead in ("factor", "both"):
            block.bn.weight[1] = 0
        block.bn.running_mean[1] = 0
        block.bn.bias[1] = 0.3
    many = clips(3)
    qat = observed(student, as_input(*many))
    conv = convert(qat).convolutions[0]
    assert abs(int(conv.bias[1])) <= 2**30 + 2**7
    assert np.isfinite(conv.weight_scale).all()
    levels = run_convolution(conv, np.ascontiguousarray(many[0].transpose(3, 0, 1, 2)))
    assert np.abs(levels[1] * conv.output.scale - 0.3).max() <= conv.output.scale
    with torch.no_grad():
        trained = qat.blocks[0](as_input(many[0]))[0, 1]
    assert (trained - 0.3).abs().max() <= conv.output.scale
    training = QatMobileNet3D(student).train()
    training(as_input(*many)).sum().backward()
    for name, parameter in training.named_parameters():
        assert parameter.grad is not None
        assert torch.isfinite(parameter.grad).all(), name


def test_a_large_bias_makes_the_scale_coarser_not_the_number_wrong(student, as_input) -> None:
    with torch.no_grad():
        student.features[0].conv.weight[2] *= 1e-12
        student.features[0].bn.running_mean[2] = 0
        student.features[0].bn.bias[2] = 50.0
    qat = observed(student, as_input(*clips(2)))
    conv = convert(qat).convolutions[0]
    real = float(conv.bias[2]) * conv.input.scale * float(conv.weight_scale[2])
    assert real == pytest.approx(50.0, rel=1e-6)


def test_a_few_steps_of_training_teach_the_int8_network(as_input) -> None:
    """Algorithm 1 in small: observe, freeze, train on, convert; and the integers know it all."""
    torch.manual_seed(3)
    student = shorten(MobileNet3D(CLASSES, width_multiplier=0.25, dropout=0.0))
    qat = QatMobileNet3D(student).train()
    losses = learn(qat, as_input, steps=26, freeze_at=20)
    assert losses[0] > 1
    assert losses[19] < 0.1
    assert losses[-1] < 0.3
    reference = ReferenceEngine(convert(qat.eval()))
    answers = [int(reference.logits(clip).argmax()) for clip in clips(40)]
    assert (np.array(answers) == targets(40).numpy()).mean() >= 0.9
