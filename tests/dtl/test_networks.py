"""Networks against torchvision's, weights files good and bad, layers by name."""

import copy
import email.message
import io
import os
import urllib.error

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from vcfnb.dtl.networks import build_network, check_layer, feature_layers, import_torchvision, pooled_output
from vcfnb.dtl.networks.convolutions import DepthwiseConv3d, PointwiseConv3d
from vcfnb.dtl.networks.shufflenet import channel_shuffle
from vcfnb.dtl.networks.weights import read_weights
from vcfnb.errors import VcfnbError

V2 = {"shufflenet_v2_x0_5_3d": "shufflenet_v2_x0_5", "shufflenet_v2_x1_0_3d": "shufflenet_v2_x1_0"}
SMALL = "shufflenet_v2_x0_5_3d"


def torchvision_network(name, n_classes=1):
    """torchvision's network with random weights and BatchNorm statistics that are not 0 and 1."""
    torch.manual_seed(1)
    network = getattr(import_torchvision().models, V2[name])(num_classes=n_classes)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        elif isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return network.eval()


def saved(state, path):
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    return path


def repeat_the_edge_in_depth(network):
    """Zeros before the first and behind the last slice would make a constant volume vary along depth."""

    def pad(module, inputs):
        return nn.functional.pad(inputs[0], (0, 0, 0, 0, 1, 1), mode="replicate")

    for module in network.modules():
        if isinstance(module, nn.Conv3d) and module.kernel_size[0] == 3:
            module.padding = (0, 1, 1)
            module.register_forward_pre_hook(pad)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("name", V2)
def test_constant_along_depth_gives_what_torchvision_gives(name, suffix, tmp_path):
    flat = torchvision_network(name)
    network, provenance = build_network(name, saved(flat.state_dict(), tmp_path / f"weights{suffix}"))
    repeat_the_edge_in_depth(network)
    slices = torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(2), dtype=torch.double)
    with torch.no_grad():
        expected = flat.double()(slices.expand(-1, 3, -1, -1))
        found = network.double().eval()(slices[:, :, None].expand(-1, -1, 32, -1, -1))
    assert expected.std() > 1e-3
    # Stored weights are float32: a kernel divided by its depth of 3 is rounded.
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
    assert list(network.state_dict()) == list(flat.state_dict())
    assert provenance["n_loaded"] == len(flat.state_dict()) and not provenance["folded_batch_norm"]


def test_colours_are_summed_and_a_classifier_of_other_classes_is_left_out(tmp_path):
    flat = torchvision_network(SMALL, n_classes=1000).state_dict()
    path = saved({"state_dict": {f"module.{key}": value for key, value in flat.items()}}, tmp_path / "w.pth")
    network, provenance = build_network(SMALL, path, n_classes=2)
    assert provenance["left_random"] == ["fc"] and network.fc.weight.shape == (2, 1024)
    assert torch.equal(network.conv5[1].running_var, flat["conv5.1.running_var"])
    for depth in range(3):
        torch.testing.assert_close(network.conv1[0].weight[:, 0, depth], flat["conv1.0.weight"].sum(1) / 3)


def test_natural_image_weights_load_with_their_activation(shared):
    path = shared / "weights" / "shufflenet_v2_x1_0_natural.fp16.safetensors"
    network, provenance = build_network(weights=path)
    state, metadata = read_weights(path)
    assert provenance["left_random"] == ["conv5", "fc"] and provenance["folded_batch_norm"]
    assert provenance["activation"] == metadata["activation"] == "LeakyReLU(0.1)"
    assert "stage4.3.branch2.6" in network.folded
    torch.testing.assert_close(network.stage3[2].branch2[3].weight.sum(2), state["stage3.2.branch2.3.weight"].float())


def unusable(kind, path):
    """Write a file that is no set of weights for the small network."""
    state = torchvision_network(SMALL).state_dict()
    contents = {
        "best": {"epoch": 3, "best": state},
        "numbered": {0: torch.ones(2)},
        "infinite": state | {"conv5.1.bias": torch.full((1024,), np.inf)},
        "wide": state | {"stage2.0.branch1.2.weight": torch.ones(58, 24, 1, 1)},
        "foreign": {f"layers.{key}": value for key, value in state.items()},
    }
    if kind != "absent":
        torch.save(contents.get(kind, state), path, _use_new_zipfile_serialization=not kind.startswith("old"))
    if kind[4:].isdigit():
        path.write_bytes(path.read_bytes()[: int(kind[4:])])


@pytest.mark.parametrize(
    "kind, message",
    [
        ("absent", "no file"),
        *((kind, "truncated or no file of weights") for kind in ("zip_9000", "old_3000", "old_100")),
        ("best", "holds no state dict"),
        ("numbered", "holds no state dict"),
        ("infinite", r"1 not finite \(conv5.1.bias\)"),
        ("wide", r"of another shape \(stage2.0.branch1.2.weight \(58, 24, 1, 1, 1\)"),
        ("foreign", r"missing \(conv1.0.weight, .*unknown \(layers.conv1.0.weight"),
    ],
)
def test_unusable_files_are_named_with_the_reason(kind, message, tmp_path):
    unusable(kind, tmp_path / "mine.pth")
    with pytest.raises(VcfnbError, match=f"{message}.* -> ") as error:
        build_network(SMALL, tmp_path / "mine.pth")
    assert "mine.pth" in str(error.value)


@pytest.mark.parametrize("kept", [0, 5, 50, -1])
def test_truncated_safetensors_are_named(kept, tmp_path):
    path = saved({"weight": torch.ones(9)}, tmp_path / "mine.safetensors")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(VcfnbError, match="mine.safetensors is truncated"):
        read_weights(path)


class Payload(str):
    """A folder that is made when this is unpickled."""

    def __reduce__(self):
        return os.mkdir, (str(self),)


@pytest.mark.parametrize("new", [True, False])
def test_code_in_a_file_is_not_run(new, tmp_path):
    torch.save({"weight": Payload(tmp_path / "made")}, tmp_path / "evil.pth", _use_new_zipfile_serialization=new)
    with pytest.raises(VcfnbError, match="evil.pth"):
        read_weights(tmp_path / "evil.pth")
    assert not (tmp_path / "made").exists()


class Reply(io.BytesIO):
    """What a download opens: bytes, and headers without a length."""

    info = staticmethod(email.message.Message)


@pytest.mark.parametrize("answer, reason", [(None, "no route"), (b"a login page", "hash")], ids=["offline", "other"])
def test_imagenet_that_cannot_be_had_says_what_to_do(answer, reason, tmp_path, monkeypatch):
    def urlopen(*arguments, **options):
        if answer is None:
            raise urllib.error.URLError("no route")
        return Reply(answer)

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "urlopen", urlopen)
    with pytest.raises(VcfnbError, match=rf"not be downloaded from https://\S+\.pth .*{reason}.* -> .*path.*random"):
        build_network(SMALL, "imagenet")


def test_version_1_is_the_papers():
    network = build_network("shufflenet_v1_3d", "random")[0]
    stages = (network.layer1, network.layer2, network.layer3)
    assert [len(stage) for stage in stages] == [4, 8, 4]
    units = [unit for stage in stages for unit in stage]
    assert {unit.conv3.groups for unit in units} == {3}
    assert [unit.conv1.groups for unit in units] == [1] + [3] * 15  # the stem's 24 channels are too few
    shapes = []
    for module in (*stages, network.layer3[3].conv3):
        module.register_forward_hook(lambda module, inputs, output: shapes.append(tuple(output.shape)))
    with torch.no_grad():
        network.eval()(torch.zeros(1, 1, 64, 64, 64))
        assert network(torch.zeros(2, 1, 16, 16, 16)).shape == (2, 1)
    # The layer is part of its stage, and comes before it.
    assert shapes[:4] == [(1, 240, 8, 8, 8), (1, 480, 4, 4, 4), (1, 960, 2, 2, 2), (1, 960, 2, 2, 2)]
    assert check_layer(network) == "layer3.3.conv3" in feature_layers(network)


def version_1_by_definition(state, x, slope):
    """ShuffleNet v1 (Zhang et al. 2018, figure 2 and table 1, 3 groups) in three dimensions, operation by operation."""

    def norm(x, name):
        mean, var, weight, bias = (
            state[f"{name}.{part}"].view(-1, 1, 1, 1) for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-5).sqrt() * weight + bias

    def pool(x, function):
        fill = -np.inf if function == "amax" else 0.0
        windows = nn.functional.pad(x, (1,) * 6, value=fill).unfold(2, 3, 2).unfold(3, 3, 2).unfold(4, 3, 2)
        return getattr(windows, function)((5, 6, 7))

    def unit(x, name, stride, groups):
        weight = {number: state[f"{name}.conv{number}.weight"] for number in (1, 2, 3)}
        out = activation(norm(nn.functional.conv3d(x, weight[1], groups=groups), f"{name}.bn1"))
        out = torch.stack(out.chunk(3, dim=1), dim=2).flatten(1, 2)  # channel shuffle
        out = nn.functional.conv3d(out, weight[2], stride=stride, padding=1, groups=len(weight[2]))
        out = norm(nn.functional.conv3d(norm(out, f"{name}.bn2"), weight[3], groups=3), f"{name}.bn3")
        return activation(out + x) if stride == 1 else activation(torch.cat((out, pool(x, "mean")), dim=1))

    def activation(x):
        return torch.where(x > 0, x, slope * x)

    x = activation(norm(nn.functional.conv3d(x, state["conv1.0.weight"], stride=2, padding=1), "conv1.1"))
    x = pool(x, "amax")
    for stage, units in ((1, 4), (2, 8), (3, 4)):
        for number in range(units):
            first = number == 0
            x = unit(x, f"layer{stage}.{number}", 2 if first else 1, 1 if first and stage == 1 else 3)
    return x.mean((2, 3, 4)) @ state["fc.weight"].T + state["fc.bias"]


@pytest.mark.parametrize("activation, slope", [("ReLU", 0.0), ("LeakyReLU(0.1)", 0.1)])
def test_version_1_computes_its_definition(activation, slope):
    network = build_network("shufflenet_v1_3d", "random", activation=activation)[0].double().eval()
    torch.manual_seed(5)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    x = torch.randn(2, 1, 36, 32, 32, dtype=torch.double)
    with torch.no_grad():
        found, expected = network(x), version_1_by_definition(network.state_dict(), x, slope)
    assert expected.abs().min() > 1e-3
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("groups, channels", [(2, 8), (3, 12), (3, 240)])
def test_channel_shuffle_interleaves_the_groups(groups, channels):
    x = torch.randn(2, channels, 2, 3, 4)
    shuffled, n = channel_shuffle(x, groups), channels // groups
    for group, index in np.ndindex(groups, n):
        assert torch.equal(shuffled[:, index * groups + group], x[:, group * n + index])


@pytest.mark.parametrize("stride", [1, 2, pytest.param(None, id="pointwise")])
@pytest.mark.parametrize("shape", [(2, 4, 5, 6, 7), (1, 4, 2, 1, 4)])
def test_convolutions_have_torchs_values_and_gradients(stride, shape):
    torch.manual_seed(4)
    if stride:
        ours, options = DepthwiseConv3d(4, stride), {"kernel_size": 3, "stride": stride, "padding": 1, "groups": 4}
    else:
        ours, options = PointwiseConv3d(4, 6), {"kernel_size": 1}
    ours = ours.double()
    torchs = nn.Conv3d(4, ours.out_channels, bias=False, **options).double()
    torchs.load_state_dict(ours.state_dict())
    x, results = torch.randn(shape, dtype=torch.double, requires_grad=True), []
    for layer in (ours, torchs):
        out = layer(x)
        results.append((out, *torch.autograd.grad(out.sin().sum(), (x, layer.weight))))
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("layer", ["layer3.3.conv3", "fc", ""])
def test_unknown_layers_get_the_valid_ones(layer):
    network = build_network(SMALL, "random")[0]
    with pytest.raises(VcfnbError, match="feature layers, such as .*default conv5") as error:
        check_layer(network, layer)
    listed = str(error.value).split("such as ")[1].split(" (default")[0].split(", ")
    assert set(listed) <= set(feature_layers(network))


def test_every_feature_layer_can_be_pooled_and_the_network_is_left_as_it_was():
    network = build_network(SMALL, "random")[0].train()
    before = copy.deepcopy(network.state_dict())
    assert {"conv1.0", "stage2", "stage4.3.branch2.7", "conv5"} <= set(feature_layers(network))
    assert network.training and all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    x = torch.randn(2, 1, 32, 32, 32)
    with torch.no_grad(), pooled_output(network.eval(), "conv1.1") as pooled:
        network(x)
        expected = network.conv1[:2](x).mean((2, 3, 4))  # before the ReLU behind it, which works in place
    assert (expected < 0).any()
    torch.testing.assert_close(pooled[0], expected)


def test_random_weights_depend_on_the_seed_alone():
    callers = torch.get_rng_state()
    first = build_network(SMALL, "random", seed=5)[0].state_dict()
    assert torch.equal(torch.get_rng_state(), callers)
    torch.manual_seed(0)
    again, provenance = build_network(SMALL, "random", seed=5)
    assert all(torch.equal(value, first[key]) for key, value in again.state_dict().items())
    other = build_network(SMALL, "random", seed=6)[0]
    assert not torch.equal(other.conv1[0].weight, first["conv1.0.weight"])
    assert "seed 5" in provenance["source"] and provenance["n_loaded"] == 0


def test_unknown_names_list_the_known_ones():
    with pytest.raises(VcfnbError, match=SMALL):
        build_network("resnet18", "random")
    with pytest.raises(VcfnbError, match="no public ImageNet weights of shufflenet_v1_3d"):
        build_network("shufflenet_v1_3d", "imagenet")
    with pytest.raises(VcfnbError, match="Mish"):
        build_network(SMALL, "random", activation="Mish")
