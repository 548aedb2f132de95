"""What is computed, and what it is called."""

import csv
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from vcfnb.errors import VcfnbError
from vcfnb.params import ExtractionParams, Positive


def described():
    """The features in the order in which the engine computes them, a dict each.

    class, feature (PyRadiomics' names), tag and section (of IBSI's reference manual; empty where it has none), unit (of
    the original image of a CT).
    """
    with Path(__file__).with_name("features.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _read_features():
    found = {}
    for row in described():
        found.setdefault(row["class"], []).append(row["feature"])
    return {kind: tuple(names) for kind, names in found.items()}


# GLCM is without MCC and SumAverage, which makes the paper's 1834 (see docs/fidelity.md).
FEATURES = _read_features()
SHAPE = FEATURES["shape"]
# The classes of every image type.
CLASSES = {kind: names for kind, names in FEATURES.items() if kind != "shape"}
# What PyRadiomics has besides: in a class that is asked for whole, and by name alone.
_KNOWN = {
    **FEATURES,
    "glcm": (*FEATURES["glcm"], "MCC", "SumAverage"),
    "shape2D": (
        *("Elongation", "MajorAxisLength", "MaximumDiameter", "MeshSurface", "MinorAxisLength", "Perimeter"),
        *("PerimeterSurfaceRatio", "PixelSurface", "Sphericity"),
    ),
}
_DEPRECATED = {
    "firstorder": ("StandardDeviation",),
    "shape": ("Compactness1", "Compactness2", "SphericalDisproportion"),
    "shape2D": ("SphericalDisproportion",),
    "glcm": ("Dissimilarity", "Homogeneity1", "Homogeneity2", "SumVariance"),
    "gldm": ("DependencePercentage", "GrayLevelNonUniformityNormalized"),
}
WAVELETS = ("LLH", "LHL", "LHH", "HLL", "HLH", "HHL", "HHH", "LLL")
LBP = ("m1", "m2", "k")
IMAGE_TYPES = ("Original", "LoG", "Wavelet", "LBP3D", "Exponential", "Square", "SquareRoot", "Logarithm", "Gradient")
# What PyRadiomics does when a setting is not given: naming the same changes nothing, so the engine may go on.
_DEFAULTS = {
    **{"additionalInfo": False, "correctMask": False, "distances": [1], "force2D": False, "force2Ddimension": 0},
    **{"geometryTolerance": None, "gldm_a": 0, "gradientUseSpacing": True, "interpolator": "sitkBSpline", "level": 1},
    **{"lbp3DIcosphereRadius": 1, "lbp3DIcosphereSubdivision": 1, "lbp3DLevels": 2, "minimumROIDimensions": 2},
    **{"minimumROISize": None, "normalize": False, "normalizeScale": 1, "padDistance": 5, "preCrop": False},
    **{"removeOutliers": None, "resampledPixelSpacing": None, "resegmentRange": None, "resegmentShape": False},
    **{"start_level": 0, "symmetricalGLCM": True, "voxelArrayShift": 0, "wavelet": "coif1", "weightingNorm": None},
}


class Settings(ExtractionParams):
    """Settings of the extraction; the defaults are the paper's (section on radiomics).

    What the engine does not do itself is kept in `others` and done by PyRadiomics, never left out.
    """

    bin_count: int | None = Field(None, ge=1, description="Number of grey levels, in place of a width.")
    resegment_range: tuple[float, float] | None = Field(
        None, description="Standard ibsi: lowest and highest HU that count; grey levels start at the lowest."
    )
    outlier_sigma: Positive | None = Field(None, description="Standard ibsi: only HU within so many SDs of the mean.")
    spacing_mm: Positive | None = Field(None, description="Standard ibsi: isotropic voxels, interpolated, mm.")
    interpolator: Literal["linear", "cubic"] = Field("linear", description="Standard ibsi: of the image.")
    image_types: tuple[Literal[IMAGE_TYPES], ...] = Field(
        IMAGE_TYPES, min_length=1, description="Image types, as PyRadiomics names them."
    )
    features: dict[str, tuple[str, ...]] = Field(
        FEATURES, description="Features of each class, as PyRadiomics names them."
    )
    label: int | None = Field(None, ge=1, description="Value of the ROI in a mask with several.")
    others: dict[str, Any] = Field(
        {}, description="Further settings of PyRadiomics; with any of them it computes the whole case itself."
    )
    image_others: dict[str, dict[str, Any]] = Field(
        {}, description="Further settings of single image types, such as {'Wavelet': {'binWidth': 10}}."
    )

    @field_validator("log_sigma_mm", "image_types")
    @classmethod
    def _each_once(cls, values):
        if len(set(values)) != len(values):
            raise ValueError("give every value once")
        return values

    @field_validator("features")
    @classmethod
    def _known(cls, features):
        for kind, names in features.items():
            if kind not in _KNOWN:
                raise ValueError(f"no feature class {kind!r}; there are {', '.join(sorted(_KNOWN))}")
            known = _KNOWN[kind] + _DEPRECATED.get(kind, ())
            unknown = [name for name in names if name not in known]
            if unknown:
                raise ValueError(f"{kind} has no feature {unknown[0]!r}; it has {', '.join(sorted(known))}")
        return features

    @model_validator(mode="after")
    def _one_standard(self):
        if self.standard == "ibsi" and not self.by_engine:
            raise ValueError(
                "standard ibsi is the engine's alone: what PyRadiomics would compute has other definitions"
            )
        asked = [name for name in ("resegment_range", "outlier_sigma", "spacing_mm") if getattr(self, name) is not None]
        if self.standard != "ibsi" and asked:
            raise ValueError(f"{asked[0]} belongs to standard ibsi")
        if self.resegment_range and self.resegment_range[0] >= self.resegment_range[1]:
            raise ValueError(f"resegment_range is {self.resegment_range}: the lower limit comes first")
        return self

    @classmethod
    def from_params(cls, params):
        """Settings of a :class:`vcfnb.params.RadiomicsParams`."""
        return cls(**{name: getattr(params, name) for name in ExtractionParams.model_fields})

    @classmethod
    def from_pyradiomics(cls, path):
        """Read a parameter file of PyRadiomics (YAML with imageType, featureClass, setting).

        Raises VcfnbError where it is missing, no YAML, or holds something that PyRadiomics does not know.
        """
        given = _read_yaml(path)
        setting = dict(given.get("setting") or {})
        types = {name: dict(options or {}) for name, options in (given.get("imageType") or {"Original": {}}).items()}
        values = {"image_types": tuple(types), "bin_width": setting.pop("binWidth", 25)}
        for key, name in (("binCount", "bin_count"), ("label", "label")):
            if setting.get(key) is not None:
                values[name] = setting[key]
            setting.pop(key, None)
        # A sigma may stand with LoG or with the settings of all image types.
        values["log_sigma_mm"] = tuple(types.get("LoG", {}).pop("sigma", setting.pop("sigma", ())))
        classes = given.get("featureClass")
        classes = dict.fromkeys(FEATURES) if classes is None else classes
        values["features"] = {kind: tuple(names or _KNOWN.get(kind, ())) for kind, names in classes.items()}
        unset = object()
        values["others"] = {key: value for key, value in setting.items() if _DEFAULTS.get(key, unset) != value}
        values["image_others"] = {name: options for name, options in types.items() if options}
        try:
            return cls(**values)
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise VcfnbError(
                problems,
                "see the documentation of PyRadiomics' parameter files",
                code="parameter-invalid",
                file=path,
            ) from None

    @property
    def by_engine(self):
        """Whether the engine computes all of this; otherwise PyRadiomics does."""
        known = all(set(names) <= set(FEATURES.get(kind, ())) for kind, names in self.features.items())
        return known and not self.others and not self.image_others


def _read_yaml(path):
    try:
        given = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError:
        raise VcfnbError("cannot be read", "check the path", code="file-unreadable", file=path) from None
    except yaml.YAMLError as error:
        raise VcfnbError(
            f"no YAML: {error}", "give a parameter file of PyRadiomics", code="file-unreadable", file=path
        ) from None
    known = {"setting", "imageType", "featureClass", "voxelSetting"}
    if not isinstance(given, dict) or not set(given) <= known:
        raise VcfnbError(
            f"holds other keys than {', '.join(sorted(known))}",
            "give a parameter file of PyRadiomics",
            code="parameter-invalid",
            file=path,
        )
    return given


def log_name(sigma):
    """Name of the LoG image of one sigma (mm), such as ``log-sigma-2-0-mm-3D``."""
    return f"log-sigma-{str(float(sigma)).replace('.', '-')}-mm-3D"


def image_names(settings):
    """Names of the filtered images in the order of the features."""
    names = {
        "Original": ["original"],
        "LoG": [log_name(sigma) for sigma in settings.log_sigma_mm],
        "Wavelet": [f"wavelet-{band}" for band in WAVELETS],
        "LBP3D": [f"lbp-3D-{level}" for level in LBP],
    }
    chosen = [kind for kind in IMAGE_TYPES if kind in settings.image_types]
    return [name for kind in chosen for name in names.get(kind, [kind.lower()])]


def feature_names(settings=None):
    """Names of all features that the engine computes, in their order; 14 + 20 * 91 with the default settings."""
    settings = settings or Settings()
    names = [f"original_shape_{name}" for name in SHAPE if name in settings.features.get("shape", ())]
    for image in image_names(settings):
        for kind, features in CLASSES.items():
            names += [f"{image}_{kind}_{name}" for name in features if name in settings.features.get(kind, ())]
    return names


def image_type_of(name):
    """Image type of a feature's name, such as ``log-sigma-1-0-mm-3D``; ``shape`` for shape features."""
    image, _, feature = str(name).partition("_")
    return "shape" if feature.startswith("shape_") else image
