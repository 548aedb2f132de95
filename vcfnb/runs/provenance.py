"""What a result was made from: digests of files and values, versions of packages, the commit of the checkout."""

import contextlib
import hashlib
import json
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd

from vcfnb.runs.files import plain
from vcfnb.runs.folder import REPOSITORY


def digest(*parts):
    """SHA-256 over files (given as Path), tables, arrays and plain values, in order."""
    sha = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            for file in files_of(part):
                with file.open("rb") as stream:
                    sha.update(hashlib.file_digest(stream, "sha256").digest())
        elif isinstance(part, pd.DataFrame | pd.Series):
            sha.update(part.to_csv().encode())
        elif isinstance(part, np.ndarray):
            sha.update(str((part.dtype, part.shape)).encode() + np.ascontiguousarray(part).tobytes())
        else:
            sha.update(json.dumps(part, sort_keys=True, default=plain).encode())
        sha.update(b"\0")
    return sha.hexdigest()


def files_of(path):
    """A file, or all files of a folder in the order of their names."""
    return sorted(found for found in path.rglob("*") if found.is_file()) if path.is_dir() else [path]


def versions():
    """Versions of the packages that decide the numbers."""
    names = (
        "vcfnb numpy scipy pandas scikit-learn statsmodels SimpleITK pyradiomics-bhklab numba torch torchvision captum"
    )
    found = {}
    for name in names.split():
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return {"python": platform.python_version(), **found}


def git_commit():
    """Commit of the checkout, with ``-dirty`` appended when tracked files differ; None outside a checkout."""
    call = ["git", "-C", str(REPOSITORY), "describe", "--always", "--abbrev=40", "--dirty"]
    try:
        answer = subprocess.run(call, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None
