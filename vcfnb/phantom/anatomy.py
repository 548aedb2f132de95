"""The spine around one vertebra, in mm: signed distances (negative inside) and tissue densities.

Coordinates: x to the patient's left, y to the back, z to the head; the origin is the middle of the fractured body.
"""

from dataclasses import dataclass

import numpy as np

# Width (x), depth (y), height (z) of the vertebral body in mm, roughly as published for adult spines
# (Berry et al. 1987, Spine 12:362; Panjabi et al. 1992, Spine 17:299), and of the disc below.
SIZES = {
    "T10": (32, 28, 22, 5),
    "T11": (35, 29, 22, 6),
    "T12": (38, 29, 24, 7),
    "L1": (41, 30, 25, 8),
    "L2": (43, 31, 26, 9),
    "L3": (45, 32, 27, 10),
    "L4": (48, 33, 27, 11),
    "L5": (50, 33, 26, 11),
}


@dataclass(frozen=True)
class Body:
    """Shape of a vertebral body.

    Attributes
    ----------
    width, depth, height : float
        mm, before the fracture.
    dish : float
        Depth of the endplates' normal concavity, mm.
    waist : float
        Share by which the body is narrower at half height.
    wedge, biconcave, crush : float
        Height lost at the anterior edge, in the middle, everywhere (share of the height), from the upper endplate.
    osteophyte : float
        Lip at both endplates, mm.
    step, step_depth : float
        Cortical step-off of the anterior wall, mm, and its distance below the upper endplate.
    """

    width: float
    depth: float
    height: float
    dish: float = 1.8
    waist: float = 0.11
    wedge: float = 0.0
    biconcave: float = 0.0
    crush: float = 0.0
    osteophyte: float = 0.0
    step: float = 0.0
    step_depth: float = 6.0

    def radius(self, x, y):
        """Distance from the axis as share of the outline: 1 on the outline at the endplates."""
        # Round in front, flatter at the back, and hollow before the canal.
        hollow = 1 - 0.2 * np.exp(-((x / (0.24 * self.width)) ** 2))
        behind = 1 / (1 + np.exp(-y / 1.5))
        half_depth = self.depth / 2 * (1 + behind * (hollow - 1))
        power = 2.1 + 0.9 * behind
        shares = (2 * np.abs(x) / self.width) ** power + (np.abs(y) / half_depth) ** power
        return shares ** (1 / power)

    def top(self, x, y, radius):
        """Height z of the upper endplate."""
        inner = np.clip(1 - radius**2, 0, 1)
        anterior = np.clip(0.5 - y / self.depth, 0, 1)
        lost = self.height * (self.crush + self.wedge * anterior**1.3 + self.biconcave * inner)
        return self.height / 2 - self.dish * inner - lost

    def bottom(self, radius):
        """Height z of the lower endplate."""
        return -self.height / 2 + (self.dish + 0.25 * self.biconcave * self.height) * np.clip(1 - radius**2, 0, 1)

    def surfaces(self, x, y, z, roughness=0.0):
        """Signed distances (mm, roughly) to the side wall, the upper and the lower endplate.

        `roughness` (mm, a field or 0) lowers the upper endplate.
        """
        radius = self.radius(x, y)
        top, bottom = self.top(x, y, radius) - roughness, self.bottom(radius)
        middle, half = (top + bottom) / 2, np.maximum((top - bottom) / 2, 1)
        level = np.clip(np.abs(z - middle) / half, 0, 1.3)
        widening = 1 - self.waist * np.clip(1 - level**2, 0, 1)
        lip = self.osteophyte * np.exp(-(((level - 1) / 0.16) ** 2))
        front = np.clip(-y / (self.depth / 2), 0, 1)
        side = (radius / widening - 1) * min(self.width, self.depth) / 2 - lip * (0.35 + 0.65 * front)
        if self.step:
            above = 1 / (1 + np.exp(-(z - (top - self.step_depth)) / 0.4))
            side = side - self.step * front**2 * (above - 0.5)
        return side, z - top, bottom - z


def rounded(*distances, radius=1.6):
    """Signed distance of the intersection, with rounded edges."""
    return radius * np.log(sum(np.exp(np.clip(d / radius, -60, 60)) for d in distances))


def ellipsoid(x, y, z, centre, radii):
    """Signed distance (roughly) of an ellipsoid."""
    q = np.sqrt(sum(((u - c) / r) ** 2 for u, c, r in zip((x, y, z), centre, radii, strict=True)))
    return (q - 1) * min(radii)


def capsule(x, y, z, a, b, radius):
    """Signed distance of a rod with round ends from a to b."""
    a, b = np.asarray(a, dtype=np.float32), np.asarray(b, dtype=np.float32)
    d = b - a
    t = ((x - a[0]) * d[0] + (y - a[1]) * d[1] + (z - a[2]) * d[2]) / float(d @ d)
    t = np.clip(t, 0, 1)
    return np.sqrt((x - a[0] - t * d[0]) ** 2 + (y - a[1] - t * d[1]) ** 2 + (z - a[2] - t * d[2]) ** 2) - radius


def posterior_elements(x, y, z, body):
    """Signed distances of pedicles and of the arch (laminae, facets, transverse and spinous processes), one level."""
    side = np.abs(x)
    wall = body.depth / 2
    scale = body.width / 45
    pedicle = capsule(side, y, z * 0.8, (12.5 * scale, wall - 4, 3), (13.5 * scale, wall + 11, 3), 4.2 * scale)
    canal_y = wall + 8 * scale
    outer = ellipsoid(side, y, 0 * z, (0, canal_y, 0), (17 * scale, 17 * scale, 1e3))
    inner = -ellipsoid(side, y, 0 * z, (0, canal_y, 0), (11.5 * scale, 9 * scale, 1e3))
    # The roof of the canal comes to a point at the back, and slopes from level to level.
    roof = (y - canal_y + 0.9 * side - 15 * scale) / 1.35
    lamina = np.maximum.reduce([outer, inner, roof, canal_y + 1 - y, np.abs(z + 4 - 0.3 * (y - canal_y)) - 9])
    facets = np.minimum(
        ellipsoid(side, y, z, (16 * scale, canal_y + 5, 11), (5.5, 6.5, 9)),
        ellipsoid(side, y, z, (14 * scale, canal_y + 9, -13), (5, 5.5, 9)),
    )
    transverse = capsule(side, y, z, (15 * scale, canal_y, 2), (38 * scale, canal_y + 5, 4), 3.2)
    length = 24 * scale
    tilted = z + 5 + 0.25 * (y - canal_y - 12 * scale)
    behind = y - (canal_y + 10 * scale + length)
    thickness = 2.2 + 1.4 * np.clip(1 + behind / length, 0, 1)
    spine = rounded(side - thickness, canal_y + 9 * scale - y, behind, np.abs(tilted) - 9)
    return pedicle, np.minimum.reduce([lamina, facets, transverse, spine])


def canal(x, y, body):
    """Signed distance of the spinal canal."""
    scale = body.width / 45
    return ellipsoid(x, y, 0 * x, (0, body.depth / 2 + 7.5 * scale, 0), (11 * scale, 8.5 * scale, 1e3))
