"""Attribution: known evidence, Grad-CAM by hand, completeness, proportions of regions, the way back to the CT."""

from functools import partial
from itertools import product

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
import torch
from cases import ball, image, texture, write
from scipy import ndimage
from torch import nn

from vcfnb import view
from vcfnb.dtl import attribution_shares, deletion_test, grad_cam, heatmap_image, integrated_gradients
from vcfnb.dtl.attribution import _between_cells, _frozen, _moved
from vcfnb.dtl.networks import build_network
from vcfnb.dtl.networks.slices import middle_slices, on_slices
from vcfnb.dtl.regions import region_parts
from vcfnb.errors import BadInput, VcfnbError
from vcfnb.figures.pictures import Volume
from vcfnb.preprocessing import crops

SMALL = {"3d": "shufflenet_v2_x0_5_3d", "25d": "shufflenet_v2_x0_5_25d", "v1": "shufflenet_v1_3d"}
SIZE = 32


class Octant(nn.Module):
    """Adds up the brightness of one octant (low z, high y, low x); the answer is acute where it is positive."""

    cam_layer = "there"
    n_slices = 1
    memory_format = torch.channels_last_3d

    def __init__(self, weight=1.0):
        super().__init__()
        self.there = nn.Conv3d(1, 1, 1, bias=False)
        self.fc = nn.Linear(1, 1)
        nn.init.ones_(self.there.weight)
        nn.init.constant_(self.fc.weight, weight)
        nn.init.zeros_(self.fc.bias)

    def forward(self, x):
        edge = x.shape[-1]
        inside = torch.zeros(x.shape[2:])
        inside[: edge // 2, edge // 2 :, : edge // 2] = 1
        # The hook sees what the layer gives: its input is masked, so that there is nothing to see elsewhere.
        return self.fc(self.there(x * inside).mean((2, 3, 4)))


def some_crops(n=3, size=SIZE, seed=0):
    noise = np.random.default_rng(seed).normal(size=(n, 1, size, size, size))
    return ndimage.gaussian_filter(noise, (0, 0, 1, 1, 1)).astype(np.float32) * 3


def network(kind, seed=1):
    """A random network in which BatchNorm does something, so that answers of both kinds occur."""
    made = build_network(SMALL[kind], "random", seed=seed)[0].eval()
    torch.manual_seed(seed)
    for module in made.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm3d)):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    with torch.no_grad():
        made.fc.bias -= made(torch.tensor(some_crops())).mean()
    return made


@pytest.fixture
def case(tmp_path):
    """A ball off the middle of an image, as preprocessed files."""
    picture = write(image(texture()), tmp_path / "ct.nii.gz")
    mask = write(image(ball(centre=(10, 12, 15), radius=6)), tmp_path / "mask.nii.gz")
    return pd.DataFrame([("P1", str(picture), str(mask))], columns=["case_id", "image", "mask"])


@pytest.mark.parametrize("method", [partial(grad_cam, shifted=False), integrated_gradients], ids=["cam", "gradients"])
@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["acute", "chronic"])
def test_heat_lies_in_the_octant_that_the_evidence_comes_from(method, sign):
    bright = np.abs(some_crops()) + 0.1
    heat = method(Octant(sign), bright)
    assert heat.shape == (3, SIZE, SIZE, SIZE) and heat.dtype == np.float32 and heat.min() >= 0
    half = SIZE // 2
    inside = np.zeros(heat.shape[1:], dtype=bool)
    inside[:half, half:, :half] = True
    assert heat[:, inside].sum() > 0 and not heat[:, ~inside].any()


@pytest.mark.parametrize("kind, layer", [("3d", None), ("3d", "stage3"), ("v1", None), ("25d", None)])
def test_grad_cam_is_the_mean_gradient_times_the_activation(kind, layer):
    net, x = network(kind), torch.tensor(some_crops())
    found = grad_cam(net, x.numpy(), layer, shifted=False)
    for index in range(len(x)):
        kept = []
        hook = net.get_submodule(layer or net.cam_layer).register_forward_hook(
            lambda module, inputs, output, kept=kept: kept.append(output)
        )
        logit = net(x[index : index + 1])[0, 0]
        hook.remove()
        (gradient,) = torch.autograd.grad(logit.abs(), kept)
        space = tuple(range(2, gradient.dim()))
        cells = (gradient.mean(space, keepdim=True) * kept[0]).sum(1).relu().detach()
        heat = _between_cells(cells, (SIZE,) * len(space))
        expected = on_slices(heat) if kind == "25d" else heat
        torch.testing.assert_close(torch.tensor(found[index]), expected[0], rtol=1e-4, atol=1e-6)
    assert found.max() > 1e-4
    with torch.no_grad():
        assert len(net(x).sign().unique()) == 2  # both answers are among them


def test_the_average_over_moved_crops_is_that_of_their_maps():
    net, x = network("3d"), some_crops(2)
    with torch.no_grad():
        net.fc.bias += 10  # acute, wherever the crop is moved
    found, maps = grad_cam(net, x), []
    for move in product((-2, 2), repeat=3):  # a twelfth of 32
        moved = _moved(torch.tensor(x), move, "replicate")
        assert torch.equal(moved[..., 4:-4, 4:-4, 4:-4], torch.tensor(x).roll(move, (2, 3, 4))[..., 4:-4, 4:-4, 4:-4])
        heat = torch.tensor(grad_cam(net, moved.numpy(), shifted=False))
        maps.append(_moved(heat.unsqueeze(1), [-step for step in move], "constant").squeeze(1))
    assert found.max() > 0
    np.testing.assert_allclose(found, torch.stack(maps).mean(0), atol=1e-5)


def test_heat_follows_the_picture_and_not_the_faces_of_the_crop():
    """The crop is moved by half a cell: maps of the two, brought to the same place, agree better when averaged."""
    net, size = network("3d"), 48
    whole = torch.tensor(some_crops(4, size + 16, seed=5))
    first, second = (whole[..., k : k + size, k : k + size, k : k + size].numpy() for k in (8, 12))
    face, agree = {}, {}
    inner = np.zeros((size,) * 3, dtype=bool)
    inner[4:-4, 4:-4, 4:-4] = True
    for shifted in (False, True):
        a, b = (grad_cam(net, x, shifted=shifted) for x in (first, second))
        face[shifted] = np.mean([heat[~inner].sum() / heat.sum() for heat in (*a, *b)])
        pairs = [(one[8:, 8:, 8:], other[4:-4, 4:-4, 4:-4]) for one, other in zip(a, b, strict=True)]
        agree[shifted] = np.mean(
            [np.corrcoef(one[:36, :36, :36].ravel(), other[:36, :36, :36].ravel())[0, 1] for one, other in pairs]
        )
    assert face[True] < face[False] and agree[True] > agree[False] + 0.1


def test_deletion_loses_more_where_the_evidence_is():
    bright = np.abs(some_crops()) + 0.1
    heat = grad_cam(Octant(), bright, shifted=False)
    found = deletion_test(Octant(), bright, heat, share=0.05)
    assert (found["hot"] > 2 * found["random"]).all()
    # The evidence is the mean of the octant: hidden voxels get the crop's mean.
    hottest = np.argsort(heat[0].ravel())[-round(0.05 * SIZE**3) :]
    lost = (bright[0].ravel()[hottest] - bright[0].mean()).sum() / SIZE**3
    assert found["hot"][0] == pytest.approx(lost, rel=1e-4)
    assert deletion_test(Octant(), bright, 0 * heat).isna().all(axis=None)
    whole = deletion_test(Octant(), bright, heat, batch_size=2)
    assert len(whole) == 3 and whole["hot"].tolist() == pytest.approx(
        deletion_test(Octant(), bright, heat)["hot"].tolist()
    )


def test_cells_are_put_where_they_look():
    """The gradient of a cell of the first stage is centred at 8 times its index."""
    for kind, layer in (("3d", "stage2.0"), ("v1", "layer1.0"), ("25d", "stage2.0")):
        net, flat = network(kind), kind == "25d"
        x = torch.tensor(some_crops(8, 48)).requires_grad_()
        kept = []
        hook = net.get_submodule(layer).register_forward_hook(
            lambda module, inputs, output, kept=kept: kept.append(output)
        )
        net(x)
        hook.remove()
        middle = (..., 3, 3) if flat else (..., 3, 3, 3)
        (gradient,) = torch.autograd.grad(kept[0][middle].abs().sum(), x)
        gradient = middle_slices(gradient)[:8] if flat else gradient
        weight = gradient.abs().sum((0, 1))
        centre = [
            float((weight.sum(tuple(set(range(weight.dim())) - {axis})) * torch.arange(48)).sum() / weight.sum())
            for axis in range(weight.dim())
        ]
        np.testing.assert_allclose(centre, 24, atol=1)
    cells = torch.zeros(1, 6, 6, 6)
    cells[0, 3, 1, 2] = 1
    heat = _between_cells(cells, (48, 48, 48))[0]
    assert np.unravel_index(int(heat.argmax()), heat.shape) == (24, 8, 16) and heat.max() == 1
    assert heat[20, 8, 16] == 0.5 and heat[24, 8, 24] == 0


@pytest.mark.parametrize("kind", SMALL)
def test_integrated_gradients_add_up_to_the_evidence(kind):
    net, x = network(kind), some_crops()
    found = integrated_gradients(net, x, n_steps=128, signed=True)
    with torch.no_grad():
        means = torch.tensor(x).mean((1, 2, 3, 4), keepdim=True)
        logit, start = (net(crop).squeeze(1) for crop in (torch.tensor(x), means.expand(x.shape)))
    expected = ((logit - start) * torch.where(logit >= 0, 1, -1)).numpy()
    assert np.abs(expected).min() > 1e-3
    np.testing.assert_allclose(found.sum((1, 2, 3)), expected, atol=0.05 * np.abs(expected).max())
    signed, size = (integrated_gradients(net, x, n_steps=4, signed=signed) for signed in (True, False))
    assert np.array_equal(np.abs(signed), size)
    if kind == "25d":
        off = np.ones((SIZE,) * 3, dtype=bool)
        half = SIZE // 2
        off[half], off[:, half], off[:, :, half] = False, False, False
        assert not found[:, off].any() and not grad_cam(net, x)[:, off].any()


def test_a_baseline_can_be_given():
    x = np.abs(some_crops())
    found = integrated_gradients(Octant(), x, baseline=-1.0, signed=True)
    half, n = SIZE // 2, SIZE**3
    # Linear: exactly the difference to the baseline.
    np.testing.assert_allclose(found[:, :half, half:, :half], (x[:, 0, :half, half:, :half] + 1) / n, rtol=1e-4)


def test_results_do_not_depend_on_the_batch_and_the_network_is_left_as_it_was():
    net, x = network("3d").train(), some_crops(5)
    net.conv1[0].weight.requires_grad_(False)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    for method in (grad_cam, integrated_gradients):
        np.testing.assert_allclose(method(net, x, batch_size=2), method(net, x), rtol=1e-3, atol=1e-6)
    assert net.training and all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert [name for name, value in net.named_parameters() if not value.requires_grad] == ["conv1.0.weight"]
    assert all(value.grad is None for value in net.parameters())
    with pytest.raises(RuntimeError), _frozen(net):
        raise RuntimeError
    assert net.training and net.fc.weight.requires_grad


def test_an_answer_that_hangs_on_no_voxel_has_no_heat_and_no_shares(case):
    for method in (grad_cam, integrated_gradients):
        assert not method(Octant(0.0), some_crops(1)).any()
    table = attribution_shares(Octant(0.0), some_crops(1), case, 4)
    assert table["share"].isna().all() and table["volume_share"].notna().all()


def by_brute_force(mask, expansion):
    """Distances (mm, 1 mm voxels) to the nearest voxel of the mask, in the expanded box."""
    padded = np.pad(mask, expansion + 1)
    distance = ndimage.distance_transform_edt(padded == 0)
    start, stop = crops.bounding_box(padded)
    return distance[tuple(slice(a - expansion, b + expansion) for a, b in zip(start, stop, strict=True))]


@pytest.mark.parametrize("expansion", [0, 4, 10])
def test_regions_are_cut_by_the_distance_to_the_bone(expansion):
    mask = ball(centre=(10, 12, 15), radius=6)
    distance = by_brute_force(mask, expansion)  # at 10 voxels, the box leaves the image
    size = distance.shape[0]
    assert distance.shape == (size,) * 3
    bone, ring, beyond = region_parts(image(mask), expansion, size)
    assert np.array_equal(bone, distance == 0)
    assert np.array_equal(ring, (distance > 0) & (distance <= 6))
    assert np.array_equal(beyond, distance > 6)
    resized = region_parts(image(mask), expansion, 16)
    np.testing.assert_allclose(resized.sum(0), 1, atol=1e-6)
    np.testing.assert_allclose(resized.mean((1, 2, 3)), [bone.mean(), ring.mean(), beyond.mean()], atol=0.03)


def test_distances_are_in_mm():
    inside = np.zeros((20, 20, 20), dtype=np.uint8)
    inside[8:12, 8:12, 8:12] = 1
    ring = region_parts(image(inside, spacing=(1.0, 2.0, 3.0)), 6, 16)[1] > 0.5
    middle = 8
    counts = [ring[:, middle, middle].sum(), ring[middle, :, middle].sum(), ring[middle, middle].sum()]
    assert counts == [4, 6, 12]  # 6 mm on both sides, in voxels of 3, 2 and 1 mm


def test_shares_sum_to_one_and_a_region_of_its_own_gets_everything(case):
    net, cut = network("3d"), crops.load_crops(case, 4, SIZE, 500, 1200, cores=1)
    table = attribution_shares(net, cut, case, 4)
    assert list(table) == ["case_id", "method", "region", "share", "volume_share"]
    assert list(table["region"]) == ["bone", "ring", "beyond"] * 2
    sums = table.groupby(["case_id", "method"], sort=False)[["share", "volume_share"]].sum()
    assert list(sums.index) == [("P1", "grad_cam"), ("P1", "integrated_gradients")]
    np.testing.assert_allclose(sums, 1, atol=1e-9)
    parts = region_parts(crops.oriented(crops.read(case["mask"][0])), 4, SIZE)
    heat = integrated_gradients(net, cut)[0]
    expected = [(part * heat).sum() / heat.sum() for part in parts]
    np.testing.assert_allclose(table.query("method == 'integrated_gradients'")["share"], expected, rtol=1e-4)
    np.testing.assert_allclose(table["volume_share"][:3], parts.mean((1, 2, 3)), rtol=1e-4)


def test_volume_shares_of_slices_are_those_of_the_slices(case):
    net, cut = network("25d"), crops.load_crops(case, 4, SIZE, 500, 1200, cores=1)
    table = attribution_shares(net, cut, case, 4, methods=["grad_cam"])
    parts = torch.tensor(region_parts(crops.oriented(crops.read(case["mask"][0])), 4, SIZE))
    on_them = middle_slices(parts[:, None]).unflatten(0, (3, 3)).mean((0, 2, 3, 4))
    np.testing.assert_allclose(table["volume_share"], on_them, rtol=1e-4)
    assert table["volume_share"][0] > parts[0].mean() * 1.1  # the slices go through the bone's middle
    assert table["share"].sum() == pytest.approx(1)


def test_every_bad_mask_is_named(case, tmp_path):
    empty = write(image(np.zeros((24, 26, 28), dtype=np.uint8)), tmp_path / "empty.nii.gz")
    rows = [*case.to_dict("records"), {"case_id": "P2", "mask": str(empty)}, {"case_id": "P3", "mask": "gone.nii.gz"}]
    with pytest.raises(BadInput) as error:
        attribution_shares(Octant(), some_crops(), pd.DataFrame(rows), 4, batch_size=1)
    problems = error.value.problems
    assert list(problems["case_id"]) == ["P2", "P3"] and list(problems["file"]) == [str(empty), "gone.nii.gz"]
    assert problems["problem"].str.contains("mask is empty|cannot be read").all()


def test_wrong_arguments_say_what_to_do(case):
    for call, message in (
        (lambda: attribution_shares(Octant(), some_crops(2), case, 4), "2 crops and 1 cases -> "),
        (
            lambda: attribution_shares(Octant(), some_crops(1), case, 4, ["lime"]),
            "method 'lime' is not known -> choose",
        ),
        (lambda: grad_cam(network("3d"), some_crops(1), "stage7"), "layer 'stage7' is not in ShuffleNetV2 -> "),
        (lambda: grad_cam(Octant(), some_crops(0)), "no crops -> "),
        (lambda: heatmap_image(np.ones((4, 4, 4)), image(texture()), image(ball((9, 9, 9))), 2), "differ in size -> "),
        (lambda: heatmap_image(np.ones((4, 4, 4)), "gone.nii.gz", "gone.nii.gz", 2), "cannot be read: .* -> "),
    ):
        with pytest.raises(VcfnbError, match=message):
            call()


@pytest.mark.parametrize("flip", [(False, False, False), (True, False, True)])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_a_bright_spot_comes_back_to_its_voxel_in_any_orientation(flip, order, tmp_path):
    spot = (12, 9, 17)  # z, y, x; in the ball's box
    array = np.zeros((24, 26, 28), dtype=np.int16)
    array[spot] = 1000
    pictures = {"image": image(array, origin=(5.0, -3.0, 8.0)), "mask": image(ball(radius=7), origin=(5.0, -3.0, 8.0))}
    place = pictures["image"].TransformIndexToPhysicalPoint(spot[::-1])
    rows = {"case_id": "P1"}
    for kind, made in pictures.items():
        pictures[kind] = sitk.PermuteAxes(sitk.Flip(made, flip, False), order)
        rows[kind] = str(write(pictures[kind], tmp_path / f"{kind}.mha"))
    cut = crops.load_crops(pd.DataFrame([rows]), 2, 38, 500, 1200, cores=1)[0, 0]
    for given in (pictures, rows):
        heat = heatmap_image(cut - cut.min(), given["image"], given["mask"], 2)
        values = sitk.GetArrayFromImage(heat)
        found = [int(n) for n in np.unravel_index(values.argmax(), values.shape)][::-1]
        np.testing.assert_allclose(heat.TransformIndexToPhysicalPoint(found), place, atol=1e-4)
        assert heat.GetDirection() == pictures["image"].GetDirection() and heat.GetPixelID() == sitk.sitkFloat32
    # The same voxel in the picture, where all are brought into one orientation.
    volume = Volume.of(pictures["image"], {"mask": pictures["mask"]}, heatmap=heat)
    assert volume.heatmap.argmax() == volume.image.argmax()
    assert len(view(pictures["image"], pictures["mask"], heat).axes) == 4


def test_heat_beyond_the_image_is_left_out_and_the_rest_stays_in_place():
    mask = np.zeros((12, 14, 16), dtype=np.uint8)
    mask[0:6, 4:9, 10:16] = 1  # at the image's border along z and x
    heat = np.random.default_rng(1).random((16, 16, 16)).astype(np.float32)
    start, stop = crops.expanded_box(mask, 3)
    whole = crops.resize(heat, stop - start)
    found = sitk.GetArrayFromImage(heatmap_image(heat, image(mask), image(mask), 3))
    assert np.array_equal(found[0:9, 1:12, 7:16], whole[3:12, :, :9])
    found[0:9, 1:12, 7:16] = 0
    assert not found.any()
