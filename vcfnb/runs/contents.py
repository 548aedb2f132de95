"""Digests of a cohort's files, kept, so that looking whether one has changed does not read them all."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from vcfnb import runs
from vcfnb.images import location


def digests_of(path, names):
    """Digest of the content, and number of the series, of each path as cohort.csv has it; kept in a file at `path`.

    A file or folder is read again only where its size, time or place is another.
    """
    kept = runs.read_json(path) or {}
    places = {name: location(name) for name in names}
    marks = {str(place): _marks(place) for place, _ in places.values()}
    known = {place: kept[place] for place in marks if kept.get(place, [None])[0] == marks[place]}
    new = [place for place in marks if place not in known]
    with ThreadPoolExecutor(runs.usable_cores()) as pool:
        known |= {place: [marks[place], sha] for place, sha in zip(new, pool.map(_content, new), strict=True)}
    if known != kept:
        runs.write_json(known, path)
    return {name: [known[str(place)][1], number] for name, (place, number) in places.items()}


def _marks(place):
    """What changes when a file is written: size, times and place on the disk, of each file of a folder."""
    found = []
    for file in runs.files_of(place):
        if file.exists():
            stat = file.stat()
            found.append([file.name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino])
    return found


def _content(place):
    """SHA-256 of a file or folder; nothing where it cannot be read."""
    try:
        return runs.digest(Path(place))
    except OSError:
        return ""
