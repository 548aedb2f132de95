"""What lies around the spine: muscles, fat, vessels, lungs, kidneys, bowel. None of it knows the label.

Densities in HU are true ones, before the scanner.
"""

from dataclasses import dataclass

import numpy as np

from vcfnb.phantom import anatomy
from vcfnb.phantom.anatomy import ellipsoid

FAT, MUSCLE, SAC, BLOOD, LUNG, AIR, KIDNEY, BOWEL, PLAQUE = -100.0, 55.0, 22.0, 42.0, -850.0, -900.0, 34.0, 32.0, 450.0


@dataclass(frozen=True)
class Place:
    """Where the fractured vertebra stands: coordinates that follow the spine's curve.

    `x` and `y` are mm from the fractured body's middle, y counted from the middles of the bodies at each height;
    `level` is which vertebra is at this height (0 for T9, 9 for S1). `half_width` and `back` are half width and half
    depth of the body, mm; `scale` is its width against that of an average L3.
    """

    x: np.ndarray
    y: np.ndarray
    level: np.ndarray
    half_width: float
    back: float
    scale: float

    @classmethod
    def along(cls, curve, level, body, frame, canvas):
        """The place along a curve: rows of z and y of the bodies' middles in the patient's frame, mm."""
        x, y, z = canvas.coordinates(frame, canvas.everything)
        # The curve is smooth: every fourth voxel will do.
        bend = np.interp(z[:, ::4, ::4], curve[:, 0], curve[:, 1]).astype(np.float32)
        bend = np.repeat(np.repeat(bend, 4, axis=1), 4, axis=2)[:, : z.shape[1], : z.shape[2]]
        number = anatomy.LEVELS.index(level) - z / np.float32(34)
        return cls(x, y - bend, number, body.width / 2, body.depth / 2, body.width / 45)


def paint(canvas, patient, place):
    """Soft tissues, from the outside to the spinal canal."""
    rng = canvas.rng
    old = np.float32(np.clip((patient["age"] - 30) / 60, 0, 1))
    # A quarter of the patients had contrast medium.
    contrast = rng.uniform(0.5, 1) if rng.random() < 0.25 else 0.0
    # Fat is never clean: small vessels and septa, more of them in some patients.
    strands = canvas.field(1.8, 3.0)
    canvas.hu += FAT + 3 * canvas.field(7) + rng.uniform(8, 26) * np.clip(strands - 0.3, 0, 2.5) + rng.uniform(0, 14)
    streaks = canvas.field(2.6, 9)
    fatty = np.clip(streaks - 1.7 + 1.3 * old + 0.6 * patient["fat"], 0, 1.2)
    flesh = MUSCLE + 12 * contrast + 2 * canvas.field(4) - 95 * fatty
    _viscera(canvas, patient, place, contrast)
    _muscles(canvas, patient, place, flesh, streaks)
    _chest(canvas, place, strands)
    _vessels(canvas, place, old, patient["fat"], contrast)
    _canal(canvas, place)


def _viscera(canvas, patient, place, contrast):
    """Bowel, pancreas and kidneys at the front and the sides of the picture."""
    rng = canvas.rng
    lumps = canvas.field(13, 13)
    lean = 6 * (1 - patient["fat"])
    front = place.y + place.back + rng.uniform(8, 13) - lean + 4 * lumps
    # Liver, spleen and colon at the sides.
    beside = place.half_width + rng.uniform(12, 18) - lean - np.abs(place.x) + 3 * lumps
    beside = np.maximum(beside, place.y - place.back - 14)
    canvas.paint(np.maximum(np.minimum(front, beside), (-1.3 - lumps) * 6), BOWEL + 30 * contrast)
    canvas.paint(np.maximum(front, (1.7 - lumps) * 8), AIR)
    low, high = anatomy.LEVELS.index("T12") - 0.4, anatomy.LEVELS.index("L3") + 0.3
    along = np.abs(place.level - (low + high) / 2) / ((high - low) / 2)
    gap = 58 + 8 * patient["fat"]
    kidney = ellipsoid((np.abs(place.x), place.y), (gap, 2), (24, 26))
    canvas.paint(kidney + 20 * np.clip(along - 0.6, 0, 2), KIDNEY + 110 * contrast)


def _muscles(canvas, patient, place, flesh, streaks):
    rng = canvas.rng
    x, y, level = np.abs(place.x), place.y, place.level
    s, back, half = place.scale * rng.uniform(0.9, 1.1), place.back, place.half_width
    # The muscles of the back fill all between arch and fascia; fat parts them into strands.
    deep = back + rng.uniform(44, 50) - 7 * patient["fat"]
    compartment = np.maximum(np.hypot(x / 1.5, (y - back - 22) / 1.15) - 29 * s, y - deep)
    compartment = np.maximum(compartment, back + 3 - y - 0.1 * x)
    parted = np.minimum(np.abs(x - 18 * s - 0.25 * (y - back - 20)), np.abs(y - back - 27 + 0.2 * x))
    parted = 0.2 + 0.8 * patient["fat"] - parted - 1.2 * streaks
    canvas.paint(np.maximum(compartment, parted) + 0.5 * streaks, flesh)
    # The psoas begins at T12 and grows downwards.
    grown = np.clip((level - 2.6) / 3.5, 0, 1)
    tall, wide = 6 + 15 * grown * s, 4 + 15 * grown * s
    loose = rng.uniform(0.5, 2.5) + 3 * patient["fat"] * rng.random()
    psoas = np.sqrt(((x - half - wide - loose) / wide) ** 2 + ((y - back + 8 + 2 * grown) / tall) ** 2) - 1
    psoas = np.where(grown > 0.02, psoas * np.minimum(wide, tall), 20)
    quadratus = ellipsoid((x, y), (half + 25 * s, back + 5), (11 * s, 6 * s))
    quadratus = np.where(level > 3.3, quadratus, 20)
    # The crura of the diaphragm, of very different thickness.
    thickness = rng.uniform(1.2, 3.4, 2).astype(np.float32)
    crus = np.where(place.x > 0, *(1 / thickness))
    crus = (np.hypot((x - 11 * s) / 11, (y + back + 3.5) * crus) - 1) * 2
    crus = np.where((level > 0.8) & (level < 5.6), crus, 20)
    for muscle in (psoas, quadratus, crus):
        canvas.paint(muscle + 0.6 * streaks, flesh)


def _chest(canvas, place, strands):
    """Lungs beside the thoracic spine; they end at about T12."""
    thinner = 14 * np.clip(place.level - 1.2, 0, 2.5) ** 2
    lung = ellipsoid((np.abs(place.x), place.y), (56 + place.half_width - 18, 4), (38, 44))
    behind = (place.y - place.back - 22) * 0.8
    lung = np.maximum(lung, behind) + thinner
    # Pleura and the muscles between the ribs.
    canvas.paint(np.maximum(lung - 2.5, place.level * 20 - 60), MUSCLE - 10)
    canvas.paint(lung, LUNG + 60 * np.clip(strands - 1.5, 0, 3) * 3)


def _vessels(canvas, place, old, fat, contrast):
    rng = canvas.rng
    x, y, level = place.x, place.y, place.level
    blood = BLOOD + 130 * contrast
    # The aorta lies to the left at T10, in front at L3, and parts at L4.
    down = np.clip(level / 6, 0, 1.2)
    centre_x = rng.uniform(14, 22) - 14 * down
    parted = np.clip(level - anatomy.LEVELS.index("L4") - 0.2, 0, 1)
    radius = rng.uniform(9, 13)
    # It lies closer to the bodies of lean patients.
    gap = np.float32(rng.uniform(3, 5, 2) + rng.uniform(0, 6, 2) * fat)
    centre_y = -place.back - radius - gap[0] + 3 * (1 - down)
    radius = radius * (1 - 0.4 * parted)
    aorta = np.hypot(np.where(parted > 0, np.abs(x) - 14 * parted, x - centre_x), y - centre_y) - radius
    canvas.paint(aorta - 1.2, MUSCLE)
    canvas.paint(aorta, blood)
    if rng.random() < 0.8 * old:
        # Plaques of the aortic wall.
        canvas.paint(np.abs(aorta) - 0.8 + 2.4 * np.clip(1.3 - canvas.field(6), 0, 3), PLAQUE)
    # The lower vena cava leaves the spine above L1, into the liver.
    away = 9 * np.clip(3.5 - level, 0, 4)
    cava_x, cava_y = -rng.uniform(12, 18) - 4 * parted, -place.back - 6.5 - gap[1]
    cava = (np.hypot((x - cava_x) / 1.25, y - cava_y + away) - rng.uniform(7, 9)) * 0.9
    canvas.paint(cava, blood - 4)


def ligaments(canvas, region, coordinates, shape, distance):
    """The layer on a body: ligaments, segmental vessels, origins of muscles. CT shows it as muscle.

    Its thickness varies between and within patients, and knows nothing of the fracture.
    """
    thickness = canvas.rng.uniform(1.2, 2.8) + 0.6 * canvas.field(8, 8, region)
    layer = np.where(coordinates[1] < shape.depth / 2 - 2, distance - np.maximum(thickness, 0.5), 20)
    canvas.paint(layer, MUSCLE - 10, region)


def _canal(canvas, place):
    s, middle = place.scale, place.back + 9 * place.scale
    # Between sac and bone lie fat and veins.
    canvas.paint(ellipsoid((place.x, place.y), (0, middle), (12 * s, 9.5 * s)), FAT + 60)
    sac = ellipsoid((place.x, place.y), (0, middle - 1), (11.5 * s, 9.1 * s))
    canvas.paint(sac, SAC)
    cord = ellipsoid((place.x, place.y), (0, middle), (5.5, 4))
    canvas.paint(np.where(place.level < anatomy.LEVELS.index("L1") + 0.5, cord, 20), SAC + 15)
    # The flaval ligaments close the canal at the back.
    flaval = np.abs(place.y - middle + 0.55 * np.abs(place.x) - 9.5 * s) - 1.5
    canvas.paint(np.maximum(flaval, np.abs(place.x) - 10 * s), MUSCLE)
