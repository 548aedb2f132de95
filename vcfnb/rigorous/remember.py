"""Results of single jobs, kept as files: an interrupted evaluation goes on from what was finished."""

import json
from pathlib import Path

from threadpoolctl import threadpool_limits

from vcfnb import runs


def remembered(path, key, work):
    """The stored result of a job, or a new one.

    The job runs with one thread of the linear algebra library, whichever process it runs in: sums are then rounded the
    same way with any number of cores.

    Parameters
    ----------
    path : path
        JSON file of the job.
    key : str
        Digest of what the result depends on; a file with another key is written anew.
    work : callable
        Without arguments; gives plain values (what JSON can hold).

    Returns
    -------
    object
        As JSON gives it back, in both cases.
    """
    path = Path(path)
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["key"] == key:
            return stored["result"]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not there, or not whole: make it anew
    with threadpool_limits(1):
        result = work()
    runs.write_json({"key": key, "result": result}, path)
    return json.loads(path.read_text(encoding="utf-8"))["result"]
