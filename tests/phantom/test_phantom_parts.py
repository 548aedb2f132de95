"""Parts of the phantom: grid, shapes, spine, fracture, scanner; each against what it is defined to be."""

import numpy as np
import pytest
from scipy import ndimage

from vcfnb import phantom
from vcfnb.phantom import anatomy, fracture, scanner, scene
from vcfnb.phantom.canvas import FIELD_MM, Canvas, Frame
from vcfnb.phantom.folder import simulate_case
from vcfnb.phantom.patients import DEFAULTS

SPACING = (0.7, 0.7, 1.0)
COARSE = (1.5, 1.5, 1.5)
PATIENT = DEFAULTS | {"label": 1, "age": 65, "sex": "F", "bmd": -2.0, "level": "L1"} | dict.fromkeys(phantom.SIGNS, 0.0)


def canvas(spacing=COARSE, seed=1):
    return Canvas(spacing, np.random.default_rng(seed))


@pytest.mark.parametrize("size, height", [(1.0, 1.8), (4, 4), (2.6, 9), (13, 13)])
def test_a_field_has_mean_0_and_sd_1(size, height):
    fields = np.stack([canvas(SPACING, seed).field(size, height) for seed in range(4)])
    # Linear interpolation between the points of a coarse grid takes some variance away.
    assert fields.std() == pytest.approx(0.95, abs=0.1)
    assert abs(fields.mean()) < 0.25


def test_a_field_is_as_coarse_as_it_says():
    """A Gaussian filter of SD s makes a correlation of exp(-d^2 / (4 s^2)); s is half the size."""
    field = np.concatenate([canvas(COARSE, seed).field(8, 12) for seed in range(8)], axis=1)
    for axis, sigma, step in ((0, 6, 4), (2, 4, 3)):
        a, b = np.roll(field, step, axis=axis), field
        inside = tuple(slice(step, None) if i == axis else slice(None) for i in range(3))
        measured = np.corrcoef(a[inside].ravel(), b[inside].ravel())[0, 1]
        assert measured == pytest.approx(np.exp(-((step * 1.5) ** 2) / (4 * sigma**2)), abs=0.12)


def test_a_region_holds_its_box():
    paper, turned = canvas(), Frame(np.eye(3), (3, -5, 8)).at((4, 1, -2), 25)
    low, high = np.array([-12, -7, -6]), np.array([9, 8, 7])
    region = paper.region(turned, low, high)
    everywhere = paper.coordinates(turned, paper.everything)
    inside = np.logical_and.reduce([(u >= a) & (u <= b) for u, a, b in zip(everywhere, low, high, strict=True)])
    outside = inside.copy()
    outside[region] = False
    assert inside.any() and not outside.any()
    for whole, part in zip(everywhere, paper.coordinates(turned, region), strict=True):
        assert np.allclose(whole[region], part, atol=1e-4)
    assert paper.region(turned, low + 500, high + 500) is None


def test_a_frame_turns_its_top_to_the_back():
    frame = Frame(np.eye(3), (0, 0, 0)).at((0, 0, 10), 90)
    # The point 5 mm above the frame's origin, in the grid's coordinates: behind it.
    assert np.allclose(frame.matrix.T @ (0, 0, 5) + frame.origin, (0, 5, 10))


def test_partial_volume_keeps_the_amount():
    paper = canvas((1.0, 1.0, 1.0))
    x, y, z = paper.coordinates(Frame(np.eye(3), (0.3, 0.2, 0.1)), paper.everything)
    paper.paint(anatomy.ellipsoid((x, y, z), (0, 0, 0), (10, 10, 10)), 100.0)
    assert paper.hu.sum() / 100 == pytest.approx(4 / 3 * np.pi * 10**3, rel=0.01)


def test_a_rod_is_the_distance_to_its_axis():
    rod = anatomy.Rod((5, 0, 0), (5, 10, 0), 2.0, 2.0)
    x, y, z = (np.array([value], dtype=np.float32) for value in (5, 5, 6))
    assert rod.distance(x, y, z)[0] == pytest.approx(4, abs=1e-5)
    assert rod.distance(-x, y, z)[0] == pytest.approx(4, abs=1e-5)
    low, high = rod.box(0)
    assert np.all(low <= (-7, -2, -2)) and np.all(high >= (7, 12, 2))


@pytest.mark.parametrize("kind", ["wedge", "biconcave", "crush"])
def test_the_fracture_takes_the_height_it_says(kind):
    normal = anatomy.Body(45, 32, 27)
    patient = PATIENT | {"kind": kind, "loss": 0.3}
    broken = fracture.deformed(normal, patient, np.random.default_rng(1))
    places = {"front": -14.0, "middle": 0.0, "back": 14.0}
    lost = {
        name: float(normal.top(y, abs(y) / 16) - broken.top(y, abs(y) / 16)) / 27
        for name, y in ((name, np.float64(y)) for name, y in places.items())
    }
    most = {"wedge": "front", "biconcave": "middle", "crush": "middle"}[kind]
    assert max(lost, key=lost.get) == most
    assert lost[most] == pytest.approx(0.3, abs=0.09)
    if kind == "crush":
        assert min(lost.values()) > 0.2
    assert fracture.kyphosis(broken) > 5 if kind == "wedge" else fracture.kyphosis(broken) < 5


@pytest.mark.parametrize("level", ["T10", "L1", "L5"])
def test_vertebrae_stand_one_on_the_other(level):
    frame = Frame(np.eye(3), (0, 0, 0))
    spine = scene._stand(PATIENT | {"level": level}, frame, np.random.default_rng(1))
    assert sum(one.fractured for one in spine) == 1
    spine = sorted(spine, key=lambda one: one.frame.origin[2])
    names = [anatomy.LEVELS.index(one.level) for one in spine]
    assert names == sorted(names, reverse=True) and np.all(np.diff(names) == -1)
    for below, above in zip(spine, spine[1:], strict=False):
        apart = np.linalg.norm(above.frame.origin - below.frame.origin)
        halves = (below.body.height + above.body.height) / 2
        lost = fracture.lost_height(below.body) + fracture.lost_height(above.body)
        assert halves - lost - 1 < apart < halves + 14
    # Kyphosis: upwards of T10 the spine leans to the front.
    top = spine[-1].frame.matrix.T @ (0, 0, 1)
    if level == "T10":
        assert top[1] < 0


def only(**signs):
    """Scenes (no scanner) with and without the signs, and the fractured body's distance."""
    made = [scene.build(PATIENT | change, COARSE, np.random.default_rng(5)) for change in (signs, {})]
    return made[0].hu - made[1].hu, made[1].body


@pytest.mark.parametrize("sign", sorted(phantom.SIGNS))
def test_a_dial_changes_its_own_place_alone(sign):
    change, body = only(**{sign: 1.0})
    assert np.abs(change).max() > 15
    if sign in phantom.AROUND:
        assert np.abs(change[body < -1.5]).max() < 1
        assert np.abs(change[body > fracture.FADES_MM[1] + 0.1]).max() < 1
    else:
        # Lips and steps move the layer on the bone with them.
        assert np.abs(change[body > (9 if sign in ("osteophytes", "cortical_step") else 5)]).max() < 1


@pytest.mark.parametrize(
    "sign, place, direction",
    [
        ("impaction", "bone", 1),
        ("fracture_line", "bone", -1),
        ("marrow_oedema", "bone", 1),
        ("fatty_marrow", "bone", -1),
        ("sclerosis", "bone", 1),
        ("swelling", "ring", 1),
        ("stranding", "ring", 1),
    ],
)
def test_signs_are_dense_or_lucent_as_they_should(sign, place, direction):
    change, body = only(**{sign: 1.0})
    where = body < -2 if place == "bone" else (body > 1) & (body < 6)
    assert direction * change[where].mean() > 2


def test_the_box_of_the_bone_shows_less_than_half_of_the_signs_around_it_and_6_mm_nearly_all():
    """What the expansion of an ROI can find; at 0 mm they are seen in the waist and in the box's corners."""
    change, body = only(swelling=1.0, stranding=1.0)
    inside = np.argwhere(body < 0)
    low, high = inside.min(0), inside.max(0) + 1
    shares = []
    for expansion in (0, 2, 6, 10):
        margin = np.rint(expansion / np.array(COARSE)).astype(int)
        box = tuple(slice(max(a, 0), b) for a, b in zip(low - margin, high + margin, strict=True))
        shares.append(np.abs(change[box]).sum() / np.abs(change).sum())
    assert shares == sorted(shares)
    assert 0.25 < shares[0] < 0.5
    assert 0.9 < shares[2] < shares[3]


def test_a_sign_of_half_strength_lies_between():
    half, whole = (only(stranding=strength)[0] for strength in (0.5, 1.0))
    assert 0.2 * whole.sum() < half.sum() < 0.8 * whole.sum()


def test_a_sharper_kernel_is_sharper_and_noisier():
    edge = np.zeros((40, 64, 64), np.float32)
    edge[:, :, 32:] = 1000
    widths, noises = [], []
    for sharpness in (0.0, 1.0):
        patient = PATIENT | {"sharpness": sharpness, "dose": 1.0}
        image = scanner.scan(edge, (1, 0.5, 0.5), patient, np.random.default_rng(1)).astype(float)
        profile = image.mean((0, 1))
        widths.append(np.interp(750, profile[28:37], np.arange(9)) - np.interp(250, profile[28:37], np.arange(9)))
        noises.append(image[:, :, 5:25].std())
    assert widths[1] < 0.75 * widths[0]
    assert noises[1] > 2 * noises[0]
    assert noises == pytest.approx([scanner.noise_sd(s, 1.0) for s in (0, 1)], rel=0.15)


def test_noise_grows_with_the_root_of_the_dose():
    assert scanner.noise_sd(0.5, 0.25) == pytest.approx(2 * scanner.noise_sd(0.5, 1.0))


def test_noise_is_that_of_filtered_back_projection():
    """Little at low frequencies in the axial plane, finer front to back than from side to side."""
    noise = scanner._noise((32, 96, 96), (1.0, 0.7, 0.7), 0.5, np.random.default_rng(2))
    assert noise.std() == pytest.approx(1)
    smooth = ndimage.gaussian_filter(noise, (0, 4, 4))
    white = ndimage.gaussian_filter(np.random.default_rng(3).standard_normal(noise.shape), (0, 4, 4))
    assert smooth.std() < 0.8 * white.std()
    y, x = (np.corrcoef(noise.ravel(), np.roll(noise, 1, axis).ravel())[0, 1] for axis in (1, 2))
    assert y < x


def test_metal_is_bright_and_streaks_in_its_slices():
    without, with_metal = (
        simulate_case(PATIENT | {"metal": metal}, COARSE, [3])[0].astype(float) for metal in (False, True)
    )
    change = np.abs(with_metal - without)
    assert with_metal.max() == 3071
    by_slice = np.sort(change.mean((1, 2)))
    assert by_slice[-1] > 20 and by_slice[len(by_slice) // 2] < 1


def test_the_picture_has_its_field_of_view():
    image, masks = simulate_case(PATIENT, COARSE, [3])
    for n, (low, high), step in zip(image.shape, FIELD_MM, COARSE, strict=True):
        assert n == pytest.approx((high - low) / step, abs=1)
    assert all(mask.shape == image.shape for mask in masks.values())


def test_a_vertebra_may_stand_at_every_level():
    for level in ("T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5"):
        _, masks = simulate_case(PATIENT | {"level": level}, (3, 3, 3), [1])
        volume = masks["a"].sum() * 27 / 1000
        width, depth, height = (anatomy.NORMAL[level][name] for name in ("width", "depth", "height"))
        assert 0.4 < volume * 1000 / (width * depth * height) < 0.85, level
