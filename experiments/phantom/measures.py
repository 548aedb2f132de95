"""What is measured on the CT of one vertebra, by the same rules on real and on simulated images.

Arrays are (z, y, x) in LPS orientation (z to the head, y to the back, x to the patient's left); HU and mm.
"""

import numpy as np
from scipy import ndimage, stats

TISSUES = ("interior", "cortex", "muscle", "fat", "canal")
WALLS = ("upper endplate", "lower endplate", "anterior wall", "side walls")
AXES = ("head-foot", "front-back", "left-right")
SIGMAS_MM = (0, 0.5, 1, 1.5, 2, 3)
BINS_HU = np.arange(-300, 1201, 20)
EDGES = np.arange(0, 0.8, 0.08)  # rings of the noise power spectrum, 1/mm
RANGE = (5, 95)  # percentiles of simulated values that count as the phantom's range
_SMOOTHING_MM = 2.0
_PROFILE_STEP_MM, _PROFILE_MM = 0.25, 5.0


def body_part(vertebra, spacing):
    """The vertebral body of a whole vertebra: what lies in front of its posterior wall.

    In the middle of each axial slice the body comes first from the front, and ends at the canal; a plane through these
    ends, without tilt to the side, is the posterior wall.

    Parameters
    ----------
    vertebra : array of bool (z, y, x)
    spacing : tuple of 3 float

    Returns
    -------
    array of bool, or None where fewer than three slices show the end of the body
    """
    middle, half = round(np.nonzero(vertebra)[2].mean()), round(3 / spacing[2])
    centre = np.nonzero(vertebra)[1].mean()
    ends = []
    for z, section in enumerate(vertebra[:, :, middle - half : middle + half + 1].mean(axis=2) > 0.5):
        edges = np.flatnonzero(np.diff(section, prepend=False, append=False))
        # Slices above and below the body show a short piece, or only one far back: the spinous process.
        if len(edges) and edges[0] < centre and (edges[1] - edges[0]) * spacing[1] > 15:
            ends.append((z, edges[1]))
    if len(ends) < 3:
        return None
    z, y = np.array(ends).T
    slope, intercept = stats.theilslopes(y, z)[:2]
    wall = intercept + slope * np.arange(len(vertebra))
    return largest_piece(vertebra & (np.arange(vertebra.shape[1])[None, :, None] < wall[:, None, None]))


def largest_piece(mask):
    """The largest piece of a mask that is connected by faces."""
    labels, _ = ndimage.label(mask)
    return labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])


def depth(mask, spacing):
    """Distance from the mask's border to the inside, mm; the image's faces are no border."""
    padded = np.pad(mask, 1, mode="edge")
    return ndimage.distance_transform_edt(padded, sampling=spacing)[1:-1, 1:-1, 1:-1]


def tissues(image, body, spacing, vertebra=None):
    """Where each tissue is.

    Parameters
    ----------
    image : array (z, y, x)
    body : array of bool
    spacing : tuple of 3 float
    vertebra : array of bool, optional
        The mask that `body` was cut from: where it was cut there is no cortex.

    Returns
    -------
    dict of str to array of bool
        ``interior``: more than 3 mm inside of the body. ``cortex``: the body's outer 1.5 mm. ``muscle`` and ``fat``:
        10 to 90 and -150 to -50 HU after a Gaussian of 2 mm, more than 5 mm from bone (above 160 HU after it) and air.
        ``canal``: 4 to 9 mm behind the body's back, up to 4 mm from its middle, at half height. ``region``: all that
        was looked through for muscle and fat.
    """
    inside = depth(body, spacing)
    shell = depth(body if vertebra is None else vertebra, spacing)
    smooth = ndimage.gaussian_filter(image, [_SMOOTHING_MM / step for step in spacing])
    apart = body | (smooth > 160) | (smooth < -300)
    region = ndimage.distance_transform_edt(~apart, sampling=spacing) > 5
    return {
        "interior": inside > 3,
        "cortex": body & (shell <= 1.5),
        "muscle": region & (smooth > 10) & (smooth < 90),
        "fat": region & (smooth > -150) & (smooth < -50),
        "canal": _behind(body, spacing),
        "region": region,
    }


def _behind(body, spacing):
    """A box in the spinal canal, from where the body is: the canal itself is not drawn."""
    middle = [int(round(index.mean())) for index in np.nonzero(body)]
    found = np.zeros_like(body)
    across = slice(middle[2] - int(4 / spacing[2]), middle[2] + int(4 / spacing[2]) + 1)
    for z in range(middle[0] - int(6 / spacing[0]), middle[0] + int(6 / spacing[0]) + 1):
        if 0 <= z < len(body) and body[z, :, middle[2]].any():
            back = np.flatnonzero(body[z, :, middle[2]])[-1]
            found[z, back + round(4 / spacing[1]) : back + round(9 / spacing[1]), across] = True
    return found


def smoothed_sd(image, mask, spacing, sigma):
    """SD of the values within a mask after a Gaussian of `sigma` mm that takes values from within the mask only."""
    if sigma == 0:
        return float(image[mask].std())
    width = [sigma / step for step in spacing]
    weight = ndimage.gaussian_filter(mask.astype(np.float32), width, mode="constant")[mask]
    return float((ndimage.gaussian_filter(np.where(mask, image, 0), width, mode="constant")[mask] / weight).std())


def quiet_patches(image, spacing, size_mm=14.0, n=6):
    """Cubes of soft tissue that vary least in low frequencies.

    Parameters
    ----------
    image : array (z, y, x)
    spacing : tuple of 3 float
    size_mm : float
        Edge.
    n : int
        At most so many; they do not overlap.

    Returns
    -------
    list of tuple of slice
        Each without a voxel outside of 10 to 150 HU after a Gaussian of 2 mm; the SD of what this Gaussian leaves
        decides the order. Empty where there are none.
    """
    shape = [min(length, max(3, round(size_mm / step))) for length, step in zip(image.shape, spacing, strict=True)]
    smooth = ndimage.gaussian_filter(image, [_SMOOTHING_MM / step for step in spacing]).astype(float)
    windows = np.lib.stride_tricks.sliding_window_view
    # Every second start is enough, and a quarter of the memory.
    steps = tuple(slice(None, None, 2) for _ in shape)
    soft = (smooth > 10) & (smooth < 150)
    possible = windows(soft, shape)[steps].all(axis=(3, 4, 5))
    starts = np.argwhere(possible)
    cubes = windows(smooth, shape)[steps]
    order = np.argsort([cubes[tuple(start)].std() for start in starts], kind="stable")
    chosen = []
    for start in 2 * starts[order]:
        if all((np.abs(start - other) >= shape).any() for other in chosen):
            chosen.append(start)
        if len(chosen) == n:
            break
    return [tuple(slice(a, a + length) for a, length in zip(start, shape, strict=True)) for start in chosen]


def detrended(values):
    """Values less the plane (2D) or the linear field (3D) that fits them best."""
    axes = np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in values.shape), indexing="ij")
    design = np.stack([np.ones(values.size), *(axis.ravel() for axis in axes)], axis=1)
    fit = design @ np.linalg.lstsq(design, values.ravel(), rcond=None)[0]
    return values - fit.reshape(values.shape)


def noise_power(slices, spacing):
    """Two-dimensional noise power spectrum of one patch, averaged over its slices.

    Parameters
    ----------
    slices : array (n, y, x)
        Each slice is freed of its plane; the three values that this takes are made up for.
    spacing : tuple of 2 float
        mm, (y, x).

    Returns
    -------
    frequency : array (y, x)
        Distance from 0, 1/mm.
    power : array (y, x)
        HU^2 mm^2. Its sum times the area of one frequency, 1 / (field's area), is the variance.
    """
    slices = np.asarray(slices, dtype=float)
    height, width = slices.shape[1:]
    power = np.mean([np.abs(np.fft.fft2(detrended(section))) ** 2 for section in slices], axis=0)
    power *= spacing[0] * spacing[1] / (height * width - 3)
    frequency = np.hypot(np.fft.fftfreq(height, spacing[0])[:, None], np.fft.fftfreq(width, spacing[1]))
    return frequency, power


def radial_mean(frequency, power, edges):
    """Mean power in each ring between two edges; NaN where there is no frequency. The frequency 0 is left out."""
    ring = np.digitize(frequency.ravel(), edges) - 1
    use = (ring >= 0) & (ring < len(edges) - 1) & (frequency.ravel() > 0)
    sums = np.bincount(ring[use], power.ravel()[use], len(edges) - 1)
    counts = np.bincount(ring[use], minlength=len(edges) - 1)
    return np.where(counts, sums / np.maximum(counts, 1), np.nan)


def neighbour_correlation(values, axis, lag=1):
    """Correlation of voxels `lag` apart along one axis, of a patch without its linear field."""
    values = detrended(np.asarray(values, dtype=float))
    n = values.shape[axis]
    first, second = (np.take(values, range(start, start + n - lag), axis) for start in (0, lag))
    return float((first * second).mean() / values.var())


def wall_profiles(image, body, spacing):
    """HU across the walls of a body, along normals of its mask, each moved so that the brightest place is at 0.

    Parameters
    ----------
    image : array (z, y, x)
    body : array of bool
    spacing : tuple of 3 float

    Returns
    -------
    position : array (p,)
        mm, -5 inside to 5 outside.
    profiles : dict of str to array (places, p)
        One of :data:`WALLS` each; the brightest place is looked for within 3 mm of the mask's border.
    """
    reach = np.arange(-_PROFILE_MM - 3, _PROFILE_MM + 3 + 1e-9, _PROFILE_STEP_MM)
    half = round(_PROFILE_MM / _PROFILE_STEP_MM)
    distance = ndimage.distance_transform_edt(body, sampling=spacing)
    distance -= ndimage.distance_transform_edt(~body, sampling=spacing)
    slope = np.gradient(ndimage.gaussian_filter(distance, [1.5 / step for step in spacing]), *spacing)
    border = body & (distance <= max(spacing))
    places = np.argwhere(border)
    normals = -np.stack([part[border] for part in slope], axis=1)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9
    y = places[:, 1] * spacing[1]
    # The rear part of the sides belongs to the pedicles.
    ahead = y < np.quantile(y, 0.6)
    chosen = (normals[:, 0] > 0.85, normals[:, 0] < -0.85, normals[:, 1] < -0.75, ahead & (np.abs(normals[:, 2]) > 0.8))
    profiles = {}
    for name, use in zip(WALLS, chosen, strict=True):
        points = places[use][:, :, None] + normals[use][:, :, None] * reach / np.array(spacing)[:, None]
        lines = ndimage.map_coordinates(image, points.transpose(1, 0, 2), order=1, mode="constant", cval=np.nan)
        lines = lines[np.isfinite(lines).all(axis=1)]
        peak = np.argmax(np.where(np.abs(reach) <= 3, lines, -np.inf), axis=1)
        around = peak[:, None] + np.arange(-half, half + 1)
        profiles[name] = np.take_along_axis(lines, around, axis=1)
    return np.arange(-half, half + 1) * _PROFILE_STEP_MM, profiles


def wall_numbers(position, profiles):
    """What the profiles of one wall say.

    Parameters
    ----------
    position : array (p,)
    profiles : array (places, p)

    Returns
    -------
    dict
        places; peak_p10, peak_p50, peak_p90 (HU along the wall); inside, outside (HU 3 to 5 mm away); fwhm_mm of the
        median profile, above inside and outside; excess (HU mm), the wall's density times its thickness, roughly.
    """
    middle = len(position) // 2
    median = np.median(profiles, axis=0)
    inside, outside = (float(np.median(median[side])) for side in (position <= -3, position >= 3))
    above = median - np.where(position < 0, inside, outside)
    width = _half_way(above[middle:]) + _half_way(above[middle::-1])
    near = np.abs(position) <= 3
    p10, p50, p90 = np.percentile(profiles[:, middle], (10, 50, 90))
    return {
        **{"places": len(profiles), "peak_p10": p10, "peak_p50": p50, "peak_p90": p90},
        **{"inside": inside, "outside": outside, "fwhm_mm": width * _PROFILE_STEP_MM},
        "excess": float(above[near].sum() * (position[1] - position[0])),
    }


def _half_way(line):
    """Where a line falls below half of its first value, in steps; NaN where it does not, or starts below 0."""
    below = np.flatnonzero(line < line[0] / 2)
    if line[0] <= 0 or not len(below):
        return np.nan
    end = below[0]
    return end - (line[0] / 2 - line[end]) / (line[end - 1] - line[end])


def percentile_of(value, sample):
    """Where a value lies in a sample: per cent of the sample below it, ties counted by half."""
    sample = np.asarray(sample, dtype=float)
    return float(100 * ((sample < value).mean() + (sample == value).mean() / 2))
