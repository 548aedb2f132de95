"""The run folder of a study: its files, what is cached and stale, and work on several cores."""

from vcfnb.runs.files import (
    GO_ON,
    aside_prefix,
    atomic,
    cannot_write,
    clear_aside,
    disk_is_full,
    is_temporary,
    make_folder,
    read_json,
    save_figure,
    write_csv,
    write_json,
    writing,
)
from vcfnb.runs.folder import REPOSITORY, STEPS, Run, default_root
from vcfnb.runs.provenance import digest, files_of, git_commit, versions
from vcfnb.runs.workers import parallel_map, usable_cores
