"""What a CT scanner makes of a scene: blur and edge enhancement by kernel, noise of its texture, metal, whole HU."""

import numpy as np
from scipy import fft, ndimage

METAL = 6000.0


def scan(hu, spacing, patient, rng):
    """Simulate one acquisition and reconstruction: int16 (z, y, x).

    Of the patient it takes ``sharpness`` of the kernel (0 soft tissue, 1 bone), ``dose`` (1 full) and ``metal`` (two
    screws at the edge of the picture); none of them has to do with the label.
    """
    sharpness, dose = patient["sharpness"], patient["dose"]
    # First, so that metal changes nothing else.
    noise = np.float32(noise_sd(sharpness, dose)) * _noise(hu.shape, spacing, sharpness, rng)
    if patient["metal"]:
        hu = _metal(hu, spacing, rng)
    # The kernel works in the axial plane; along z the thickness of the slices blurs.
    in_plane = 0.62 - 0.27 * sharpness
    sigma = (0.5, in_plane, in_plane)
    image = ndimage.gaussian_filter(hu, [s / step for s, step in zip(sigma, spacing, strict=True)], truncate=3)
    if sharpness > 0:
        wide = ndimage.gaussian_filter(image, [0, *(1.0 / step for step in spacing[1:])], truncate=3)
        image += np.float32(0.6 * sharpness) * (image - wide)
    return np.rint(np.clip(image + noise, -1024, 3071)).astype(np.int16)


def noise_sd(sharpness, dose):
    """SD of the noise in HU: it grows with the sharpness of the kernel, and with the root of what the dose lacks."""
    return (8 + 34 * sharpness) / np.sqrt(dose)


def _noise(shape, spacing, sharpness, rng):
    """Noise of SD 1 with the spectrum of filtered back projection: a ramp in the axial plane, cut by the kernel."""
    full = [fft.next_fast_len(n, real=True) for n in shape]
    spectrum = fft.rfftn(rng.standard_normal(full, dtype=np.float32), workers=1)
    z, y = (fft.fftfreq(n, step) for n, step in zip(full[:2], spacing[:2], strict=True))
    x = fft.rfftfreq(full[2], spacing[2])
    # Patients are wider than deep: rays from side to side are the weakest, and their noise is finest front to back.
    plane = np.hypot(0.8 * y[:, None], 1.25 * x[None, :])
    cut = 0.28 + 0.3 * sharpness
    shape_in_plane = np.sqrt(plane) * np.exp(-((plane / cut) ** 2) / 2)
    along = np.exp(-((z / 0.45) ** 2) / 2)
    spectrum *= (along[:, None, None] * shape_in_plane[None]).astype(np.float32)
    noise = fft.irfftn(spectrum, full, workers=1)[tuple(slice(0, n) for n in shape)]
    return noise / noise.std()


def _metal(hu, spacing, rng):
    """Two screws from the back, at the upper or lower edge, with the streaks they cast in their axial slices."""
    z, y, x = (np.arange(n, dtype=np.float32) * step for n, step in zip(hu.shape, spacing, strict=True))
    height = rng.choice([0.12, 0.88]) * z[-1]
    end, tip = 0.76 * y[-1], 0.45 * y[-1]
    yy, xx = np.meshgrid(y, x, indexing="ij")
    middle = x[-1] / 2
    streaks, inside = np.zeros_like(yy), np.zeros(yy.shape, bool)
    for side in (-1, 1):
        axis = middle + side * (9 + 8 * (yy - tip) / (end - tip))
        inside |= (np.abs(xx - axis) < 2.5) & (yy > tip) & (yy < end)
        away = np.hypot(xx - middle - side * 11, yy - (tip + end) / 2) + 6
        angle = np.arctan2(yy - (tip + end) / 2, xx - middle - side * 11)
        streaks += 3500 / away * np.cos(rng.integers(5, 9) * angle + rng.uniform(0, 6)) * np.abs(np.cos(angle))
    near = np.exp(-(((z - height) / 4) ** 2))[:, None, None].astype(np.float32)
    hu = hu + near * streaks[None].astype(np.float32)
    screw = (np.abs(z - height) < 2.5)[:, None, None] & inside[None]
    return np.where(screw, np.float32(METAL), hu)
