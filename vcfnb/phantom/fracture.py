"""The fractured body: its deformity, and the signs by which acute and chronic fractures differ."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from vcfnb.phantom import anatomy

# Clotted blood and swollen tissue around an acute fracture, gas in a cleft, HU.
HAEMATOMA, SWOLLEN, GAS = 50.0, 35.0, -700.0
# Thickness of walls, mm: sides of a body and endplates (Silva et al. 1994, Bone 15:409: shells of about 0.4 mm,
# endplates a little more).
WALL, ENDPLATE = 0.36, 0.5
# Signs around the bone are at their full strength up to the first distance from its rims and gone at the second, mm.
FADES_MM = (5.0, 8.0)


@dataclass(frozen=True)
class Made:
    """A body on its region of the grid: signed distance (mm), density of the marrow (HU), thickness of the wall."""

    distance: np.ndarray
    marrow: np.ndarray
    wall: np.ndarray


def deformed(body, patient, rng):
    """The body after its fracture: wedge, biconcave or crush, and remodelled edges.

    The loss is a proportion of the height (Genant et al. 1993, J Bone Miner Res 8:1137: grade 1 20 to 25, grade 2 25 to
    40, grade 3 above 40 percent).
    """
    loss = patient["loss"]
    shape = {
        "wedge": {"wedge": loss, "biconcave": 0.3 * loss},
        "biconcave": {"biconcave": loss, "wedge": 0.2 * loss, "lower": 0.5},
        "crush": {"crush": 0.75 * loss, "biconcave": 0.25 * loss},
    }[patient["kind"]]
    lip = 3.0 * patient["osteophytes"]
    return replace(
        body,
        width=body.width * (1 + 0.06 * loss),
        depth=body.depth * (1 + 0.1 * loss),
        osteophyte=body.osteophyte + lip,
        lower_osteophyte=body.lower_osteophyte + 0.5 * lip,
        step=3.0 * patient["cortical_step"],
        step_depth=float(rng.uniform(4, 8)),
        **shape,
    )


def lost_height(body):
    """Mean height that the fracture took, mm."""
    return body.height * (body.crush + 0.4 * body.wedge + 0.3 * body.biconcave)


def kyphosis(body):
    """How far the level above tips forward onto the body, degrees: most of the wedge's own angle."""
    return 0.6 * float(np.rad2deg(np.arctan(body.wedge * body.height / body.depth)))


def body(canvas, region, coordinates, shape, bone, worn, signs):
    """One vertebral body on its region of the grid; `signs` is None for an intact neighbour.

    `bone` is the mean density of the trabecular bone (HU), `worn` (0 to 1) how worn endplates are in this spine,
    whatever the fracture.
    """
    rng = canvas.rng
    x, y, z = coordinates
    rough = canvas.field(5, 5, region) * (0.3 + (0.7 * signs["cortical_step"] if signs else 0))
    side, top, bottom = shape.surfaces(x, y, z, rough)
    distance = anatomy.rounded(side, top, bottom)
    below, above = np.maximum(-top, 0), np.maximum(-bottom, 0)
    # Marrow is uneven in every spine: islands of fat and of dense bone, and more bone near the endplates.
    marrow = bone * (0.93 + 0.25 * np.exp(-below / 4) + 0.25 * np.exp(-above / 4)) + rng.uniform(5, 16) * canvas.field(
        6, 6, region
    )
    marrow += 75 * worn * rng.uniform(0, 1) * np.exp(-below / 2.5) * np.clip(canvas.field(8, 8, region), 0, 2)
    marrow += 75 * worn * rng.uniform(0, 1) * np.exp(-above / 2.5) * np.clip(canvas.field(8, 8, region), 0, 2)
    # The basivertebral vein leaves a lucent cone in front of the posterior wall.
    vein = np.exp(-((x / 4.5) ** 2) - (((below - above) / 4.5) ** 2)) * np.clip(1 + side / 10, 0, 1) * (y > 0)
    marrow -= 0.55 * bone * vein - 60 * np.exp(-(((vein - 0.35) / 0.12) ** 2))
    at_endplate = np.maximum(top, bottom) > side - 0.6
    # As CT shows it: the rim of an endplate is denser than its middle, the front wall thinner than the sides.
    rim = 0.8 + 0.6 * np.clip(1 + side / 9, 0, 1) ** 2
    front = 1 - 0.25 * np.clip(-y / shape.depth * 2, 0, 1) ** 3
    thickness = np.where(at_endplate, ENDPLATE * rim, WALL * front) * rng.uniform(0.85, 1.2)
    if signs:
        marrow = marrow + _inside(canvas, region, coordinates, below, above, signs)
        # Remodelled walls are thick and even; a fresh break leaves gaps in the upper endplate and the front wall.
        thickness = thickness * (1 + 0.3 * signs["cortication"])
        gaps = np.clip(canvas.field(3.5, 3.5, region) - 0.3, 0, 1.2) * (below < 4) * (y < shape.depth / 4)
        thickness = thickness * np.clip(1 - 1.8 * signs["cortical_step"] * gaps, 0, 1)
    return Made(distance.astype(np.float32), marrow.astype(np.float32), thickness.astype(np.float32))


def _inside(canvas, region, coordinates, below, above, signs):
    """Change of the marrow's density by the signs of the fracture's age, HU."""
    rng = canvas.rng
    x, y, z = coordinates
    wave = canvas.field(9, 9, region)
    depth = rng.uniform(4.5, 8) + 1.3 * wave
    front = 1 / (1 + np.exp((y - rng.uniform(0, 10)) / 3))
    # A band of impacted trabeculae, and under it the gap they left.
    band = np.exp(-(((below - depth) / 2.0) ** 2)) * (0.35 + 0.65 * front) * np.clip(1 + 0.3 * wave, 0.3, 1.6)
    gap = np.exp(-(((below - depth - 3.4) / 0.8) ** 2)) * np.clip(0.5 + 0.6 * canvas.field(5, 5, region), 0, 1) * front
    change = 240 * signs["impaction"] * band - 270 * signs["fracture_line"] * gap
    change += 32 * signs["marrow_oedema"] * np.clip(1 - below / 22, 0, 1)
    # Remodelled endplates are dense and smooth.
    sclerosis = 140 * np.exp(-below / 2.6) + 50 * np.exp(-above / 2.2)
    change += signs["sclerosis"] * sclerosis * np.clip(0.85 + 0.25 * canvas.field(9, 9, region), 0.3, 1.4)
    change -= 42 * signs["fatty_marrow"] * np.clip(below / 12, 0, 1) * np.clip(1 + 0.4 * wave, 0, 2)
    return change


def around(canvas, region, coordinates, shape, distance, signs):
    """Swelling, haematoma and stranded fat around the fractured body, painted before the bone.

    Both lie in front of the bone and at its sides, in patches, most on one or two sides, about the height of the break,
    and are gone ``FADES_MM[1]`` away from the rims. CT shows them where there is fat: blood is as dense as muscle.
    """
    rng = canvas.rng
    x, y, z = coordinates
    full, gone = FADES_MM
    # The pattern is drawn whatever the strength, so that a dial changes nothing else.
    lumps, strands, patches = canvas.field(6, 7, region), canvas.field(1.6, 2.2, region), canvas.field(15, 15, region)
    beyond = np.maximum(distance, shape.beyond_rims(x, y))
    # The border is uneven, and never further away than the second distance.
    reach = np.clip((gone - beyond - 1.2 * np.clip(1 + lumps, 0, 2)) / (gone - full), 0, 1)
    # Not in the canal, and about the height of the broken endplate.
    reach = reach * reach * (3 - 2 * reach) / (1 + np.exp(np.clip(y - shape.depth / 2 + 6, -30, 30)))
    # Most on one or two sides.
    angle = np.arctan2(x / shape.width, -y / shape.depth)
    middles, heights = rng.uniform(-2.0, 2.0, 2).tolist(), rng.normal(0, 2.5, 2).tolist()
    level = z - (shape.height / 2 - lost_height(shape) - 1)
    focus = 0.0
    for middle, height, weight in zip(middles, heights, (0.7, 0.5), strict=True):
        focus = focus + weight * np.exp(2.0 * (np.cos(angle - middle) - 1) - ((level - height) / 12) ** 2)
    share = np.clip(0.6 + 0.5 * patches, 0, 1.3) * np.exp(-((level / 14) ** 4)) + focus
    hu = canvas.hu[region]
    thick = signs["swelling"] * reach * np.clip((1.6 + 0.5 * lumps) * share, 0, 1)
    hu += thick * np.clip((HAEMATOMA - hu) / 60, 0, 1) * (HAEMATOMA - hu)
    streaks = np.clip(strands - 0.1, 0, 1.3) + 0.35
    hazy = signs["stranding"] * reach * np.clip(2.2 * share * streaks, 0, 0.95)
    hu += np.where((hu < SWOLLEN) & (hu > -200), hazy * (SWOLLEN - hu), 0)


def cleft(canvas, frame, shape, distance, signs):
    """Gas in a gap under the upper endplate."""
    strength = signs["cleft"]
    if strength < 0.05:
        return
    reach = (shape.width / 2, shape.depth / 2, shape.height / 2)
    region = canvas.region(frame, [-r for r in reach], reach)
    x, y, z = canvas.coordinates(frame, region)
    radius, _ = shape.outline(x, y)
    below = shape.top(y, radius) - z
    lens = np.abs(below - 5 - 0.008 * x**2) - 1.5 * strength + 0.1 * np.hypot(x, y + 4)
    lens = lens + 0.4 * ndimage.zoom(canvas.rng.standard_normal((4, 4, 4)), np.array(lens.shape) / 4, order=1)
    canvas.paint(np.maximum(lens, distance[region] + 2), GAS, region)
