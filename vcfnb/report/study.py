"""The report of a study: all executed notebooks on one page, the filled checklists, and where numbers come from."""

import json
from datetime import UTC, datetime

import nbformat
import pandas as pd

from vcfnb import figures
from vcfnb.dtl import weights_provenance
from vcfnb.images import location
from vcfnb.params import ReportingParams
from vcfnb.report import checklists, notebooks, summary
from vcfnb.report.page import write_page
from vcfnb.runs import digest, git_commit, register, versions, write_csv, write_json
from vcfnb.statistics import sentences


def write_report(run, params, executed, folder, provenance_file):
    """Write ``index.html``, the first page also as PDF and JSON, the checklists (page and CSV), and the provenance.

    Parameters
    ----------
    run : vcfnb.runs.Run
    params : dict
        All parameters of the study.
    executed : list of pathlib.Path
        Notebooks, in order.
    folder, provenance_file : pathlib.Path
    """
    provenance = _provenance(run, params, executed)
    write_json(provenance, provenance_file)
    reporting = ReportingParams.model_validate(params["reporting"])
    filled = {name: checklists.fill(run.folder, name, getattr(reporting, name)) for name in checklists.CHECKLISTS}
    for name, table in filled.items():
        write_csv(table, folder / f"checklist_{name}.csv")
    about = {"study": run.study, "simulated": run.simulated}
    write_page(folder / "checklists.html", "checklists.html.j2", **about, **checklists.shown(filled))
    figures.style()
    said = summary.summarise(run, params["fusion"]["primary"])
    write_json(said, folder / "summary.json")
    summary.write_pdf(folder / "summary.pdf", run, said)
    sections = notebooks.sections(executed, run.chosen_expansion())
    write_page(
        folder / "index.html",
        "report.html.j2",
        **about,
        summary=said,
        models=summary.models_table(said),
        overview=summary.overview(run, said),
        opened=sentences.openings(register.opened(run)),
        checklists=checklists.summary(filled),
        parameters=json.dumps(params, indent=1),
        weights=_weights(provenance),
        versions=provenance["versions"],
        git_commit=provenance["git_commit"],
        chapters=notebooks.chapters(sections),
        sections=sections,
    )


def _provenance(run, params, executed):
    cohort = run.cohort()
    return {
        "study": run.study,
        "simulated": run.simulated,
        "params": params,
        "seed": params["seed"],
        "versions": versions(),
        "weights": {folder.name: weights_provenance(folder) for folder in sorted(run.step("dtl").glob("expansion_*"))},
        "git_commit": git_commit(),
        "input_sha256": {
            f"{case} {kind}": digest(location(name)[0])
            for kind in ("image", "mask")
            for case, name in zip(cohort["case_id"], cohort[kind], strict=True)
        },
        # As papermill noted them.
        "notebook_seconds": {
            path.stem: nbformat.read(path, 4).metadata.get("papermill", {}).get("duration") for path in executed
        },
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "notice": "Research use only.",
    }


def _weights(provenance):
    """The start of each expansion's network."""
    names = {"network": "network", "source": "weights", "sha256": "SHA-256", "activation": "activation"}
    names |= {"left_random": "random parts", "layer": "feature layer", "feature_mode": "features"}
    table = pd.DataFrame(provenance["weights"]).T.rename(columns=names)[list(names.values())]
    return table.rename_axis("expansion").reset_index().fillna("-")
