"""What is computed, and what it is called."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

SHAPE = (
    *(
        "Elongation",
        "Flatness",
        "LeastAxisLength",
        "MajorAxisLength",
        "Maximum2DDiameterColumn",
        "Maximum2DDiameterRow",
    ),
    *("Maximum2DDiameterSlice", "Maximum3DDiameter", "MeshVolume", "MinorAxisLength", "Sphericity", "SurfaceArea"),
    *("SurfaceVolumeRatio", "VoxelVolume"),
)
# Features of every image type by class, in the order in which the engine computes them. GLCM is without MCC and
# SumAverage, which makes the paper's 1834 (see docs/fidelity.md).
CLASSES = {
    "firstorder": (
        *("10Percentile", "90Percentile", "Energy", "Entropy", "InterquartileRange", "Kurtosis", "Maximum"),
        *("MeanAbsoluteDeviation", "Mean", "Median", "Minimum", "Range", "RobustMeanAbsoluteDeviation"),
        *("RootMeanSquared", "Skewness", "TotalEnergy", "Uniformity", "Variance"),
    ),
    "glcm": (
        *("Autocorrelation", "ClusterProminence", "ClusterShade", "ClusterTendency", "Contrast", "Correlation"),
        *("DifferenceAverage", "DifferenceEntropy", "DifferenceVariance", "Id", "Idm", "Idmn", "Idn", "Imc1", "Imc2"),
        *("InverseVariance", "JointAverage", "JointEnergy", "JointEntropy", "MaximumProbability", "SumEntropy"),
        "SumSquares",
    ),
    "glrlm": (
        *("ShortRunEmphasis", "LongRunEmphasis", "GrayLevelNonUniformity", "GrayLevelNonUniformityNormalized"),
        *("RunLengthNonUniformity", "RunLengthNonUniformityNormalized", "GrayLevelVariance", "RunVariance"),
        *("RunEntropy", "RunPercentage", "LowGrayLevelRunEmphasis", "HighGrayLevelRunEmphasis"),
        *("ShortRunLowGrayLevelEmphasis", "ShortRunHighGrayLevelEmphasis"),
        *("LongRunLowGrayLevelEmphasis", "LongRunHighGrayLevelEmphasis"),
    ),
    "glszm": (
        *("SmallAreaEmphasis", "LargeAreaEmphasis", "GrayLevelNonUniformity", "GrayLevelNonUniformityNormalized"),
        *("SizeZoneNonUniformity", "SizeZoneNonUniformityNormalized", "GrayLevelVariance", "ZoneVariance"),
        *("ZoneEntropy", "ZonePercentage", "LowGrayLevelZoneEmphasis", "HighGrayLevelZoneEmphasis"),
        *("SmallAreaLowGrayLevelEmphasis", "SmallAreaHighGrayLevelEmphasis"),
        *("LargeAreaLowGrayLevelEmphasis", "LargeAreaHighGrayLevelEmphasis"),
    ),
    "gldm": (
        *("SmallDependenceEmphasis", "LargeDependenceEmphasis", "GrayLevelNonUniformity"),
        *("DependenceNonUniformity", "DependenceNonUniformityNormalized", "GrayLevelVariance", "DependenceVariance"),
        *("DependenceEntropy", "LowGrayLevelEmphasis", "HighGrayLevelEmphasis"),
        *("SmallDependenceLowGrayLevelEmphasis", "SmallDependenceHighGrayLevelEmphasis"),
        *("LargeDependenceLowGrayLevelEmphasis", "LargeDependenceHighGrayLevelEmphasis"),
    ),
    "ngtdm": ("Coarseness", "Contrast", "Busyness", "Complexity", "Strength"),
}
WAVELETS = ("LLH", "LHL", "LHH", "HLL", "HLH", "HHL", "HHH", "LLL")
LBP = ("m1", "m2", "k")


class Settings(BaseModel):
    """Settings of the extraction; the defaults are the paper's (section on radiomics)."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    bin_width: float = Field(5, gt=0, description="Grey-level bin width, HU (units of the filtered image).")
    log_sigma_mm: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (1.0, 2.0, 3.0), description="Sigma of the Laplacian of Gaussian, mm."
    )

    @field_validator("log_sigma_mm")
    @classmethod
    def _each_once(cls, sigmas):
        if len(set(sigmas)) != len(sigmas):
            raise ValueError("give every sigma once")
        return sigmas

    @classmethod
    def from_params(cls, params):
        """Settings of a :class:`vcfnb.params.RadiomicsParams`."""
        return cls(bin_width=params.bin_width, log_sigma_mm=params.log_sigma_mm)


def log_name(sigma):
    """Name of the LoG image of one sigma (mm), such as ``log-sigma-2-0-mm-3D``."""
    return f"log-sigma-{str(float(sigma)).replace('.', '-')}-mm-3D"


def image_types(settings):
    """Names of the image types in the order of the features."""
    return [
        "original",
        *(log_name(sigma) for sigma in settings.log_sigma_mm),
        *(f"wavelet-{band}" for band in WAVELETS),
        *(f"lbp-3D-{level}" for level in LBP),
        *("exponential", "square", "squareroot", "logarithm", "gradient"),
    ]


def feature_names(settings=None):
    """Names of all features in the order in which they are returned.

    Parameters
    ----------
    settings : Settings, optional

    Returns
    -------
    list of str
        1834 with the default settings: 14 shape features and 91 for each of 20 image types.
    """
    names = [f"original_shape_{name}" for name in SHAPE]
    for image_type in image_types(settings or Settings()):
        names += [f"{image_type}_{kind}_{name}" for kind, features in CLASSES.items() for name in features]
    return names
