"""Files are written whole or not at all, and figures with their data; a full or read-only disk is named."""

import contextlib
import errno
import json
import os
import platform
import re
import secrets
import shutil
import time
from pathlib import Path

import numpy as np

from vcfnb.errors import CannotWrite, VcfnbError

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
    """The error for a file that cannot be written; `number` is the system's ``errno``."""
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
    """Make a folder with its parents, or raise CannotWrite, which says why."""
    with writing(folder):
        Path(folder).mkdir(parents=True, exist_ok=True)


def aside_prefix():
    """How the names of this process' temporary files begin."""
    return f"{_ASIDE}{_HOST}-{os.getpid()}-"


def is_temporary(path):
    """Whether a path lies in, or is, what a process was writing when it was killed, or is still writing."""
    return any(part.startswith(_ASIDE) for part in Path(path).parts)


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

    A reader never sees a half-written file, whatever interrupts the writer; CannotWrite names a full or read-only disk.
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


def plain(value):
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
            json.dumps(data, indent=2, sort_keys=True, default=plain, allow_nan=False) + "\n", encoding="utf-8"
        )


def read_json(path):
    """What a JSON file holds; None where it is missing or not whole."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def save_figure(figure, path, data=None, dpi=300):
    """Save a figure as PNG (300 dpi) and SVG, with its tidy data beside it as CSV; `path` is without suffix."""
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
