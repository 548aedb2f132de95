"""The run folder: paths, atomic writes, figures with their data, provenance, parallel map over cases."""

import contextlib
import errno
import hashlib
import json
import os
import platform
import re
import secrets
import shutil
import subprocess
import time
import warnings
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd

from vcfnb.errors import CannotWrite, VcfnbError
from vcfnb.orphans import end_with_parent

STEPS = {
    "cohort": "00_cohort",
    "preprocessing": "01_preprocessing",
    "icc": "02_icc",
    "radiomics": "03_radiomics",
    "dtl": "04_dtl",
    "selection": "05_selection",
    "fusion": "06_fusion",
    "statistics": "07_statistics",
    "predict": "08_predict",
}
REPOSITORY = Path(__file__).resolve().parents[1]


def default_root():
    """Folder that holds all runs: ``$VCFNB_RUNS``, or ``runs/`` beside the package."""
    return Path(os.environ.get("VCFNB_RUNS") or REPOSITORY / "runs")


class Run:
    """Where one study keeps its results.

    Parameters
    ----------
    study : str
        Name of the study; its folder under ``root``.
    root : path, optional
        Folder of all runs; by default :func:`default_root`.
    """

    def __init__(self, study, root=None):
        if not study or Path(study).name != study or study in (".", ".."):
            raise VcfnbError(
                f"study: {study!r} is not a folder name", "use letters, digits, '.', '_' and '-'", code="unsafe-name"
            )
        self.study = study
        self.folder = Path(root or default_root()).resolve() / study
        # Columns of the cohort that a notebook says it uses (vcfnb.steps); None: all.
        self.columns = None

    def step(self, name):
        """Folder of one step, by its notebook section (``"cohort"``) or its folder name; made when missing."""
        folder = self.folder / STEPS.get(name, name)
        make_folder(folder)
        return folder

    def path(self, step, *parts):
        """Path of a result of one step; its parent folder is made when missing."""
        path = self.step(step).joinpath(*parts)
        make_folder(path.parent)
        return path

    def needs(self, step, *parts):
        """Path of a result that an earlier notebook wrote.

        Raises
        ------
        VcfnbError
            When the file is not there; the message names the notebook to run first.
        """
        folder = STEPS.get(step, step)
        path = self.folder.joinpath(folder, *parts)
        if not path.exists():
            raise VcfnbError(
                f"{path} is missing", f"run notebook {folder} of study {self.study!r} first", code="result-missing"
            )
        return path

    def cohort(self):
        """The study's cohort as notebook 00 wrote it, with absolute paths; ids and sites stay text."""
        path = self.needs("cohort", "cohort.csv")
        table = pd.read_csv(path, dtype={"patient_id": str, "case_id": str, "site": str})
        for column in ("image", "mask", "mask_reader_a2", "mask_reader_b"):
            if column in table:
                given = table[column].notna()
                table[column] = table[column].astype(object)
                table.loc[given, column] = [str(path.parent / name) for name in table.loc[given, column]]
        if self.columns is None:
            return table
        kept = ("case_id", "image", "mask", "mask_reader_a2", "mask_reader_b", *self.columns)
        return table[[name for name in table if name in kept]]

    def features(self, source, selected=False, mode=None):
        """Features of all cases, indexed by case_id in the cohort's order.

        Parameters
        ----------
        source : str
            ``"radiomics"``, or ``"dtl_NN"`` for the deep features of expansion NN.
        selected : bool
            Only the columns that notebook 05 selected.
        mode : {"in_sample", "out_of_fold"}, optional
            How deep features of training cases were taken; by default as the study's parameters say.
        """
        parts = ("radiomics", "features.csv")
        if source.startswith("dtl_"):
            parts = (
                "dtl",
                f"expansion_{source.removeprefix('dtl_')}",
                f"features_{mode}.csv" if mode else "features.csv",
            )
        table = pd.read_csv(self.needs(*parts), dtype={"case_id": str}).set_index("case_id").loc[self.cohort().case_id]
        if selected:
            table = table[pd.read_csv(self.needs("selection", f"{source}_selected.csv"))["feature"]]
        return table

    def selection(self, source):
        """What was selected from one source.

        Parameters
        ----------
        source : str
            ``"radiomics"``, ``"dtl_NN"`` or ``"fusion"``.

        Returns
        -------
        dict
            ``selected`` (table feature, coefficient) and ``lambda`` (the chosen LASSO penalty).
        """
        step = "fusion" if source == "fusion" else "selection"
        error = pd.read_csv(self.needs(step, f"{source}_lasso_error.csv"))
        return {
            "selected": pd.read_csv(self.needs(step, f"{source}_selected.csv")),
            "lambda": float(error.loc[error["chosen"].astype(bool), "lambda"].iloc[0]),
        }

    def stable_features(self):
        """Names of the radiomic features that readings agree on; None where nobody drew a second time."""
        icc = pd.read_csv(self.needs("icc", "icc.csv"))
        return set(icc.loc[icc["stable"].astype(bool), "feature"]) if len(icc) else None

    def chosen_expansion(self):
        """The expansion (voxels) that notebook 05 chose on training cases."""
        choice = pd.read_csv(self.needs("selection", "expansion_choice.csv"))
        return int(choice.loc[choice["chosen"].astype(bool), "expansion"].iloc[0])

    @property
    def simulated(self):
        """Whether the cohort is simulated, as notebook 00 wrote down."""
        return json.loads(self.needs("cohort", "about.json").read_text())["simulated"]

    def settings(self, step, values=None):
        """Write down the settings of a step (with `values`), or read those of an earlier one.

        Parameters
        ----------
        step : str
        values : dict, optional
        """
        if values is not None:
            write_json(values, self.path(step, "settings.json"))
            return values
        return json.loads(self.needs(step, "settings.json").read_text())


# Temporary files carry their host and process, so that those of a killed run can be told and deleted.
_ASIDE = ".writing-"
_HOST = re.sub(r"[^A-Za-z0-9._]", "_", platform.node())[:40]
_WEEK = 7 * 24 * 3600
_ELSEWHERE = " (for results: VCFNB_RUNS)"
GO_ON = "; what was finished is kept, and the same command goes on"
_FREE_SPACE = "free space there" + GO_ON
_REASONS = {
    errno.ENOSPC: ("the disk is full", _FREE_SPACE),
    errno.EDQUOT: ("the disk quota is used up", _FREE_SPACE),
    errno.EFBIG: ("the file is larger than allowed here", "raise the limit (ulimit -f)" + GO_ON),
    errno.EIO: ("the disk reports an error", "check the disk, or choose another" + _ELSEWHERE),
    errno.EROFS: ("the folder is read-only", "choose one that can be written" + _ELSEWHERE),
    errno.EACCES: ("there is no right to write there", "choose a folder of your own" + _ELSEWHERE),
    errno.EPERM: ("there is no right to write there", "choose a folder of your own" + _ELSEWHERE),
    errno.ENOTDIR: ("a file stands where a folder should be", "move it, or choose another folder" + _ELSEWHERE),
    errno.EEXIST: ("a file stands where a folder should be", "move it, or choose another folder" + _ELSEWHERE),
}
# What a library may hit while it writes; other errors of the system in a writer's block are not about writing.
_WHILE_WRITING = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_LITTLE_BYTES = 64 * 1024


def cannot_write(path, number):
    """The error for a file that cannot be written.

    Parameters
    ----------
    path : path
    number : int
        The system's ``errno``.

    Returns
    -------
    CannotWrite
    """
    other = (os.strerror(number), "check the folder, or choose another" + _ELSEWHERE)
    reason, remedy = _REASONS.get(number, other)
    return CannotWrite(f"cannot be written, {reason}", f"{remedy}", code="cannot-write", file=path)


@contextlib.contextmanager
def writing(path):
    """Turn the system's refusal to make or open a file, within the block, into :class:`CannotWrite`."""
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error.errno) from None


def disk_is_full(folder):
    """Whether next to nothing is left on the disk of a folder; libraries do not always say why they failed."""
    try:
        return shutil.disk_usage(folder).free < _LITTLE_BYTES
    except OSError:
        return False


def make_folder(folder):
    """Make a folder with its parents.

    Raises
    ------
    CannotWrite
        It cannot be made; the message says why.
    """
    with writing(folder):
        Path(folder).mkdir(parents=True, exist_ok=True)


def aside_prefix():
    """How the names of this process' temporary files begin."""
    return f"{_ASIDE}{_HOST}-{os.getpid()}-"


def clear_aside(folder):
    """Delete what killed processes were writing; temporary files of running ones stay.

    Whether a process of another host is running cannot be seen from here (SLURM: nodes share the folder), so its files
    stay for a week: no single file takes that long to write, and a host that is gone leaves nothing behind for ever.
    """
    for path in Path(folder).rglob(f"{_ASIDE}*"):
        host, number = (path.name.removeprefix(_ASIDE).split("-") + [""])[:2]
        try:
            if host != _HOST:
                at_work = time.time() - path.stat().st_mtime < _WEEK
            else:
                at_work = number.isdigit() and _lives(int(number))
        except FileNotFoundError:
            # Another host finished it.
            continue
        if at_work:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _lives(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


@contextlib.contextmanager
def atomic(path):
    """Give a temporary path with the same suffixes; rename it to `path` when the block ends without an error.

    A reader never sees a half-written file, whatever interrupts the writer.

    Raises
    ------
    CannotWrite
        The disk is full, or the folder cannot be written.
    """
    path = Path(path)
    make_folder(path.parent)
    temporary = path.with_name(f"{aside_prefix()}{secrets.token_hex(8)}-{path.name}")
    with writing(path):
        # Not tempfile: only their owner may read its files, and results get the usual rights.
        temporary.touch(exist_ok=False)
    try:
        yield temporary
        _to_disk(temporary)
        os.replace(temporary, path)
    except VcfnbError:
        raise
    except Exception as error:
        number = _refusal(error, path.parent)
        if number is None:
            raise
        raise cannot_write(path, number) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _refusal(error, folder):
    """The system's number of what kept a library from writing, or None where it was something else."""
    if isinstance(error, OSError):
        return error.errno if error.errno in _WHILE_WRITING else None
    # Libraries written in other languages have errors of their own; some quote the system, some say nothing.
    told = [number for number in _WHILE_WRITING if os.strerror(number) in str(error)]
    return told[0] if told else errno.ENOSPC if disk_is_full(folder) else None


def _to_disk(path):
    """Wait until a file's content is on the disk: after a power cut, its final name must not hold less."""
    with open(path, "rb") as stream:
        os.fsync(stream.fileno())


def write_csv(table, path):
    """Write a tidy table as CSV: UTF-8, one header line, shortest text that reads back to the same number."""
    with atomic(path) as temporary:
        table.to_csv(temporary, index=False, encoding="utf-8", lineterminator="\n")


def _plain(value):
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"cannot write {type(value).__name__} as JSON")


def write_json(data, path):
    """Write JSON with sorted keys; numpy numbers and arrays become plain ones. NaN is refused."""
    with atomic(path) as temporary:
        temporary.write_text(
            json.dumps(data, indent=2, sort_keys=True, default=_plain, allow_nan=False) + "\n", encoding="utf-8"
        )


def save_figure(figure, path, data=None, dpi=300):
    """Save a figure as PNG (300 dpi) and SVG, with its data beside it as CSV.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : path
        Without suffix.
    data : pandas.DataFrame, optional
        The tidy data that the figure shows.
    """
    import matplotlib as mpl

    path = Path(path)
    # A fixed salt and no date: the same figure gives the same file.
    with mpl.rc_context({"svg.hashsalt": "vcfnb"}):
        for suffix, metadata_ in ((".png", {"Software": None}), (".svg", {"Date": None})):
            with atomic(path.with_name(path.name + suffix)) as temporary:
                figure.savefig(temporary, dpi=dpi, bbox_inches="tight", metadata=metadata_)
    if data is not None:
        write_csv(data, path.with_name(path.name + ".csv"))
    return figure


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
            sha.update(json.dumps(part, sort_keys=True, default=_plain).encode())
        sha.update(b"\0")
    return sha.hexdigest()


def files_of(path):
    """A file, or all files of a folder in the order of their names."""
    return sorted(found for found in path.rglob("*") if found.is_file()) if path.is_dir() else [path]


def usable_cores():
    """Number of cores for this study: ``$VCFNB_CORES``, or those that this process may use."""
    if os.environ.get("VCFNB_CORES"):
        return max(1, int(os.environ["VCFNB_CORES"]))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def parallel_map(function, items, cores=None, desc="", total=None):
    """Apply `function` to each item in worker processes of one thread each; yield results in order.

    Results are yielded as they come and not collected, so memory does not grow with the number of items.

    Parameters
    ----------
    function : callable
        Picklable; called with one item.
    items : iterable
    cores : int, optional
        Worker processes; by default :func:`usable_cores`. With 1, everything runs in this process.
    desc : str
        Label of the progress bar.
    total : int, optional
        Number of items, when `items` has no length.

    Raises
    ------
    VcfnbError
        The system killed a worker, most often for want of memory.
    """
    from tqdm.auto import tqdm

    cores = usable_cores() if cores is None else cores
    total = len(items) if total is None and hasattr(items, "__len__") else total
    alone = cores == 1 or (total is not None and total < 2)
    results = map(function, items) if alone else _by_workers(function, items, cores)
    # A bar over a single item tells nothing.
    yield from tqdm(results, total=total, desc=desc, disable=total is not None and total < 2)


def _by_workers(function, items, cores):
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    # joblib replaces a worker that has grown, which loses nothing and concerns nobody.
    warnings.filterwarnings("ignore", message="A worker stopped while some jobs were given")
    # BLAS and OpenMP pools inside each worker would oversubscribe the cores (2.5 times the CPU).
    start = {"initializer": end_with_parent, "initargs": (os.getpid(),)}
    with parallel_config(backend="loky", n_jobs=cores, inner_max_num_threads=1, **start):
        results = Parallel(return_as="generator", pre_dispatch="2*n_jobs")(delayed(function)(item) for item in items)
    try:
        yield from results
    except TerminatedWorkerError:
        remedy = "close other programs or use fewer cores (--cores 1)" + GO_ON
        raise VcfnbError(
            "a worker process was killed, most often because memory ran out", f"{remedy}", code="worker-killed"
        ) from None


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
