"""ComBat: differences between sites (hospital, scanner, protocol) taken out of the features, learned on training cases.

A library would be better than code of ours, but none fits: neuroHarmonize 2.5 asks for numpy < 2 and pandas < 3,
neuroCombat (2021) cannot be applied to new cases, and combatlearn 2.3 differs from sva by up to 4 % of a value and asks
for umap-learn and plotly. What is below equals ``sva::ComBat`` of R (tests/reference).
"""

import json
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from vcfnb import runs
from vcfnb.cohort.clinical import ClinicalEncoder
from vcfnb.cohort.columns import problem
from vcfnb.errors import BadInput, VcfnbError

# With fewer cases the estimates for a site are uncertain (Orlhac et al. 2022, doi 10.2967/jnumed.121.262464).
ADVISED_CASES = 20
# Where sva stops: the largest relative change of an estimate.
_CONVERGED = 1e-4


@dataclass(frozen=True)
class ComBat:
    """What was learned of the sites.

    A value x of a case at site i becomes ``sd (z - gamma_i) / sqrt(delta_i) + m`` with ``z = (x - m) / sd``, where m is
    the feature's mean over the training cases, and what the covariates add to it. Gamma and delta are shrunken to what
    the features of a site share.
    """

    sites: dict  # training cases of each site
    mean: pd.Series  # by feature: over the training cases, of a case whose covariates are 0
    sd: pd.Series  # by feature: within sites, divided by n
    effects: pd.DataFrame  # what one unit of each covariate (row) adds to each feature (column), and stays in it
    gamma: pd.DataFrame  # by site and feature: shift in SDs
    delta: pd.DataFrame  # by site and feature: factor on the variance
    encoder: ClinicalEncoder  # of the covariates
    unchanged: list  # features that are constant at some site, and so stay as they are

    @property
    def note(self):
        """One line: what was done, and how sure it is."""
        if len(self.sites) == 1:
            return f"one site ({next(iter(self.sites))}): nothing to harmonise"
        counts = ", ".join(f"{site} ({n} training cases)" for site, n in self.sites.items())
        text = f"{len(self.gamma.columns)} features harmonised between {counts}"
        if self.unchanged:
            text += f"; {len(self.unchanged)} left as they are (constant at a site)"
        few = [site for site, n in self.sites.items() if n < ADVISED_CASES]
        if few:
            text += f"; fewer than {ADVISED_CASES} training cases make it uncertain at {', '.join(few)}"
        return text

    def transform(self, x, table):
        """Harmonise any cases of the training sites; columns of `x` that are not known here stay as they are.

        `table` has ``site`` and the covariates, indexed by case_id. A site without training cases is refused: nothing
        is known of its scanner, and learning it from these very cases would let test cases shape their features.
        """
        site = _known(_sites(table, x.index), self.sites)
        names = [name for name in x.columns if name in self.gamma]
        if not names:
            return x
        mean, sd = self.mean[names], self.sd[names]
        expected = self.encoder.transform(table.loc[x.index]) @ self.effects[names] + mean
        z = (x[names] - expected) / sd
        gamma, delta = (values.loc[site, names].to_numpy() for values in (self.gamma, self.delta))
        moved = (z - gamma) / np.sqrt(delta) * sd + expected
        return pd.concat([moved, x.drop(columns=names)], axis=1)[list(x.columns)]

    def only(self, features):
        """The part for some features, as a saved model needs it."""
        names = [name for name in self.gamma if name in set(features)]
        parts = {name: getattr(self, name)[names] for name in ("mean", "sd", "effects", "gamma", "delta")}
        return ComBat(self.sites, **parts, encoder=self.encoder, unchanged=[])

    def to_dict(self):
        """Plain lists and numbers, for JSON; floats survive exactly."""
        tables = {name: getattr(self, name).to_numpy().tolist() for name in ("mean", "sd", "effects", "gamma", "delta")}
        return tables | {
            "features": list(self.gamma),
            "sites": self.sites,
            "encoder": asdict(self.encoder),
            "unchanged": self.unchanged,
        }

    @classmethod
    def from_dict(cls, values):
        """Inverse of :meth:`to_dict`."""
        features, sites, encoder = values["features"], values["sites"], ClinicalEncoder(**values["encoder"])
        rows = {"effects": encoder.features, "gamma": list(sites), "delta": list(sites)}
        tables = {name: pd.DataFrame(values[name], index, features, float) for name, index in rows.items()}
        tables |= {name: pd.Series(values[name], features, float) for name in ("mean", "sd")}
        return cls(sites, **tables, encoder=encoder, unchanged=values["unchanged"])


def fit_combat(x, table, covariates=()):
    """Learn the sites' effects on features from training cases: a :class:`ComBat`; with one site it changes nothing.

    Parameters
    ----------
    x : pandas.DataFrame
        Training cases only; one column per feature, finite values.
    table : pandas.DataFrame
        Indexed by case_id: ``site``, and the covariates.
    covariates : sequence of str
        Of age, sex, bmd: differences that come with them stay in the features. Worth giving where the patients of the
        sites differ in them, and refused where the sites fix them (women at one, men at the other).

    Notes
    -----
    The label is no covariate, although ComBat is often given it. To transform a case one would then have to know its
    label, which is what the model is to tell; and in training cases the label would pull the features apart before they
    are evaluated, so that even a cross-validation would be too good. The price: where one site has more acute fractures
    than the other, part of that difference is taken for the scanner's.

    References
    ----------
    Johnson, Li and Rabinovic 2007, doi 10.1093/biostatistics/kxj037 (parametric priors); Fortin et al. 2018, doi
    10.1016/j.neuroimage.2017.11.024. Iterations stop where those of ``sva::ComBat`` do.
    """
    site = _sites(table, x.index)
    counts = site.value_counts().sort_index()
    single = counts.index[counts == 1]
    if len(counts) > 1 and len(single):
        raise VcfnbError(
            f"harmonise: site {single[0]} has a single training case, which has no spread",
            "join sites in cohort.csv, leave the case out, or set harmonise: none",
            code="site-too-small",
        )
    encoder = ClinicalEncoder.fit(table.loc[x.index], covariates)
    by_site = x.groupby(site.to_numpy())
    changing = (by_site.max() - by_site.min()).gt(1e-10 * x.abs().max()).all()
    names = changing.index[changing].tolist() if len(counts) > 1 else []
    clinical = encoder.transform(table.loc[x.index])
    member = pd.get_dummies(site, dtype=float)
    mean, sd, effects, z = _standardised(x[names], member, clinical)
    priors = [_shrunken(z[(site == name).to_numpy()]) for name in member]
    gamma, delta = (np.reshape([prior[i] for prior in priors], (len(priors), len(names))) for i in (0, 1))
    return ComBat(
        sites={str(name): int(n) for name, n in counts.items()},
        mean=pd.Series(mean, names, float),
        sd=pd.Series(sd, names, float),
        effects=pd.DataFrame(effects, clinical.columns, names, float),
        gamma=pd.DataFrame(gamma, list(member), names),
        delta=pd.DataFrame(delta, list(member), names),
        encoder=encoder,
        unchanged=changing.index[~changing].tolist(),
    )


def _standardised(x, member, clinical):
    """Mean, SD within sites, effects of the covariates, and z-scores of the training cases."""
    design = np.hstack([member, clinical])
    if np.linalg.matrix_rank(design / np.maximum(np.abs(design).max(axis=0), 1e-300)) < design.shape[1]:
        raise VcfnbError(
            f"harmonise: the sites fix {' or '.join(clinical)} (or it does not vary), so their effects cannot be "
            "distinguished",
            "take it out of harmonise_covariates",
            code="sites-confounded",
        )
    values = x.to_numpy(dtype=float)
    coefficients = np.linalg.lstsq(design, values, rcond=None)[0]
    n_sites = member.shape[1]
    mean = member.mean().to_numpy() @ coefficients[:n_sites]
    sd = np.sqrt(np.mean((values - design @ coefficients) ** 2, axis=0))
    effects = coefficients[n_sites:]
    return mean, sd, effects, (values - mean - clinical.to_numpy() @ effects) / sd


def _shrunken(z):
    """Shift and variance of one site by empirical Bayes, each shape (features,).

    With fewer than two features, or features that all vary alike, there is nothing to learn from the others, and the
    plain estimates stay.
    """
    n, shift, spread = len(z), z.mean(axis=0), z.var(axis=0, ddof=1)
    if z.shape[1] < 2 or np.ptp(spread) < 1e-12 * spread.max() or np.ptp(shift) == 0:
        return shift, spread
    centre, width = shift.mean(), shift.var(ddof=1)
    m, s2 = spread.mean(), spread.var(ddof=1)
    a, b = (2 * s2 + m**2) / s2, (m * s2 + m**3) / s2
    gamma, delta, change = shift, spread, 1.0
    while change > _CONVERGED:
        new_gamma = (width * n * shift + delta * centre) / (width * n + delta)
        new_delta = (0.5 * ((z - new_gamma) ** 2).sum(axis=0) + b) / (n / 2 + a - 1)
        # sva divides by the signed shift, so that falling ones never hold it up; kept, to give its values.
        change = max(np.max(np.abs(new_gamma - gamma) / gamma), np.max(np.abs(new_delta - delta) / delta))
        gamma, delta = new_gamma, new_delta
    return gamma, delta


def _sites(table, cases):
    """Site of each case, as text."""
    if "site" not in table:
        raise VcfnbError(
            "harmonise: cohort.csv has no column site", "add it, or set harmonise: none", code="column-missing"
        )
    site = table.loc[cases, "site"]
    if site.isna().any():
        remedy = "write where it was scanned, or set harmonise: none"
        lacking = site.index[site.isna()]
        raise BadInput([problem("site is empty", remedy, case, code="site-missing") for case in lacking])
    return site.astype(str)


def check_sites(table):
    """That every test case comes from a site with training cases, before anything is learned."""
    site = _sites(table, table.index)
    _known(site, sorted(site[table["split"] == "train"].unique()))


def _known(site, known):
    unknown = site[~site.isin(list(known))]
    if len(unknown):
        remedy = f"give cases of the training sites ({', '.join(known)}), put some of its cases into training, or set "
        remedy += "harmonise: none"
        told = "site {} has no training case"
        raise BadInput(
            [problem(told.format(name), remedy, case, code="site-unknown") for case, name in unknown.items()]
        )
    return site


def write_combat(combat, run, source):
    """Write ``05_selection/<source>_harmonisation.json``, for :func:`harmonised_features`."""
    runs.write_json(combat.to_dict(), run.path("selection", f"{source}_harmonisation.json"))


def read_combat(run, source):
    """What notebook 05 learned of the sites for one source; None for a study that does not harmonise."""
    if run.settings("selection").get("harmonise", "none") == "none":
        return None
    return ComBat.from_dict(json.loads(run.needs("selection", f"{source}_harmonisation.json").read_text()))


def harmonised_features(run, source, table, selected=False):
    """Features of all cases as the selection saw them, harmonised where the study does so; or the selected ones only.

    `source` is ``"radiomics"`` or ``"dtl_NN"``, `table` the cohort indexed by case_id.
    """
    x, combat = run.features(source, selected=selected), read_combat(run, source)
    return x if combat is None else combat.transform(x, table)
