"""Make rtstruct_rt_utils.dcm and its masks: needs rt-utils 1.2.7 (pip install rt-utils).

    python tests/reference/make_rtstruct.py

A ball with a hole and an uneven body on 12 slices, written as contours by rt-utils, each in both of its ways to treat
holes. rt-utils brings OpenCV, so the tests keep its file.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from rt_utils import RTStructBuilder

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from cases import ball, image, texture  # noqa: E402
from dicom_files import write_series  # noqa: E402

# Square pixels: rt-utils 1.2.7 exchanges the spacings of others.
SHAPE, SPACING = (12, 26, 28), (0.8, 0.8, 2.0)
masks = {"ball": ball(SHAPE, radius=5) & (1 - ball(SHAPE, radius=2))}
# Arms, bays and single voxels more or less along its edge.
rough = (texture(SHAPE) > 150).astype(np.uint8)
masks["body"] = (ball(SHAPE, radius=4) | ball(SHAPE, (6, 9, 19), 4) | (ball(SHAPE, (6, 16, 9), 5) & rough)).astype(
    np.uint8
)
with tempfile.TemporaryDirectory() as folder:
    series = write_series(Path(folder) / "ct", texture(SHAPE), SPACING)
    structures = RTStructBuilder.create_new(dicom_series_path=str(series))
    for name, mask in masks.items():
        array = np.moveaxis(mask.astype(bool), 0, 2)
        structures.add_roi(mask=array, name=name)
        structures.add_roi(mask=array, name=f"{name}, pin hole", use_pin_hole=True)
    structures.save(str(HERE / "rtstruct_rt_utils.dcm"))
for name, mask in masks.items():
    sitk.WriteImage(image(mask, SPACING), str(HERE / f"rtstruct_{name}.nii.gz"))
