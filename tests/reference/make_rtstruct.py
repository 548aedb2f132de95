"""Make rtstruct_rt_utils.dcm and rtstruct_mask.nii.gz: needs rt-utils 1.2.7 (pip install rt-utils).

    python tests/reference/make_rtstruct.py

A ball with a hole on 12 slices, written as contours by rt-utils. rt-utils brings OpenCV, so the tests keep its file.
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
mask = ball(SHAPE, radius=5) & (1 - ball(SHAPE, radius=2))
with tempfile.TemporaryDirectory() as folder:
    series = write_series(Path(folder) / "ct", texture(SHAPE), SPACING)
    structures = RTStructBuilder.create_new(dicom_series_path=str(series))
    structures.add_roi(mask=np.moveaxis(mask.astype(bool), 0, 2), name="ball")
    structures.save(str(HERE / "rtstruct_rt_utils.dcm"))
sitk.WriteImage(image(mask, SPACING), str(HERE / "rtstruct_mask.nii.gz"))
