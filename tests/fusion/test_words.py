"""Every feature of the study in words."""

from collections import Counter

import pytest
from study import ROOT

from vcfnb.cohort import clinical
from vcfnb.fusion.words import WORDS, describe, image_in_words
from vcfnb.radiomics import feature_names
from vcfnb.radiomics.settings import CLASSES, SHAPE


def test_every_feature_has_words_of_its_own():
    names = [*feature_names(), *(f"dtl_{i:03d}" for i in range(18)), *clinical.FEATURES.values()]
    names += [clinical.flag(name) for name in clinical.FEATURES]
    said = [describe(name) for name in names]
    assert len(names) == 1834 + 18 + 6
    assert not [name for name, words in zip(names, said, strict=True) if not words.strip() or words == name]
    assert [words for words, n in Counter(said).items() if n > 1] == []
    assert max(map(len, said)) < 250
    assert '"fusion/*.csv"' in (ROOT / "pyproject.toml").read_text()


def test_the_measures_are_those_that_are_computed_each_with_its_own_meaning():
    for kind, names in {"shape": SHAPE, **CLASSES}.items():
        assert set(WORDS[kind]) == set(names), kind
        assert len(set(WORDS[kind].values())) == len(names), kind


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        (
            "wavelet-LHL_glcm_Correlation",
            "wavelet LHL (fine detail along y, smoothed along x, z); pairs of neighbours (GLCM), Correlation: "
            "how linearly a grey level depends on its neighbour's",
        ),
        ("original_shape_Sphericity", "shape of the ROI, Sphericity: how near to a ball (1)"),
        ("log-sigma-2-0-mm-3D_firstorder_Mean", "LoG 2 mm (edges and spots at this scale); distribution of "),
        ("dtl_007", "deep feature 007: a dimension of the network's output, without a name in words"),
        ("clinical_sex_female", "sex: 1 woman, 0 man"),
        ("clinical_bmd_missing", "bone mineral density was not recorded (1)"),
        # What another parameter file of PyRadiomics may bring keeps its name.
        ("lbp-2D_glcm_MCC", "lbp-2D; pairs of neighbours (GLCM), MCC"),
        ("something", "something"),
    ],
)
def test_words(feature, words):
    assert describe(feature).startswith(words)


def test_a_wavelet_band_names_its_axes_as_the_filter_does():
    """The first letter is x: an image that changes from column to column only has its detail in H**."""
    import numpy as np
    import SimpleITK as sitk
    from radiomics.imageoperations import getWaveletImage

    array = np.zeros((8, 8, 8))
    array[:, :, ::2] = 1.0
    bands = {
        name: sitk.GetArrayFromImage(band).std()
        for band, name, _ in getWaveletImage(sitk.GetImageFromArray(array), None)
    }
    assert max(bands, key=bands.get) == "wavelet-HLL"
    assert image_in_words("wavelet-HLL") == "wavelet HLL (fine detail along x, smoothed along y, z)"
    assert image_in_words("wavelet-HHH") == "wavelet HHH (fine detail along x, y, z)"
