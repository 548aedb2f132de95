"""Put all executed notebooks on one self-contained page, fill the checklists, write down where numbers come from."""

import argparse
import json
from pathlib import Path

from vcfnb.params import StudyParams
from vcfnb.report.study import write_report
from vcfnb.runs import Run, steps
from vcfnb.runs.orphans import end_with_parent


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("provenance", type=Path)
    parser.add_argument("params", type=json.loads)
    parser.add_argument("notebooks", type=Path, nargs="+")
    arguments = parser.parse_args()
    end_with_parent()
    run = Run(arguments.params["study"], Path.cwd().parent)
    made = steps.State.planned(run, StudyParams.model_validate(arguments.params)).parts("report")
    write_report(run, arguments.params, arguments.notebooks, arguments.page.parent, arguments.provenance)
    print(f"wrote {arguments.page}")
    steps.write_record(run, "report", {"values": arguments.params, "parts": made})


if __name__ == "__main__":
    main()
