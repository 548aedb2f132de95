"""Features in words: which image, which class, what it measures.

Meanings are those of PyRadiomics' documentation (https://pyradiomics.readthedocs.io/en/latest/features.html), said
shortly. Axes are the image's own: x along a row, y along a column, z from slice to slice. In a series of axial slices
these run left to right, front to back and feet to head; in sagittal slices they do not.
"""

import re

from vcfnb.cohort import clinical

_IMAGES = {
    "original": "CT values",
    "lbp-3D-m1": "local patterns (LBP3D, degree 0: how much of a voxel's surroundings is at least as bright)",
    "lbp-3D-m2": "local patterns (LBP3D, degree 1: how one-sided the brighter surroundings of a voxel lie)",
    "lbp-3D-k": "local patterns (LBP3D, kurtosis: whether a few points around a voxel stick out)",
    "exponential": "exponential of the CT values (bright voxels stressed)",
    "square": "square of the CT values (those far from 0 HU stressed)",
    "squareroot": "square root of the CT values (those near 0 HU stressed)",
    "logarithm": "logarithm of the CT values (those near 0 HU stressed most)",
    "gradient": "gradient (how steeply CT values change)",
}
_CLASSES = {
    "shape": "shape of the ROI",
    "firstorder": "distribution of values",
    "glcm": "pairs of neighbours (GLCM)",
    "glrlm": "runs of one grey level along a line (GLRLM)",
    "glszm": "zones of one grey level (GLSZM)",
    "gldm": "voxels with equal neighbours (GLDM)",
    "ngtdm": "voxels against the mean of their neighbours (NGTDM)",
}


def _lengths(what, short, long):
    """The sixteen measures that runs and zones share."""
    nouns = {"Run": "runs", "Zone": "zones"}
    many, size = nouns[what], {"Run": "length", "Zone": "size"}[what]
    length = {"Run": "RunLength", "Zone": "SizeZone"}[what]
    low, high = "of dark grey levels", "of bright grey levels"
    few, much = f"weight of {short} {many}", f"weight of {long} {many}"
    names = {"Run": ("ShortRun", "LongRun"), "Zone": ("SmallArea", "LargeArea")}[what]
    return {
        f"{names[0]}Emphasis": few,
        f"{names[1]}Emphasis": much,
        "GrayLevelNonUniformity": f"how unevenly {many} are spread over grey levels (grows with their number)",
        "GrayLevelNonUniformityNormalized": f"how unevenly {many} are spread over grey levels",
        f"{length}NonUniformity": f"how alike {many} are in {size} (grows with their number)",
        f"{length}NonUniformityNormalized": f"how alike {many} are in {size}",
        "GrayLevelVariance": f"spread of the grey levels of {many}",
        f"{what}Variance": f"spread of the {size} of {many}",
        f"{what}Entropy": f"disorder of grey level and {size} of {many}",
        f"{what}Percentage": f"number of {many} per voxel: how fine the texture is",
        f"LowGrayLevel{what}Emphasis": f"weight of {many} {low}",
        f"HighGrayLevel{what}Emphasis": f"weight of {many} {high}",
        f"{names[0]}LowGrayLevelEmphasis": f"{few} {low}",
        f"{names[0]}HighGrayLevelEmphasis": f"{few} {high}",
        f"{names[1]}LowGrayLevelEmphasis": f"{much} {low}",
        f"{names[1]}HighGrayLevelEmphasis": f"{much} {high}",
    }


_MEASURES = {
    "shape": {
        "Elongation": "second longest axis relative to the longest (1: round)",
        "Flatness": "shortest axis relative to the longest (1: not flat)",
        "LeastAxisLength": "length of the shortest axis, mm",
        "MajorAxisLength": "length of the longest axis, mm",
        "Maximum2DDiameterColumn": "largest diameter in a plane along x and z, mm",
        "Maximum2DDiameterRow": "largest diameter in a plane along y and z, mm",
        "Maximum2DDiameterSlice": "largest diameter within a slice (x and y), mm",
        "Maximum3DDiameter": "largest diameter, mm",
        "MeshVolume": "volume inside its surface, mm3",
        "MinorAxisLength": "length of the second longest axis, mm",
        "Sphericity": "how near to a ball (1)",
        "SurfaceArea": "area of its surface, mm2",
        "SurfaceVolumeRatio": "surface relative to volume, 1/mm",
        "VoxelVolume": "volume of its voxels, mm3",
    },
    "firstorder": {
        "10Percentile": "value below which a tenth of the voxels lie",
        "90Percentile": "value below which nine tenths of the voxels lie",
        "Energy": "sum of squared values (grows with the ROI)",
        "Entropy": "disorder: how evenly voxels are spread over values",
        "InterquartileRange": "width of the middle half of the values",
        "Kurtosis": "whether few voxels have extreme values",
        "Maximum": "largest value",
        "MeanAbsoluteDeviation": "mean distance from the mean value",
        "Mean": "mean value",
        "Median": "middle value",
        "Minimum": "smallest value",
        "Range": "from the smallest to the largest value",
        "RobustMeanAbsoluteDeviation": "mean distance from the mean value, without the outer tenths",
        "RootMeanSquared": "root of the mean squared value",
        "Skewness": "tail to high (positive) or to low values (negative)",
        "TotalEnergy": "sum of squared values times the volume of a voxel",
        "Uniformity": "order: how much few values dominate",
        "Variance": "spread of the values about their mean, squared",
    },
    "glcm": {
        "Autocorrelation": "product of neighbouring grey levels: large in bright, smooth texture",
        "ClusterProminence": "how far pairs lie from the mean, fourth power: rare, strong deviations",
        "ClusterShade": "whether pairs deviate to bright (positive) or dark (negative), third power",
        "ClusterTendency": "whether voxels of similar grey level group together",
        "Contrast": "squared difference of neighbouring grey levels",
        "Correlation": "how linearly a grey level depends on its neighbour's",
        "DifferenceAverage": "mean difference of neighbouring grey levels",
        "DifferenceEntropy": "disorder of the differences between neighbours",
        "DifferenceVariance": "spread of the differences between neighbours",
        "Id": "how alike neighbours are, by inverse difference",
        "Idm": "how alike neighbours are, by inverse squared difference",
        "Idmn": "how alike neighbours are, by inverse squared difference relative to the number of grey levels",
        "Idn": "how alike neighbours are, by inverse difference relative to the number of grey levels",
        "Imc1": "how much neighbours tell of each other (0: nothing, negative: much)",
        "Imc2": "how much neighbours tell of each other (0: nothing, towards 1: much)",
        "InverseVariance": "how alike neighbours of different grey level are",
        "JointAverage": "mean grey level",
        "JointEnergy": "order: how much few kinds of pairs dominate",
        "JointEntropy": "disorder: how many kinds of pairs there are",
        "MaximumProbability": "share of the most frequent pair of grey levels",
        "SumEntropy": "disorder of the sums of neighbouring grey levels",
        "SumSquares": "spread of the grey levels of pairs about their mean",
    },
    "glrlm": _lengths("Run", "short", "long"),
    "glszm": _lengths("Zone", "small", "large"),
    "gldm": {
        "SmallDependenceEmphasis": "weight of voxels with few equal neighbours: uneven texture",
        "LargeDependenceEmphasis": "weight of voxels with many equal neighbours: even texture",
        "GrayLevelNonUniformity": "how unevenly voxels are spread over grey levels (grows with the ROI)",
        "DependenceNonUniformity": "how alike voxels are in their number of equal neighbours (grows with the ROI)",
        "DependenceNonUniformityNormalized": "how alike voxels are in their number of equal neighbours",
        "GrayLevelVariance": "spread of the grey levels",
        "DependenceVariance": "spread of the number of equal neighbours",
        "DependenceEntropy": "disorder of grey level and number of equal neighbours",
        "LowGrayLevelEmphasis": "weight of dark grey levels",
        "HighGrayLevelEmphasis": "weight of bright grey levels",
        "SmallDependenceLowGrayLevelEmphasis": "weight of dark voxels with few equal neighbours",
        "SmallDependenceHighGrayLevelEmphasis": "weight of bright voxels with few equal neighbours",
        "LargeDependenceLowGrayLevelEmphasis": "weight of dark voxels with many equal neighbours",
        "LargeDependenceHighGrayLevelEmphasis": "weight of bright voxels with many equal neighbours",
    },
    "ngtdm": {
        "Coarseness": "how slowly grey levels change from place to place",
        "Contrast": "how strong and how wide the local differences of grey levels are",
        "Busyness": "how rapidly grey levels change between neighbours",
        "Complexity": "how many different, abrupt changes of grey level there are",
        "Strength": "how clearly large patches differ in grey level",
    },
}
_CLINICAL = {"age": "age, years", "sex": "sex: 1 woman, 0 man", "bmd": "bone mineral density, T-score"}


def describe(feature):
    """A feature in words.

    Parameters
    ----------
    feature : str
        Name as in features.csv: of PyRadiomics, ``dtl_007``, or ``clinical_age``.

    Returns
    -------
    str
        Such as "wavelet LHL (fine detail along y, smoothed along x, z); pairs of neighbours (GLCM), Correlation: how
        linearly a grey level depends on its neighbour's". Different for each of the study's features; a measure that is
        not in the study keeps its name.
    """
    feature = str(feature)
    if feature.startswith("dtl_"):
        return (
            f"deep feature {feature.removeprefix('dtl_')}: a dimension of the network's output, without a name in words"
        )
    if feature.startswith(clinical.PREFIX):
        return _of_patient(feature)
    image, _, rest = feature.partition("_")
    kind, _, name = rest.partition("_")
    if kind not in _CLASSES or not name:
        return feature
    measure = _MEASURES[kind].get(name)
    said = f"{_CLASSES[kind]}, {name}" + (f": {measure}" if measure else "")
    return said if kind == "shape" else f"{image_in_words(image)}; {said}"


def image_in_words(image):
    """An image type in words: ``wavelet-LHL``, ``log-sigma-2-0-mm-3D``, ``original``."""
    log = re.fullmatch(r"log-sigma-(\d+)-(\d+)-mm-3D", image)
    if log:
        return f"LoG {float('.'.join(log.groups())):g} mm (edges and spots at this scale)"
    band = re.fullmatch(r"wavelet-([LH]{3})", image)
    if band:
        axes = {
            letter: ", ".join(axis for axis, at in zip("xyz", band[1], strict=True) if at == letter) for letter in "HL"
        }
        parts = [
            f"{what} along {axes[letter]}" for letter, what in (("H", "fine detail"), ("L", "smoothed")) if axes[letter]
        ]
        return f"wavelet {band[1]} ({', '.join(parts)})"
    return _IMAGES.get(image, image)


def _of_patient(feature):
    for variable, name in clinical.FEATURES.items():
        if feature == name:
            return _CLINICAL[variable]
        if feature == clinical.flag(variable):
            return f"{_CLINICAL[variable].split(',')[0].split(':')[0]} was not recorded (1)"
    return feature
