"""Synthetic volumes: an object with a texture, a shell, cracks and surroundings, and the numbers that made it.

Nothing here is anatomy, and no image is read: the generating parameters, cut into classes, are what a network learns to
name (formula-driven supervised learning: Kataoka et al. 2020, ACCV, FractalDB; Tadokoro et al. 2023, BMVC, PrimGeoSeg).
"""

import numpy as np
import scipy.fft
from scipy import ndimage

SIZE = 48  # edge of a volume, voxels

# Each head of the network names the class of one generating parameter. A class is an interval that the parameter is
# drawn from, or a single value. None of them changes when the volume is turned or mirrored.
HEADS = {
    "radius": ((10, 13), (13, 17), (17, 24)),  # of the object, voxels
    "exponent": ((1.5, 2.2), (3, 4), (6, 9)),  # superquadric: ellipsoid, ..., box
    "elongation": ((1, 1.1), (1.25, 1.5), (1.7, 2.1)),
    "lobes": (0, 2, 3, 5),  # bulges around one axis
    "roughness": ((0, 0.2), (0.8, 1.3), (1.8, 2.8)),  # of the surface, voxels
    "density": ((-0.2, 0.05), (0.15, 0.3), (0.4, 0.55), (0.65, 0.9)),  # inside against outside
    "grain": ((0.8, 1.1), (1.6, 2.2), (3.2, 4.2), (6, 8)),  # texture inside, voxels
    "grain_form": ("even", "rods", "plates"),
    "grain_contrast": ((0, 0.02), (0.07, 0.12), (0.18, 0.3)),
    "shell": ((0, 0), (0.7, 1.1), (1.6, 2.2), (3, 4)),  # thickness, voxels
    "shell_density": ((-0.5, -0.3), (0.3, 0.5), (0.7, 1)),  # against the inside
    "cracks": (0, 1, 2),  # planes through the object
    "crack_density": ((-0.6, -0.35), (0.35, 0.6)),
    "bubbles": (0, 3, 9),
    "bubble_density": ((-0.7, -0.4), (0.4, 0.7)),
    "cap": ((0, 0), (0.2, 0.3), (0.4, 0.6)),  # dense layer under one side of the surface
    "cap_depth": ((1, 1.8), (3, 4), (6, 8)),  # how far it reaches inward, voxels
    "halo": ((0, 0), (1.5, 2.5), (3.5, 5), (7, 10)),  # reach around the object, voxels
    "halo_density": ((0.12, 0.2), (0.3, 0.45)),
    "halo_kind": ("even", "patches", "strands"),
    "outside_contrast": ((0, 0.02), (0.05, 0.09), (0.15, 0.25)),
    "neighbours": (0, 1, 2),
    "blur": ((0.25, 0.45), (0.8, 1.1)),  # voxels
    "noise": ((0, 0.005), (0.012, 0.02), (0.03, 0.045)),
}
N_CLASSES = [len(classes) for classes in HEADS.values()]
# What cannot be seen is not asked: these heads have no answer where the other head's class is its first.
NEEDS = {
    "grain": "grain_contrast",
    "grain_form": "grain_contrast",
    "shell_density": "shell",
    "crack_density": "cracks",
    "bubble_density": "bubbles",
    "cap_depth": "cap",
    "halo_density": "halo",
    "halo_kind": "halo",
}
NO_ANSWER = 255
# Most volumes lack most of these, so that what is there can be seen; their first class stands for "none".
OPTIONAL = ("lobes", "roughness", "grain_contrast", "shell", "cracks", "bubbles", "cap", "halo", "outside_contrast")
ABSENT = 0.5

_FREQUENCIES = [
    *(np.fft.fftfreq(SIZE).astype(np.float32).reshape(shape) for shape in ((-1, 1, 1), (1, -1, 1))),
    np.fft.rfftfreq(SIZE).astype(np.float32).reshape(1, 1, -1),
]
_AXES = [(np.arange(SIZE, dtype=np.float32) - (SIZE - 1) / 2).reshape(s) for s in ((-1, 1, 1), (1, -1, 1), (1, 1, -1))]


def make_volume(seed, index):
    """Make one volume; it depends on its two numbers alone.

    Parameters
    ----------
    seed, index : int

    Returns
    -------
    volume : numpy.ndarray of uint8, shape (48, 48, 48)
        0 to 255 stand for the ends of a grey-level window.
    labels : numpy.ndarray of uint8, shape (24,)
        Class of each head, in the order of ``HEADS``; ``NO_ANSWER`` where it cannot be seen.
    """
    rng = np.random.default_rng([seed, index])
    labels = [int(rng.integers(n)) for n in N_CLASSES]
    absent = rng.random(len(HEADS)) < ABSENT
    labels = [0 if name in OPTIONAL and out else k for name, out, k in zip(HEADS, absent, labels, strict=True)]
    drawn = [classes[label] for classes, label in zip(HEADS.values(), labels, strict=True)]
    drawn = [rng.uniform(*value) if isinstance(value, tuple) else value for value in drawn]
    value = _paint(dict(zip(HEADS, drawn, strict=True)), rng)
    classes = dict(zip(HEADS, labels, strict=True))
    labels = [NO_ANSWER if name in NEEDS and classes[NEEDS[name]] == 0 else classes[name] for name in HEADS]
    return np.rint(255 * np.clip(value, 0, 1)).astype(np.uint8), np.array(labels, dtype=np.uint8)


def _paint(p, rng):
    # Few volumes span the whole window: faint differences matter as much as strong ones.
    contrast = float(np.exp(rng.uniform(np.log(0.5), np.log(0.9))))
    ground = rng.uniform(0.05, 0.3)
    rough = _field(rng, 5)
    distance = _object(p, rng) + p["roughness"] * rough
    depth = np.maximum(-distance, 0)

    outside = p["outside_contrast"] * _field(rng, rng.uniform(1.2, 5))
    outside += _halo(p, distance, rng)
    for _ in range(p["neighbours"]):
        _neighbour(outside, p["radius"], rng)

    inside = p["density"] + p["grain_contrast"] * _field(rng, p["grain"], p["grain_form"])
    inside += p["cap"] * np.clip(0.5 + _plane(rng, 0) / 12, 0, 1) * np.exp(-depth / p["cap_depth"])
    for _ in range(p["cracks"]):
        plane = np.abs(_plane(rng, 0.4 * p["radius"]) + 0.8 * rough)
        inside += p["crack_density"] * np.clip(1.6 - plane, 0, 1)
    _bubbles(inside, p, rng)
    if p["shell"]:
        share = _share(distance) - _share(distance + p["shell"])
        inside += share * (p["density"] + p["shell_density"] - inside)

    value = outside + _share(distance) * (inside - outside)
    value = ndimage.gaussian_filter(value, p["blur"], truncate=3)
    value = ground + contrast * value
    return value + p["noise"] * rng.standard_normal(value.shape, dtype=np.float32)


def _share(distance):
    """Proportion of a voxel that lies behind a surface at this signed distance (voxels; negative inside)."""
    return np.clip(0.5 - distance, 0, 1)


def _direction(rng):
    vector = rng.standard_normal(3)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def _plane(rng, offset_sd):
    """Signed distance to a plane near the middle."""
    return sum(float(n) * axis for n, axis in zip(_direction(rng), _AXES, strict=True)) - rng.normal(0, offset_sd)


def _field(rng, scale, form="even", kind="waves"):
    """Random texture with structures of `scale` voxels: waves of mean 0 and SD 1, or the ridges between them."""
    shape = (SIZE, SIZE, SIZE // 2 + 1)
    square = sum(f * f for f in _FREQUENCIES)
    along = sum(float(n) * f for n, f in zip(_direction(rng), _FREQUENCIES, strict=True)) ** 2
    # Structures three times as long along one direction, or across it.
    stretched = {"even": square, "rods": (square + 8 * along) / 3, "plates": (9 * square - 8 * along) / 6}[form]
    octaves = np.log(np.maximum(stretched, 1e-9) * (4 * scale) ** 2)
    spectrum = np.exp(-0.5 * octaves**2)
    noise = rng.standard_normal((*shape, 2), dtype=np.float32).view(np.complex64)[..., 0]
    field = scipy.fft.irfftn(noise * spectrum.astype(np.float32), s=(SIZE,) * 3, overwrite_x=True)
    field /= field.std() + 1e-9
    if kind == "ridges":
        return 1.3 - 1.6 * np.abs(field)
    return field


def _object(p, rng):
    """Signed distance (voxels, roughly) of a superquadric with bulges, turned at random, near the middle."""
    rotation = np.linalg.qr(rng.standard_normal((3, 3)))[0].astype(np.float32)
    centre = rng.uniform(-2.5, 2.5, 3).astype(np.float32)
    radii = p["radius"] * np.array([p["elongation"], 1, 1]) / p["elongation"] ** (1 / 3)
    x, y, z = (
        sum(float(r) * (axis - c) for r, axis, c in zip(row, _AXES, centre, strict=True)) / float(radius)
        for row, radius in zip(rotation, radii, strict=True)
    )
    exponent = np.float32(p["exponent"])
    size = (np.abs(x) ** exponent + np.abs(y) ** exponent + np.abs(z) ** exponent) ** (1 / exponent)
    if p["lobes"]:
        size = size / (1 + 0.16 * np.cos(p["lobes"] * np.arctan2(z, y)))
    return (size - 1) * np.float32(p["radius"])


def _halo(p, distance, rng):
    if not p["halo"]:
        return np.zeros_like(distance)
    patches = {
        "even": lambda: 1.0,
        "patches": lambda: np.clip(0.6 + 0.6 * _field(rng, 4), 0, 2),
        "strands": lambda: 1.5 * np.clip(_field(rng, 1.6, "even", "ridges"), 0, 2),
    }[p["halo_kind"]]()
    return p["halo_density"] * np.exp(-np.maximum(distance, 0) / np.float32(p["halo"])) * patches


def _neighbour(outside, radius, rng):
    """Paint another object beside the middle one."""
    centre = _direction(rng) * np.float32(rng.uniform(1.3, 1.9) * radius)
    power, own = rng.choice([2, 4]), rng.uniform(0.4, 0.9) * radius
    size = sum(((axis - c) / np.float32(own)) ** power for axis, c in zip(_AXES, centre, strict=True)) ** (1 / power)
    outside += _share((size - 1) * own) * (rng.uniform(-0.1, 0.8) - outside)


def _bubbles(inside, p, rng):
    """Small balls within the object's reach."""
    for _ in range(p["bubbles"]):
        centre = _direction(rng) * rng.uniform(0, 0.85) * p["radius"] + (SIZE - 1) / 2
        radius = rng.uniform(1.5, 3)
        box = tuple(slice(max(0, int(c - radius - 1)), int(c + radius) + 3) for c in centre)
        grid = np.ogrid[box]
        gap = np.sqrt(sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True))) - radius
        inside[box] += _share(gap) * p["bubble_density"]
