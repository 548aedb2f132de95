"""Digests of a cohort's files, kept, so that looking whether one has changed does not read them all."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from vcfnb import runs
from vcfnb.images import location


class Contents:
    """Digests of the content of files and folders, read again only where size, time or place of a file is another.

    Parameters
    ----------
    path : path
        Where they are kept between two looks.
    names : list of str
        Paths as cohort.csv has them: files, folders, and one of several series in a folder (``folder#2``).
    """

    def __init__(self, path, names):
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            kept = {}
        places = {name: location(name) for name in names}
        marks = {str(place): _marks(place) for place, _ in places.values()}
        known = {place: kept[place] for place in marks if kept.get(place, [None])[0] == marks[place]}
        new = [place for place in marks if place not in known]
        with ThreadPoolExecutor(runs.usable_cores()) as pool:
            known |= {place: [marks[place], sha] for place, sha in zip(new, pool.map(_content, new), strict=True)}
        if known != kept:
            runs.write_json(known, path)
        self._found = {name: [known[str(place)][1], number] for name, (place, number) in places.items()}

    def of(self, name):
        """Digest of the content of one of the paths, with the number of its series."""
        return self._found[name]


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
