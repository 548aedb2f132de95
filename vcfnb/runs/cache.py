"""What was computed once is read again, as long as inputs, settings and code are the same."""

from pathlib import Path

from threadpoolctl import threadpool_limits

from vcfnb import runs
from vcfnb.runs.code import code_of


def key_of(code, *inputs):
    """Digest of all that a result depends on: the modules that compute it, with what they import, and its inputs."""
    return runs.digest(code_of(*([code] if isinstance(code, str) else code)), *inputs)


def cached(path, code, inputs, compute, outputs=()):
    """The stored result of a computation, or a new one.

    The computation runs with one thread of the linear algebra library, whichever process it runs in: sums are then
    rounded the same way with any number of cores.

    Parameters
    ----------
    path : path
        JSON file of the result. One that was made from other inputs or by other code is replaced.
    code : str or tuple of str
        The modules that compute it; what they import is found (:func:`vcfnb.runs.code.code_of`).
    inputs : sequence
        Everything else that it depends on: files, settings and data, as :func:`vcfnb.runs.digest` takes them.
    compute : callable
        Without arguments; returns plain values (what JSON can hold).
    outputs : iterable of path
        Files that `compute` writes besides; the stored result counts only while they are there.
    """
    path, key = Path(path), key_of(code, *inputs)
    stored = runs.read_json(path)
    if isinstance(stored, dict) and stored.get("key") == key and all(Path(output).exists() for output in outputs):
        return stored["result"]
    # From here on the other files are not those of an older result.
    path.unlink(missing_ok=True)
    with threadpool_limits(1):
        result = compute()
    runs.write_json({"key": key, "result": result}, path)
    return runs.read_json(path)["result"]
