"""The network on three slices against torchvision's, its weights files, and everything that is done with a network."""

import copy
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from test_networks import saved
from torch import nn

from vcfnb.dtl import TrainSettings, features_and_scores, load_model, run_expansion, save_model, training
from vcfnb.dtl.networks import build_network, check_layer, feature_layers, import_torchvision, pooled_output
from vcfnb.dtl.networks.slices import middle_slices
from vcfnb.dtl.networks.weights import read_weights
from vcfnb.errors import VcfnbError

FLAT = {"shufflenet_v2_x0_5_25d": "shufflenet_v2_x0_5", "shufflenet_v2_x1_0_25d": "shufflenet_v2_x1_0"}
SMALL = "shufflenet_v2_x0_5_25d"
SETTINGS = TrainSettings(network=SMALL, weights="random", epochs=2, batch_size=8, n_dimensions=4, n_folds=2, seed=3)


def torchvision_network(name, slope=0.0, n_classes=1):
    """torchvision's network with random weights, BatchNorm statistics that are not 0 and 1, and an activation."""
    torch.manual_seed(1)
    network = getattr(import_torchvision().models, FLAT[name])(num_classes=n_classes)
    for module in list(network.modules()):
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        elif isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
        for child, inner in module.named_children():
            if slope and isinstance(inner, nn.ReLU):
                setattr(module, child, nn.LeakyReLU(slope))
    return network.eval()


def rgb(flat):
    """A grey picture for torchvision."""
    return flat.expand(-1, 3, -1, -1)


def test_slices_are_axial_coronal_sagittal_through_the_middle():
    crops = torch.arange(2 * 4**3).reshape(2, 1, 4, 4, 4)
    axial, coronal, sagittal = middle_slices(crops).chunk(3)
    assert torch.equal(axial, crops[:, :, 2])
    assert torch.equal(coronal, crops[:, :, :, 2])
    assert torch.equal(sagittal, crops[..., 2])
    with pytest.raises(VcfnbError, match=r"\(4, 4, 3\) voxels are no cubes -> "):
        middle_slices(crops[..., :3])


@pytest.mark.parametrize("slope", [0.0, 0.1])
@pytest.mark.parametrize("name", FLAT)
def test_it_is_torchvisions_on_each_slice_and_the_classifier_sees_the_mean(name, slope, tmp_path):
    flat = torchvision_network(name, slope)
    path = saved(flat.state_dict(), tmp_path / "weights.pth")
    network, provenance = build_network(name, path, activation=f"LeakyReLU({slope})" if slope else "ReLU")
    assert list(network.state_dict()) == list(flat.state_dict()) and provenance["n_loaded"] == len(flat.state_dict())
    crops = torch.randn(2, 1, 48, 48, 48, generator=torch.Generator().manual_seed(2))
    # Linear in the features: the mean of the three views' logits.
    with torch.no_grad():
        views = [flat(rgb(crops.select(axis, 24))) for axis in (2, 3, 4)]
        found = network.eval()(crops)
    assert torch.stack(views).std(0).min() > 1e-3
    torch.testing.assert_close(found, sum(views) / 3, rtol=1e-4, atol=1e-5)


def test_activation_and_folded_normalisation_travel_with_the_file(tmp_path):
    state = build_network(SMALL, "random", seed=2)[0].state_dict()
    save_file(state, tmp_path / "leaky.safetensors", {"activation": "LeakyReLU(0.2)"})
    network, provenance = build_network(SMALL, tmp_path / "leaky.safetensors")
    slopes = {module.negative_slope for module in network.modules() if isinstance(module, nn.LeakyReLU)}
    assert slopes == {0.2} and not any(isinstance(module, nn.ReLU) for module in network.modules())
    assert provenance["activation"] == "LeakyReLU(0.2)" and provenance["folded_batch_norm"]
    assert len(network.folded) == sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def test_natural_image_weights_load(shared):
    path = shared / "weights" / "shufflenet_v2_x1_0_natural.fp16.safetensors"
    network, provenance = build_network("shufflenet_v2_x1_0_25d", path)
    state = read_weights(path)[0]
    assert provenance["left_random"] == ["conv5", "fc"] and provenance["activation"] == "LeakyReLU(0.1)"
    torch.testing.assert_close(network.conv1[0].weight, state["conv1.0.weight"].float().sum(1, keepdim=True))
    torch.testing.assert_close(network.stage3[2].branch2[3].weight, state["stage3.2.branch2.3.weight"].float())


def test_weights_of_other_networks_are_refused(tmp_path):
    deep = build_network("shufflenet_v2_x0_5_3d", "random")[0].state_dict()
    path = saved(deep, tmp_path / "deep.safetensors")
    with pytest.raises(VcfnbError, match=r"deep.safetensors is of a three-dimensional network.* -> .*two-dimensional"):
        build_network(SMALL, path)
    path = saved(torchvision_network("shufflenet_v2_x1_0_25d").state_dict(), tmp_path / "wide.pth")
    with pytest.raises(VcfnbError, match=r"wide.pth does not fit the network: .*of another shape"):
        build_network(SMALL, path)


def test_layers_by_name_and_pooled_over_space_and_slices():
    network = build_network(SMALL, "random")[0].eval()
    assert check_layer(network) == "conv5"
    assert {"conv1.0", "stage2", "stage4.3.branch2.7", "conv5"} <= set(feature_layers(network))
    with pytest.raises(VcfnbError, match="layer 'layer1' is not in SliceShuffleNetV2 -> "):
        check_layer(network, "layer1")
    crops = torch.randn(2, 1, 32, 32, 32)
    with torch.no_grad(), pooled_output(network, "stage2") as pooled:
        network(crops)
    with torch.no_grad():
        views = [network.stage2(network.maxpool(network.conv1(crops.select(axis, 16)))) for axis in (2, 3, 4)]
    assert pooled[0].shape == (2, 48)
    torch.testing.assert_close(pooled[0], sum(view.mean((2, 3)) for view in views) / 3)


def test_copies_and_pickles_are_the_same_network():
    network = build_network(SMALL, "random", activation="LeakyReLU(0.1)")[0].eval()
    crops = torch.randn(1, 1, 32, 32, 32)
    for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(other(crops), network(crops)) and other.folded == network.folded
        assert other.conv1[0].weight.data_ptr() != network.conv1[0].weight.data_ptr()


def test_recalibration_changes_statistics_and_no_output(tmp_path):
    network = build_network(SMALL, saved(build_network(SMALL, "random")[0].state_dict(), tmp_path / "w.pth"))[0]
    crops = np.random.default_rng(1).normal(size=(6, 1, 32, 32, 32)).astype(np.float32)
    before, _ = features_and_scores(network, crops)
    training.recalibrate(network, crops)
    np.testing.assert_allclose(features_and_scores(network, crops)[0], before, rtol=1e-3, atol=1e-5)
    var, mean = torch.var_mean(network.conv1[0](middle_slices(torch.tensor(crops))), (0, 2, 3))
    torch.testing.assert_close(network.conv1[1].running_mean, mean, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network.conv1[1].running_var, var, rtol=1e-3, atol=1e-5)


def test_a_whole_expansion_and_the_saved_network(tmp_path):
    labels = np.tile([1, 0], 10)
    crops = np.random.default_rng(1).normal(0, 0.5, size=(20, 1, 16, 16, 16)).astype(np.float32)
    crops[:, :, 4:-4, 4:-4, 4:-4] += (2 * labels - 1)[:, None, None, None, None]
    split = np.where(np.arange(20) % 5 < 4, "train", "test")
    result = run_expansion(crops, labels, split, SETTINGS, cores=1)
    assert result.provenance["n_channels"] == 1024 and result.features.shape == (20, 4)
    # Workers get the network by pickle.
    kept = pickle.loads(pickle.dumps(load_model(save_model(tmp_path, result))))
    features, scores = kept.features_and_scores(crops)
    test = split == "test"
    assert np.array_equal(scores[test], result.scores[test]) and np.array_equal(features[test], result.features[test])
