"""One patient's CT before the scanner: densities (HU) on the voxel grid."""

from dataclasses import dataclass

import numpy as np

from vcfnb.phantom import anatomy, fracture, surroundings
from vcfnb.phantom.canvas import Canvas, Frame, stretched

# True densities, HU: compact bone as it counts in a wall thinner than a voxel, the nucleus of a disc, gas, nerve roots.
CORTEX, DISC, VACUUM, ROOT = 950.0, 82.0, -600.0, 34.0
# Thickness of the walls of posterior elements, mm.
ARCH = 0.9
# SD of the logarithm of a wall's thickness: nearly missing in places, dense in others.
UNEVEN = 0.42
# SD of the grain of trabecular bone before the scanner's blur: HU, and proportion of the mean density.
_GRAIN = (22, 0.27)
_FAR = 30.0


@dataclass(frozen=True)
class Scene:
    """Densities (HU) and signed distance of the fractured body (mm, roughly; negative inside), float32 (z, y, x)."""

    hu: np.ndarray
    body: np.ndarray


@dataclass(frozen=True)
class Vertebra:
    """One level of the spine: its body's shape and where it stands."""

    level: str
    body: anatomy.Body
    frame: Frame
    fractured: bool


def build(patient, spacing, rng):
    """Paint one patient; `spacing` is (z, y, x), mm."""
    canvas, soft = Canvas(spacing, rng), Canvas((2 * spacing[0], *spacing[1:]), rng)
    frame = Frame(_turn(rng), (0, 0, 0))
    spine = _stand(patient, frame, rng)
    fractured = next(one for one in spine if one.fractured)
    # Soft tissues run along the spine: every second axial slice will do.
    place = surroundings.Place.along(_curve(spine, frame), patient["level"], fractured.body, frame, soft)
    surroundings.paint(soft, patient, place)
    canvas.hu = stretched(soft.hu, canvas.shape, (2, 1, 1))
    _roots(canvas, spine)
    _discs(canvas, patient, spine)
    body = _bones(canvas, patient, spine)
    fracture.cleft(canvas, frame, fractured.body, body, patient)
    return Scene(canvas.hu, body)


def _turn(rng):
    """Rotation by the small angles at which spines lie in scanners (about x 6, about y and z 3 degrees SD)."""
    matrix = np.eye(3)
    for axis, sd in enumerate((6, 3, 3)):
        angle = np.deg2rad(np.clip(rng.normal(0, sd), -2 * sd, 2 * sd))
        a, b = [other for other in range(3) if other != axis]
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        matrix = turn @ matrix
    return matrix


def _stand(patient, frame, rng):
    """The fractured vertebra and two neighbours on each side, one on the other, with the spine's curve."""
    number = anatomy.LEVELS.index(patient["level"])
    # Lips grow with age, at every level: they are no sign of this fracture.
    lips = 0.4 + 2.4 * max(0.0, (patient["age"] - 50) / 40) * rng.random()

    def normal(level):
        width, depth, height = (patient["size"] * anatomy.NORMAL[level][name] for name in ("width", "depth", "height"))
        lip, lower = lips * rng.uniform(0.3, 1.3, 2)
        shape = {"front": anatomy.NORMAL[level]["front"], "waist": rng.uniform(0.13, 0.21)}
        shape |= {"dish": rng.uniform(0.8, 2.4), "lower_dish": rng.uniform(1.4, 3.4)}
        return anatomy.Body(width, depth, height, **shape, osteophyte=lip, lower_osteophyte=lower)

    bodies = {step: normal(anatomy.LEVELS[number + step]) for step in range(-2, 3) if 0 <= number + step < 10}
    bodies[0] = fracture.deformed(bodies[0], patient, rng)
    lost, kyphosis = fracture.lost_height(bodies[0]), fracture.kyphosis(bodies[0])
    spine = [Vertebra(patient["level"], bodies[0], frame, True)]
    for direction in (-1, 1):
        here = frame
        for step in range(direction, 3 * direction, direction):
            if step not in bodies:
                break
            upper, lower = sorted((step, step - direction))
            above = anatomy.NORMAL[anatomy.LEVELS[number + upper]]
            gap = patient["size"] * above["disc"]
            # Above (a smaller number) the neighbour sinks onto the collapsed body and tips forward with it.
            tip = kyphosis if (upper, lower) == (-1, 0) else 0.0
            sunk = 0.8 * lost if (upper, lower) == (-1, 0) else 0.0
            angle = above["lordosis"] - tip
            half_here, half_there = bodies[step - direction].height / 2, bodies[step].height / 2
            up = -direction
            joint = here.at((0, 0, up * (half_here + gap / 2 - sunk)), up * angle)
            here = joint.at((0, 0, up * (half_there + gap / 2)))
            spine.append(Vertebra(anatomy.LEVELS[number + step], bodies[step], here, False))
    return spine


def _curve(spine, frame):
    """Middles of the bodies, from below to above: (z, y) in the patient's frame, mm."""
    middles = np.array([frame.matrix @ (one.frame.origin - frame.origin) for one in spine])
    return middles[np.argsort(middles[:, 2])][:, [2, 1]]


def _roots(canvas, spine):
    """The nerve roots in the fat of the foramina."""
    for one in spine:
        s, back = one.body.width / 45, one.body.depth / 2
        root = anatomy.Rod((9 * s, back + 6, -3), (24 * s, back + 11, -13), 2.4, 2.8)
        region = canvas.region(one.frame, *root.box(1))
        if region is not None:
            canvas.paint(root.distance(*canvas.coordinates(one.frame, region)), ROOT, region)


def _discs(canvas, patient, spine):
    rng = canvas.rng
    old = np.clip((patient["age"] - 30) / 60, 0, 1)
    for one in spine:
        body = one.body
        half = body.height / 2 + anatomy.NORMAL[one.level]["disc"]
        reach = (body.width / 2 + 4, body.depth / 2 + 4, half)
        region = canvas.region(one.frame, [-r for r in reach], reach)
        if region is None:
            continue
        x, y, z = canvas.coordinates(one.frame, region)
        radius, from_axis = body.outline(x, y)
        side = from_axis * (1 - 0.98 / radius)
        # The ring of fibres is denser than the nucleus.
        density = DISC + 25 * np.clip((radius - 0.6) / 0.4, 0, 1) + 8 * canvas.field(5, 3, region)
        canvas.paint(np.maximum(side, np.abs(z) - half), density, region)
        if rng.random() < 0.12 * old:
            # A vacuum in a worn disc: gas that has nothing to do with the fracture.
            middle = -half + 2 + 0.1 * x
            gas = np.maximum(np.abs(z - middle) - 1.2 * rng.random(), (radius - rng.uniform(0.3, 0.7)) * 15)
            canvas.paint(gas, VACUUM, region)


def _bones(canvas, patient, spine):
    """Paint all bones as one, so that no wall parts a pedicle from its body; returns the fractured body's distance."""
    rng = canvas.rng
    bone = _bone_density(patient)
    distance = np.full(canvas.shape, _FAR, dtype=np.float32)
    wall = np.full(canvas.shape, ARCH, dtype=np.float32)
    uneven = np.full(canvas.shape, UNEVEN, dtype=np.float32)
    grain = _trabeculae(canvas)
    coarse = np.float32(_GRAIN[0] + _GRAIN[1] * bone)
    inside = np.float32(0.9 * bone + 50) + coarse * grain
    fractured_distance = np.full(canvas.shape, _FAR, dtype=np.float32)
    worn = rng.uniform(0, 1) * np.clip((patient["age"] - 45) / 45, 0, 1)
    for one in spine:
        _arch(canvas, one, distance, rng)
    for one in spine:
        # As far as the signs around the bone reach, or the lips and ligaments of a neighbour.
        margin = 12 if one.fractured else 5
        reach = (one.body.width / 2 + margin, one.body.depth / 2 + margin, one.body.height / 2 + margin - 2)
        region = canvas.region(one.frame, [-r for r in reach], reach)
        if region is None:
            continue
        coordinates = canvas.coordinates(one.frame, region)
        signs = patient if one.fractured else None
        made = fracture.body(canvas, region, coordinates, one.body, bone, worn, signs)
        surroundings.ligaments(canvas, region, coordinates, one.body, made.distance)
        if one.fractured:
            fractured_distance[region] = made.distance
            fracture.around(canvas, region, coordinates, one.body, made.distance, patient)
        mine = made.distance < 0.5
        inside[region] = np.where(mine, made.marrow + coarse * grain[region], inside[region])
        nearest = mine | (made.distance < distance[region])
        wall[region] = np.where(nearest, made.wall, wall[region])
        remodelled = patient["cortication"] if one.fractured else 0.0
        uneven[region] = np.where(nearest, np.float32(UNEVEN - 0.3 * remodelled), uneven[region])
        distance[region] = anatomy.joined(distance[region], made.distance)
    wall *= np.exp(uneven * canvas.field(3.2))
    shell = canvas.share(distance) - canvas.share(distance + wall)
    core = canvas.share(distance + wall)
    canvas.hu += shell * (CORTEX - canvas.hu) + core * (inside - canvas.hu)
    return fractured_distance


def _arch(canvas, vertebra, distance, rng):
    """Pedicles, arch and ribs of one vertebra, into the distances of all bones."""
    thoracic = vertebra.level.startswith("T")
    rods = anatomy.posterior_elements(vertebra.body, thoracic, rng)
    groups = [rods] + ([anatomy.rib(vertebra.body)] if thoracic else [])
    for group in groups:
        own = np.full(canvas.shape, _FAR, dtype=np.float32)
        for rod in group:
            region = canvas.region(vertebra.frame, *rod.box(3))
            if region is not None:
                near = rod.distance(*canvas.coordinates(vertebra.frame, region))
                own[region] = anatomy.joined(own[region], near)
        # Another level's bone stays apart: joints have a gap.
        np.minimum(distance, own, out=distance)


def _trabeculae(canvas):
    """Grain of cancellous bone, drawn out along z, with bright spots rather than dark ones; SD about 1."""
    fine = canvas.field(1.0, 1.8)
    return 0.9 * (fine + 0.2 * (fine * fine - 1)) + 0.4 * canvas.field(2.4, 3.6)


def _bone_density(patient):
    """Mean HU of trabecular bone by T-score: about 160 at T = 0 and 95 at T = -2.5.

    In the range of Pickhardt et al. 2013, Ann Intern Med 158:588 (L1: below 110 HU is specific for osteoporosis,
    above 160 HU rules it out).
    """
    return float(np.clip(160 + 26 * patient["bmd"], 20, 260))
