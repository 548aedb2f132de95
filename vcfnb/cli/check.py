"""Check a whole cohort before any long work: the table, then the headers of all files, then their voxels."""

import sys
import time
from functools import partial
from pathlib import Path

from vcfnb.cli.output import checked, errors_of, problems_text, usable
from vcfnb.errors import BadInput

SUMMARY = "Say everything that is wrong with a cohort.csv and its files."


def add_arguments(parser):
    parser.add_argument("cohort", type=Path, help="the table, such as cohort.csv")
    parser.add_argument("--label-column", default="label", help="column with 1 (acute) and 0 (chronic)")
    parser.add_argument("--min-voxels", type=int, default=100, help="smallest ROI, voxels of the original image")
    parser.add_argument("--quick", action="store_true", help="table and headers only: seconds, whatever the images")
    parser.add_argument("--pictures", type=Path, metavar="HTML", help="write a contact sheet of all cases there")
    parser.add_argument("--csv", type=Path, metavar="OUT", help="write the table of problems there, too")
    parser.add_argument("--cores", type=int, help="worker processes; by default all cores")


def run(arguments):
    """Print the problems; 1 where a case cannot be used, 0 where there are none or only warnings."""
    from vcfnb import cohort, runs

    started, cores = time.time(), arguments.cores
    try:
        table, problems = cohort.check_table(arguments.cohort, arguments.label_column)
    except BadInput as error:
        return _report(error.problems.assign(severity="error"), arguments, "The table cannot be used")
    problems = checked(table, problems, partial(cohort.check_headers, cores=cores), cohort.check_size)
    if not arguments.quick:
        found = errors_of(problems)
        if len(found):
            # Long before all voxels are read.
            print(f"After {time.time() - started:.0f} s, from table and headers:", file=sys.stderr)
            print(problems_text(found, arguments.cohort.parent), file=sys.stderr, flush=True)
        voxels = partial(cohort.check_voxels, min_voxels=arguments.min_voxels, cores=cores)
        problems = checked(table, problems, voxels)
    left = usable(table, problems)
    told = f"{len(table)} cases of {table['patient_id'].nunique()} patients, {len(left)} can be used"
    told += f" ({int((left['label'] == 1).sum())} acute, {int((left['label'] == 0).sum())} chronic)"
    if arguments.quick:
        told += "; voxels were not looked at"
    if arguments.csv:
        runs.write_csv(problems, arguments.csv)
    if arguments.pictures:
        from vcfnb.report.contact import contact_sheet

        simulated = cohort.is_simulated(table)
        contact_sheet(table, arguments.pictures, problems=problems, cores=cores, simulated=simulated)
        told += f"; pictures of all in {arguments.pictures}"
    return _report(problems, arguments, told)


def _report(problems, arguments, told):
    """Errors first."""
    problems = problems.sort_values("severity", kind="stable")
    if len(problems):
        print(problems_text(problems, arguments.cohort.parent))
    errors = errors_of(problems)
    print(f"{told}: {len(errors)} error(s), {(problems['severity'] == 'warning').sum()} warning(s).")
    if len(errors):
        # Errors without a case are the table's: no case can be left out for them.
        one_by_one = errors["case_id"].astype(bool).any()
        print("Mend them" + (", or leave such cases out with on_bad_case: exclude." if one_by_one else "."))
    return int(len(errors) > 0)
