"""Shapes of bones: signed distances in mm (negative inside), in the frame of their vertebra.

A vertebra's frame: x to the patient's left, y to the back, z to the head; the origin is the middle of its body.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

# By level: width (x), depth (y), height (z) of the vertebral body and height of the disc below, mm, roughly as
# published for adult spines (Berry et al. 1987, Spine 12:362; Panjabi et al. 1992, Spine 17:299); the angle to the
# middle of the body below, degrees (positive: lordosis); and the height of the front over that of the back, unbroken.
NORMAL = pd.read_csv(Path(__file__).with_name("anatomy.csv"), index_col="level").to_dict("index")
LEVELS = tuple(NORMAL)


@dataclass(frozen=True)
class Body:
    """Shape of a vertebral body, mm where nothing else is said.

    `front` is the height of the front over that of the back, before the fracture; `dish` and `lower_dish` the depths
    of the upper and the lower endplate's normal concavity (Wang et al. 2012, Eur Spine J 21:2316: the lower one is the
    deeper, and a rim is flat); `waist` the share by which the body is narrower at half height. `wedge`, `biconcave` and
    `crush` are the height lost at the front, in the middle, everywhere (proportion of the height), from above;
    `lower` is the proportion of the biconcave loss that the lower endplate has too. `step` is the cortical step-off of
    the front wall, `step_depth` its distance below the upper endplate.
    """

    width: float
    depth: float
    height: float
    front: float = 1.0
    dish: float = 1.4
    lower_dish: float = 2.4
    waist: float = 0.17
    wedge: float = 0.0
    biconcave: float = 0.0
    crush: float = 0.0
    lower: float = 0.25
    osteophyte: float = 0.0
    lower_osteophyte: float = 0.0
    step: float = 0.0
    step_depth: float = 6.0

    def outline(self, x, y):
        """Distance from the axis, as a proportion of the outline's at the endplates, and in mm."""
        # Round in front, flatter at the back, and hollow before the canal.
        hollow = 1 - 0.2 * np.exp(-((x / (0.24 * self.width)) ** 2))
        behind = 1 / (1 + np.exp(-y / 1.5))
        half_depth = self.depth / 2 * (1 + behind * (hollow - 1))
        power = 2.1 + 0.9 * behind
        shares = (2 * np.abs(x) / self.width) ** power + (np.abs(y) / half_depth) ** power
        return np.maximum(shares, 1e-6) ** (1 / power), np.hypot(x, y)

    def top(self, y, radius):
        """Height z of the upper endplate."""
        inner = np.clip(1 - radius**2, 0, 1)
        anterior = np.clip(0.5 - y / self.depth, 0, 1)
        lost = self.height * (self.crush + self.wedge * anterior**1.3 + self.biconcave * inner)
        return self._edge(y) - self.dish * _bowl(radius) - lost

    def bottom(self, y, radius):
        """Height z of the lower endplate."""
        inner = np.clip(1 - radius**2, 0, 1)
        return -self._edge(y) + self.lower_dish * _bowl(radius) + self.lower * self.biconcave * self.height * inner

    def _edge(self, y):
        return self.height / 2 * (1 - (self.front - 1) * y / self.depth)

    def beyond_rims(self, x, y):
        """Distance (mm, roughly; of the shape of `x` and `y`) in the axial plane from both rims with their lips."""
        radius, from_axis = self.outline(x, y)
        return from_axis * (1 - 1 / radius) - max(self.osteophyte, self.lower_osteophyte) * self._lips(y)

    def _front(self, y):
        """From the middle (0) to the front wall (1)."""
        return np.clip(-y / (self.depth / 2), 0, 1)

    def _lips(self, y):
        """Proportion of a lip's size: most at the front."""
        return 0.35 + 0.65 * self._front(y)

    def surfaces(self, x, y, z, roughness=0.0):
        """Signed distances (mm, roughly) to the side wall, the upper and the lower endplate.

        `roughness` (mm, a field or 0) lowers the upper endplate.
        """
        radius, from_axis = self.outline(x, y)
        top, bottom = self.top(y, radius) - roughness, self.bottom(y, radius)
        middle, half = (top + bottom) / 2, np.maximum((top - bottom) / 2, 1)
        level = np.clip((z - middle) / half, -1.3, 1.3)
        widening = 1 - self.waist * np.clip(1 - level**2, 0, 1)
        front = self._front(y)
        lip = np.where(level > 0, self.osteophyte, self.lower_osteophyte)
        lip = lip * np.exp(-(((np.abs(level) - 1) / 0.16) ** 2)) * self._lips(y)
        side = from_axis * (1 - widening / radius) - lip
        if self.step:
            above = 1 / (1 + np.exp(np.clip((top - self.step_depth - z) / 0.4, -30, 30)))
            side = side - self.step * front**2 * (above - 0.5)
        return side, z - top, bottom - z


def _bowl(radius):
    """Depth of a normal endplate as a proportion of its middle's: a bowl within a flat rim."""
    return np.clip(1 - (radius / 0.92) ** 2, 0, 1) ** 1.4


def rounded(*distances, radius=1.0):
    """Signed distance of the intersection, with rounded edges."""
    largest = np.maximum.reduce(distances)
    return largest + radius * np.log(sum(np.exp((d - largest) / radius) for d in distances))


def joined(a, b, radius=2.0):
    """Signed distance of the union, with a filled corner between both."""
    share = np.clip(0.5 + 0.5 * (b - a) / radius, 0, 1)
    return b + (a - b) * share - radius * share * (1 - share)


def ellipsoid(coordinates, centre, radii):
    """Signed distance (roughly) of an ellipsoid; of an elliptic cylinder where two coordinates are given."""
    q = sum(((u - c) / r) ** 2 for u, c, r in zip(coordinates, centre, radii, strict=True))
    return (np.sqrt(q) - 1) * min(radii)


@dataclass(frozen=True)
class Rod:
    """A rod with round ends from `a` to `b` (mm), mirrored to both sides; its cross-section may be flattened.

    `radius` (mm) is that at `a`, `end` that at `b`; heights along z count `flat` times as much as widths.
    """

    a: tuple
    b: tuple
    radius: float
    end: float
    flat: float = 1.0

    def box(self, margin):
        reach = max(self.radius, self.end) + margin
        low, high = np.minimum(self.a, self.b) - reach, np.maximum(self.a, self.b) + reach
        low[2] -= reach * (1 / self.flat - 1)
        high[2] += reach * (1 / self.flat - 1)
        low[0] = -high[0]
        return low, high

    def distance(self, x, y, z):
        a, b = np.float32(self.a), np.float32(self.b)
        a[2], b[2] = a[2] * self.flat, b[2] * self.flat
        d = b - a
        px, py, pz = np.abs(x) - a[0], y - a[1], z * np.float32(self.flat) - a[2]
        t = np.clip((px * d[0] + py * d[1] + pz * d[2]) / float(d @ d), 0, 1)
        radius = self.radius + (self.end - self.radius) * t
        return np.sqrt((px - t * d[0]) ** 2 + (py - t * d[1]) ** 2 + (pz - t * d[2]) ** 2) - radius


def posterior_elements(body, thoracic, rng):
    """Rods that make up pedicles, laminae, facets, transverse and spinous processes of one vertebra.

    Thoracic ones are slender, with long slanting spinous processes and short transverse ones.
    """
    s, back = body.width / 45, body.depth / 2
    bend, droop = rng.normal(0, 1.2, 2)
    pedicle = Rod((11.5 * s, back - 5, 4), (13.0 * s, back + 9, 3), 4.0 * s, 3.8 * s, 0.68)
    lamina = Rod((12.0 * s, back + 12, -1), (1.0, back + 21 * s, -8), 3.4, 2.7, 0.45)
    upper_facet = Rod((14.5 * s, back + 11, 4), (15.5 * s, back + 13, 14 + bend), 3.6, 3.0)
    lower_facet = Rod((10.5 * s, back + 17, -8), (9.8 * s, back + 18.5, -20 + bend), 3.2, 2.6)
    if thoracic:
        transverse = Rod((13.0 * s, back + 11, 3), (27 * s, back + 23, 7 + bend), 3.6, 3.2, 0.8)
        spinous = Rod((0, back + 21 * s, -6), (0, back + 43 * s, -27 + droop), 3.0, 2.2, 0.55)
        return [pedicle, lamina, upper_facet, lower_facet, transverse, spinous]
    transverse = Rod((14.0 * s, back + 9, 2), (36 * s, back + 13 + bend, 5), 3.4, 2.2, 0.75)
    # The spinous process is a plate: two flattened rods, one above the other.
    start, end = back + 20 * s, back + 44 * s
    spinous = [Rod((0, start, z), (0, end, z - 4 + droop), 1.9, 2.7, flat) for z, flat in ((-5, 0.5), (-12, 0.45))]
    return [pedicle, lamina, upper_facet, lower_facet, transverse, *spinous]


def rib(body):
    """Rods of the pair of ribs that meets the body."""
    s, back = body.width / 45, body.depth / 2
    head, neck = (22.5 * s, back - 5, 9), (38 * s, back + 15, 5)
    return [Rod(head, neck, 3.0, 3.4, 0.7), Rod(neck, (56, back + 10, -6), 3.4, 3.4, 0.6)]
