"""One patient's CT before the scanner: densities (HU) on the voxel grid."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from vcfnb.phantom import anatomy

# Field of view around the middle of the body, mm, (z, y, x): below and above, front and back, right and left.
FIELD_MM = ((-39, 39), (-40, 50), (-41, 41))
FAT, MUSCLE, DISC, SAC, BLOOD, GAS = -100.0, 55.0, 85.0, 20.0, 42.0, -700.0


@dataclass(frozen=True)
class Scene:
    """Densities and truth.

    Attributes
    ----------
    hu : array of float32 (z, y, x)
    body : array of float32 (z, y, x)
        Signed distance of the fractured body, mm, roughly; negative inside.
    spacing : tuple of 3 float
        mm, (z, y, x).
    """

    hu: np.ndarray
    body: np.ndarray
    spacing: tuple


def build(patient, spacing, rng):
    """Paint one patient.

    Parameters
    ----------
    patient : dict
        A row of :func:`vcfnb.phantom.patients.draw_patients`.
    spacing : tuple of 3 float
        mm, (z, y, x).
    rng : numpy.random.Generator

    Returns
    -------
    Scene
    """
    canvas = _Canvas(spacing, rng)
    normal, fractured, collapse = _bodies(patient, rng)
    x, y, z = _tilted(*canvas.axes, rng)
    # Neighbours sink onto the collapsed body by most of the lost height.
    period = normal.height + anatomy.SIZES[patient["level"]][3]
    sunk = z + np.where(z > 0, 0.8 * collapse, 0)
    turn = np.round(sunk / period)
    z_level = sunk - period * turn
    neighbour = turn != 0
    rough = canvas.field(5, 2.5) * (0.35 + 0.6 * patient["cortical_step"])
    side, top, bottom = fractured.surfaces(x, y, z, rough)
    body = anatomy.rounded(side, top, bottom)
    others = anatomy.rounded(*normal.surfaces(x, y, z_level))
    others = np.where(neighbour, others, 20.0)
    pedicle, arch = anatomy.posterior_elements(x, y, np.where(neighbour, z_level, z), normal)

    _soft_tissue(canvas, patient, normal, x, y, z)
    _swelling(canvas, patient, body, y)
    disc = normal.radius(x, y)
    canvas.paint((disc - 0.98) * normal.depth / 2, DISC + 12 * canvas.field(4, 4))
    canvas.paint(anatomy.canal(x, y, normal), SAC + 0.3 * (FAT - SAC) * (np.abs(x) > 0.2 * normal.width))
    bone = _bone_density(patient)
    grain = canvas.trabeculae() * (10 + 0.16 * bone)
    uneven = 1 + 0.3 * canvas.field(4)
    for shape, density, shell in ((pedicle, 1.4 * bone + 60, 0.9), (arch, 1.2 * bone + 80, 1.1)):
        _cortex_and_inside(canvas, shape, density + grain, shell * uneven, 600.0)
    _cortex_and_inside(canvas, others, bone + grain + 6 * canvas.field(6, 6), 0.5 * uneven, 430.0)
    inside = _fractured_inside(canvas, patient, bone + grain + 8 * canvas.field(6, 6), top, bottom, side, x, y)
    thickness = (0.45 + 0.5 * patient["cortication"]) * uneven
    _cortex_and_inside(canvas, body, inside, thickness, 420.0 + 180 * patient["cortication"])
    _cleft(canvas, patient, body, top, x, y)
    return Scene(canvas.hu, body, spacing)


class _Canvas:
    """Voxel grid that tissues are painted on, with partial volume at their edges."""

    def __init__(self, spacing, rng):
        self.spacing, self.rng = spacing, rng
        line = [
            np.arange(low, high, step, dtype=np.float32) for (low, high), step in zip(FIELD_MM, spacing, strict=True)
        ]
        self.axes = np.meshgrid(*line, indexing="ij", sparse=True)[::-1]
        self.shape = tuple(map(len, line))
        self.hu = np.full(self.shape, FAT, dtype=np.float32)

    def paint(self, distance, value):
        """Put a tissue where `distance` (mm) is negative; half a voxel decides the share at its edge."""
        share = np.clip(0.5 - distance / float(np.mean(self.spacing)), 0, 1)
        self.hu += share * (value - self.hu)

    def field(self, size, height=None):
        """Smooth random field of mean 0 and SD 1; correlation length in mm (in plane, and along z)."""
        return self._smooth(self.rng.standard_normal(self.shape, dtype=np.float32), (height or size, size, size))

    def trabeculae(self):
        """Grain of cancellous bone as CT shows it, drawn out along z."""
        fine = self.field(0.9, 1.5)
        return 0.8 * fine + 0.6 * self.field(2.0, 3.0)

    def _smooth(self, noise, sizes):
        # Coarse fields are made on a coarse grid: same look, a fraction of the time.
        factor = [max(1, int(size / 2 / step)) for size, step in zip(sizes, self.spacing, strict=True)]
        if max(factor) > 1:
            small = tuple(-(-n // f) + 1 for n, f in zip(self.shape, factor, strict=True))
            noise = noise.ravel()[: np.prod(small)].reshape(small)
        sigma = [size / 2 / step / f for size, step, f in zip(sizes, self.spacing, factor, strict=True)]
        smooth = ndimage.gaussian_filter(noise, sigma, mode="wrap")
        if max(factor) > 1:
            smooth = _stretched(smooth, self.shape, factor)
        return smooth / smooth.std()


def _stretched(coarse, shape, factor):
    """Linear interpolation of a coarse grid, every `factor` voxels, to all voxels."""
    for axis, (n, step) in enumerate(zip(shape, factor, strict=True)):
        position = np.arange(n, dtype=np.float32) / step
        weights = np.maximum(0, 1 - np.abs(position[:, None] - np.arange(coarse.shape[axis], dtype=np.float32)))
        coarse = np.moveaxis(np.tensordot(weights, coarse, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(coarse)


def _tilted(x, y, z, rng):
    """Coordinates turned by the small angles at which spines lie in scanners (radians: x 8, y and z 3 degrees SD)."""
    for a, b, sd in ((1, 2, 8), (0, 2, 3), (0, 1, 3)):
        turn = np.float32(np.deg2rad(np.clip(rng.normal(0, sd), -2 * sd, 2 * sd)))
        axes = [x, y, z]
        u, v = axes[a], axes[b]
        axes[a], axes[b] = np.cos(turn) * u - np.sin(turn) * v, np.sin(turn) * u + np.cos(turn) * v
        x, y, z = axes
    return x, y, z


def _bodies(patient, rng):
    """Shape of the neighbours, of the fractured body, and the mean height that it lost (mm)."""
    scale = (0.95 if patient["sex"] == "F" else 1.05) * np.clip(rng.normal(1, 0.04), 0.9, 1.1)
    width, depth, height = (scale * value for value in anatomy.SIZES[patient["level"]][:3])
    lips = 0.5 + 2.2 * max(0.0, (patient["age"] - 55) / 40) * rng.random()
    normal = anatomy.Body(width, depth, height, osteophyte=lips)
    kind = rng.choice(["wedge", "biconcave", "crush"], p=[0.55, 0.3, 0.15])
    # Genant grades 1 to 3: 20 to 25, 25 to 40, above 40 percent of the height.
    loss = float(np.clip(rng.normal(0.28, 0.09), 0.12, 0.5))
    shapes = {
        "wedge": {"wedge": loss, "biconcave": 0.3 * loss},
        "biconcave": {"biconcave": loss, "wedge": 0.2 * loss},
        "crush": {"crush": 0.7 * loss, "biconcave": 0.3 * loss},
    }[kind]
    mean_loss = height * (shapes.get("crush", 0) + 0.4 * shapes.get("wedge", 0) + 0.3 * shapes.get("biconcave", 0))
    fractured = anatomy.Body(
        width * (1 + 0.06 * loss),
        depth * (1 + 0.1 * loss),
        height,
        osteophyte=lips + 2.6 * patient["osteophytes"],
        step=2.6 * patient["cortical_step"],
        step_depth=float(rng.uniform(4, 8)),
        **shapes,
    )
    return normal, fractured, mean_loss


def _bone_density(patient):
    """Mean HU of trabecular bone by T-score: about 160 at T = 0 and 95 at T = -2.5.

    In the range of Pickhardt et al. 2013, Ann Intern Med 158:588 (L1: below 110 HU is specific for osteoporosis,
    above 160 HU rules it out).
    """
    return float(np.clip(160 + 26 * patient["bmd"], 20, 260))


def _soft_tissue(canvas, patient, body, x, y, z):
    rng = canvas.rng
    canvas.hu += 7 * canvas.field(8)
    scale = body.width / 45
    old = np.clip((patient["age"] - 30) / 60, 0, 1)
    streaks = canvas.field(2.5, 9)
    fatty = np.clip(streaks - 1.6 + 1.5 * old, 0, 1.2)
    flesh = MUSCLE + 5 * canvas.field(4) - 95 * fatty
    back = body.depth / 2
    psoas = anatomy.ellipsoid(np.abs(x), y, z, (34 * scale, back - 8, 0), (12 * scale, 15 * scale, 300))
    erector = anatomy.ellipsoid(np.abs(x), y, z, (24 * scale, back + 33, 0), (21 * scale, 15 * scale, 300))
    multifidus = anatomy.ellipsoid(np.abs(x), y, z, (10 * scale, back + 30, 0), (9 * scale, 13 * scale, 300))
    crus = anatomy.ellipsoid(np.abs(x), y, z, (14 * scale, -back - 6, 0), (5, 3, 60))
    for muscle in (psoas, erector, multifidus, crus):
        canvas.paint(muscle + 0.8 * streaks, flesh)
    aorta = anatomy.ellipsoid(x, y, 0 * z, (rng.uniform(4, 12), -back - 15, 0), (10, 10, 1e3))
    canvas.paint(aorta, BLOOD)
    if rng.random() < 0.7 * old:
        # Plaques of the aortic wall.
        canvas.paint(np.abs(aorta + 1) - 0.8 + 2.2 * np.clip(1.4 - canvas.field(6), 0, 3), 450.0)
    canvas.paint(anatomy.ellipsoid(x, y, 0 * z, (-rng.uniform(10, 16), -back - 12, 0), (11, 8, 1e3)), BLOOD - 5)


def _swelling(canvas, patient, body, y):
    """Swelling, haematoma and stranded fat: densest on the bone, gone about 7 mm away from it."""
    strength = patient["swelling"]
    reach = np.clip(1 - np.maximum(body, 0) / 8, 0, 1) ** 1.3
    patchy = np.clip(0.75 + 0.35 * canvas.field(7), 0, 1.2) * np.where(y > 8, 0.6, 1)
    strands = np.clip(canvas.field(1.6) - 0.5, 0, 1.5)
    share = np.clip(strength * reach * (1.7 * patchy + 0.6 * strands), 0, 0.95)
    canvas.hu += share * (38 - canvas.hu)


def _cortex_and_inside(canvas, distance, inside, thickness, density):
    canvas.paint(distance, density)
    canvas.paint(distance + thickness, inside)


def _fractured_inside(canvas, patient, marrow, top, bottom, side, x, y):
    """Marrow of the fractured body with the signs of its age."""
    rng = canvas.rng
    below, above = -top, -bottom
    wave = canvas.field(9)
    depth = rng.uniform(4.5, 8) + 1.2 * wave
    front = 1 / (1 + np.exp((y - rng.uniform(0, 10)) / 3))
    # A band of impacted trabeculae, and under it the gap they left.
    band = np.exp(-(((below - depth) / 1.9) ** 2)) * (0.35 + 0.65 * front)
    gap = np.exp(-(((below - depth - 3.2) / 0.8) ** 2)) * np.clip(0.6 + 0.5 * canvas.field(5), 0, 1) * front
    hu = marrow + 130 * patient["impaction"] * band - 120 * patient["fracture_line"] * gap
    hu += 30 * patient["marrow_oedema"] * np.clip(1 - below / 22, 0, 1)
    # Remodelled endplates are dense and smooth.
    sclerosis = 170 * np.exp(-np.maximum(below, 0) / 2.6) + 60 * np.exp(-np.maximum(above, 0) / 2.2)
    hu += patient["sclerosis"] * sclerosis * np.clip(0.85 + 0.25 * wave, 0.3, 1.4)
    hu -= 35 * patient["fatty_marrow"] * np.clip(below / 12, 0, 1)
    # The basivertebral vein leaves a lucent cone in front of the posterior wall.
    vein = np.exp(-((x / 5) ** 2) - (((below - above) / 5) ** 2)) * np.clip(1 + side / 9, 0, 1) * (y > 0)
    return hu - 45 * vein


def _cleft(canvas, patient, body, top, x, y):
    """Gas in a gap under the upper endplate."""
    strength = patient["cleft"]
    if strength < 0.05:
        return
    lens = np.abs(-top - 5 - 0.04 * x**2 / 5) - 1.4 * strength + 0.1 * np.hypot(x, y + 4)
    canvas.paint(np.maximum(lens, body + 2), GAS)
