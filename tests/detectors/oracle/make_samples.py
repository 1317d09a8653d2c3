#!/usr/bin/env python3
"""Writes samples.txt: what other people's two-sample scores say of raw values.

Run once, in an environment of its own; the result is committed:
    python3 -m venv /tmp/oracle && /tmp/oracle/bin/pip install numpy==2.4.6 scipy==1.17.1 \\
        pandas==3.1.1 statsmodels==0.15.0 dcor==0.7 \\
        mpmath==1.4.1
    /tmp/oracle/bin/pip install --no-deps evidently==0.7.23 nannyml==0.13.1
    /tmp/oracle/bin/python tests/detectors/oracle/make_samples.py > tests/detectors/oracle/samples.txt

Evidently's and NannyML's functions are taken out of their source files one by one: their packages
import the half of PyPI. One case a line, every double in full.
"""
import ast
import importlib.metadata
import math
import pathlib
import sys
import warnings
from collections import Counter, defaultdict
from copy import copy

import dcor
import mpmath as mp
import numpy as np
import pandas as pd
from scipy import stats
from scipy.spatial import distance
from scipy.stats import chisquare, norm
from statsmodels.stats.proportion import proportions_ztest

warnings.simplefilter("ignore")


def line(name, **fields):
    def text(value):
        if isinstance(value, (list, tuple, np.ndarray)):
            return ",".join(text(v) for v in value)
        return repr(float(value))

    print(name, *(f"{key}={text(value)}" for key, value in fields.items()))


def site(package):
    return pathlib.Path(importlib.metadata.distribution(package).locate_file(""))


def functions(path, names, scope):
    """The functions and classes `names` of a source file, without its imports."""
    tree = ast.parse(path.read_text())
    for node in tree.body:
        if getattr(node, "name", None) in names:
            node.decorator_list = []
            node.returns = None
            for part in ast.walk(node):
                if isinstance(part, ast.arg):
                    part.annotation = None
                if isinstance(part, ast.FunctionDef):
                    part.returns = None
            exec(compile(ast.Module([node], []), str(path), "exec"), scope)


class ColumnType:
    Numerical = "num"
    Categorical = "cat"


class Method:
    def __init__(self, **kwargs):
        self.column_name = kwargs["column_name"]


def evidently():
    scope = {"np": np, "pd": pd, "stats": stats, "distance": distance, "chisquare": chisquare,
             "norm": norm, "Counter": Counter, "defaultdict": defaultdict, "sqrt": math.sqrt,
             "ColumnType": ColumnType, "DefaultDict": dict, "Any": object, "Set": set}
    folder = site("evidently") / "evidently/legacy/calculations/stattests"
    for name, wanted in {
        "utils": ["get_binned_data", "get_unique_not_nan_values_list_from_series"],
        "psi": ["_psi"], "kl_div": ["_kl_div"], "jensenshannon": ["_jensenshannon"],
        "hellinger_distance": ["_hellinger_distance"],
        "wasserstein_distance_norm": ["_wasserstein_distance_norm"],
        "chisquare_stattest": ["_chi_stat_test"],
        "z_stattest": ["_z_stat_test", "proportions_diff_z_stat_ind", "proportions_diff_z_test"],
    }.items():
        functions(folder / f"{name}.py", wanted, scope)
    return scope


def nannyml():
    from scipy.spatial.distance import jensenshannon
    scope = {"np": np, "pd": pd, "Method": Method, "copy": copy, "jensenshannon": jensenshannon,
             "ks_2samp": stats.ks_2samp, "wasserstein_distance": stats.wasserstein_distance,
             "Optional": {}, "_remove_nans": lambda data: data.dropna(), "NotFittedException": Exception}
    scope["Optional"] = defaultdict(lambda: None)
    wanted = ["ContinuousJensenShannonDistance", "CategoricalJensenShannonDistance",
              "ContinuousHellingerDistance", "KolmogorovSmirnovStatistic", "WassersteinDistance",
              "LInfinityDistance"]
    functions(site("nannyml") / "nannyml/drift/univariate/methods.py", wanted, scope)

    def run(name, reference, chunk):
        method = scope[name]()
        method._fit(pd.Series(reference))
        return method._calculate(pd.Series(chunk))

    return run


def scipy_case(p, q):
    ks = stats.ks_2samp(p, q, method="exact")
    cvm = stats.cramervonmises_2samp(p, q)
    ad = stats.anderson_ksamp([p, q])
    mwu = stats.mannwhitneyu(p, q)
    line("scipy", p=p, q=q, ks=ks.statistic, ks_p=ks.pvalue, cvm=cvm.statistic, cvm_p=cvm.pvalue,
         ad=ad.statistic, ad_p=ad.pvalue, mwu=mwu.statistic, mwu_p=mwu.pvalue,
         wasserstein=stats.wasserstein_distance(p, q), energy=stats.energy_distance(p, q))


def evidently_case(scope, p, q):
    def run(name, kind=ColumnType.Numerical, *more):
        return scope[name](pd.Series(p), pd.Series(q), kind, 0.1, *more)[0]

    fields = {"psi": run("_psi"), "kl": run("_kl_div"), "js": run("_jensenshannon"),
              "hellinger": run("_hellinger_distance"),
              "hellinger_categories": run("_hellinger_distance", ColumnType.Categorical),
              "wasserstein": run("_wasserstein_distance_norm")}
    if len(set(p) | set(q)) <= 20 and set(q) <= set(p):
        fields["chi_square"] = run("_chi_stat_test")
    if len(set(p) | set(q)) == 2:
        fields["z"] = run("_z_stat_test")
    line("evidently", p=p, q=q, **fields)


def nannyml_case(run, p, q):
    line("nannyml", p=p, q=q, js=run("ContinuousJensenShannonDistance", p, q),
         js_categories=run("CategoricalJensenShannonDistance", p, q),
         hellinger=run("ContinuousHellingerDistance", p, q),
         ks=run("KolmogorovSmirnovStatistic", p, q), wasserstein=run("WassersteinDistance", p, q),
         l_infinity=run("LInfinityDistance", p, q))


def nannyml_large(run):
    """Above 10 000 reference rows; values follow from their number, so that they need no lines."""
    p = [((i * 7919) % 20011) / 1000 - 3 + (5 if i % 97 == 0 else 0) for i in range(12000)]
    q = [((i * 104729) % 15013) / 700 - 5 for i in range(900)]
    line("nannyml_large", ks=run("KolmogorovSmirnovStatistic", p, q),
         wasserstein=run("WassersteinDistance", p, q))


def scipy_large():
    """Beyond where scipy is exact; values follow from their number."""
    p = [((i * 7919) % 20011) / 1000 for i in range(12000)]
    for shift, rows in [(0.3, 900), (1.5, 250), (0.05, 11000), (4.0, 700)]:
        q = [((i * 104729) % 20011) / 1000 + shift for i in range(rows)]
        ks = stats.ks_2samp(p, q)
        line("scipy_large", shift=shift, rows=rows, ks=ks.statistic, ks_p=ks.pvalue)


def epps_singleton(p, q):
    """scipy's statistic and p-value in 60 digits, and the condition of the covariance: the inverse
    of a bad one costs doubles digits, scipy's too."""
    mp.mp.dps = 60
    p, q = ([mp.mpf(float(v)) for v in side] for side in (p, q))
    n, m, pooled = len(p), len(q), sorted(p + q)

    def quantile(share):
        below, rest = divmod(mp.mpf(share) * (n + m - 1), 1)
        upper = pooled[min(int(below) + 1, n + m - 1)]
        return pooled[int(below)] + rest * (upper - pooled[int(below)])

    unit = (quantile(0.75) - quantile(0.25)) / 2

    def transform(values):
        parts = [[of(mp.mpf(t) * v / unit) for v in values]
                 for of in (mp.cos, mp.sin) for t in (0.4, 0.8)]
        mean = [mp.fsum(part) / len(values) for part in parts]
        return mp.matrix(mean), mp.matrix(4, 4) + mp.matrix(
            [[mp.fsum((a - mean[i]) * (b - mean[j]) for a, b in zip(parts[i], parts[j])) / len(values)
              for j in range(4)] for i in range(4)])

    (p_mean, p_cov), (q_mean, q_cov) = transform(p), transform(q)
    covariance = p_cov * (n + m) / n + q_cov * (n + m) / m
    off = p_mean - q_mean
    statistic = (n + m) * (off.T * mp.lu_solve(covariance, off))[0]
    if max(n, m) < 25:
        power = mp.mpf(-1.7)
        statistic /= (1 + mp.mpf(n + m)**mp.mpf(-0.45)
                      + mp.mpf(10.1) * (mp.mpf(n)**power + mp.mpf(m)**power))
    p_value = mp.gammainc(2, statistic / 2, mp.inf, regularized=True)
    theirs = stats.epps_singleton_2samp([float(v) for v in p], [float(v) for v in q])
    assert abs(theirs.statistic / statistic - 1) < 1e-11 and abs(theirs.pvalue - p_value) < 1e-11
    return {"es": float(statistic), "es_p": float(p_value), "condition": float(mp.cond(covariance))}


def whole_laws(random):
    """Scores of the law as a whole: what ranks do not see."""
    for n, m in [(5, 5), (8, 6), (24, 24), (25, 10), (24, 30), (60, 40), (300, 200), (1000, 70)]:
        for law in range(4):
            if law == 0:
                p, q = random.normal(0, 1, n), random.normal(0.3, 1.5, m)
            elif law == 1:
                p, q = random.lognormal(0, 1.5, n), random.lognormal(0.2, 1.5, m)
            elif law == 2:  # ties
                p, q = random.poisson(4, n) + 0.0, random.poisson(5, m) + 0.0
            else:  # far from 0
                p, q = random.normal(1e4, 3, n), random.normal(1e4, 3, m)
            p, q = np.round(p, 4), np.round(q, 4)
            line("whole_law", p=p, q=q, **epps_singleton(p, q),
                 energy=dcor.energy_distance(p, q), scipy_energy=stats.energy_distance(p, q),
                 e_statistic=dcor.homogeneity.energy_test_statistic(p, q))


def evidently_large(scope):
    """A cell that holds less than 0.0001 of its side: empty ones count as a millionth of it."""
    p = [((i * 7919) % 12007) / 1000 for i in range(12006)] + [14.0]
    q = [((i * 104729) % 9001) / 1000 + 1 for i in range(900)]
    line("evidently_large", psi=scope["_psi"](pd.Series(p), pd.Series(q), ColumnType.Numerical, 0.1)[0],
         kl=scope["_kl_div"](pd.Series(p), pd.Series(q), ColumnType.Numerical, 0.1)[0])


def tables(random):
    for _ in range(30):
        cells = int(random.integers(2, 6))
        p = random.poisson(random.choice([3, 30, 400]), size=cells)
        q = random.poisson(random.choice([3, 30, 400]), size=cells)
        p[0] += 1
        q[-1] += 1
        used = (p + q) > 0
        if used.sum() < 2:
            continue
        fields = {}
        for name, correction in [("plain", False), ("corrected", True)]:
            table = np.array([p[used], q[used]])
            chi = stats.chi2_contingency(table, correction=correction)
            g = stats.chi2_contingency(table, correction=correction, lambda_="log-likelihood")
            fields |= {f"chi_{name}": chi.statistic, f"chi_{name}_p": chi.pvalue,
                       f"g_{name}": g.statistic, f"g_{name}_p": g.pvalue}
        line("table", p=p, q=q, **fields)
    for _ in range(20):
        observed = random.poisson(20, size=5) + 1.0
        expected = random.uniform(5, 30, size=5)
        expected *= observed.sum() / expected.sum()
        chi = stats.chisquare(observed, expected)
        g = stats.power_divergence(observed, expected, lambda_="log-likelihood")
        line("fit", observed=observed, expected=expected, chi=chi.statistic, chi_p=chi.pvalue,
             g=g.statistic, g_p=g.pvalue)
    for _ in range(30):
        a, b, c, d = (int(v) for v in random.poisson(random.choice([2, 10, 60], size=4)) + 1)
        fisher = stats.fisher_exact([[a, b], [c, d]])
        z, z_p = proportions_ztest([a, c], [a + b, c + d])
        line("two_by_two", cells=[a, b, c, d], odds=fisher.statistic, fisher_p=fisher.pvalue, z=z,
             z_p=z_p)


def main():
    versions = {name: importlib.metadata.version(name) for name in
                ["scipy", "numpy", "pandas", "statsmodels", "dcor", "mpmath", "evidently", "nannyml"]}
    print("#", ", ".join(f"{k} {v}" for k, v in versions.items()) + ": see make_samples.py")
    random = np.random.default_rng(20261125)

    def sample(n):
        law = random.integers(0, 4)
        if law == 0:
            return np.round(random.normal(random.choice([0, 0.3]), 1, n), 4)
        if law == 1:
            return np.round(random.lognormal(0, 1.5, n), 4)
        if law == 2:
            return np.round(random.normal(0, 2, n))  # ties
        return np.round(random.uniform(-5, 100, n), 3)

    for n, m in [(5, 7), (12, 12), (20, 19), (8, 60), (30, 30), (30, 30), (50, 80), (100, 64),
                 (200, 150), (33, 250)]:
        for _ in range(2):
            scipy_case(sample(n), sample(m))
    d = np.arange(30.0)
    scipy_case(d, np.concatenate([d[:16] + 0.5, d[:14] - 100]))
    scope, run = evidently(), nannyml()
    for n, m in [(60, 50), (150, 90), (300, 100), (120, 120)]:
        for _ in range(2):
            evidently_case(scope, sample(n), sample(m))
            nannyml_case(run, sample(n), sample(m))
    for levels in [2, 3, 5]:
        p, q = random.integers(0, levels, 80).astype(float), random.integers(0, levels, 70).astype(float)
        evidently_case(scope, p, q)
        nannyml_case(run, p, np.minimum(q + (levels > 2), 4))
    nannyml_large(run)
    tables(random)
    scipy_large()
    whole_laws(random)
    evidently_large(scope)
    # Published: P(D >= 14/30), P(D >= 13/30) of 30 values each.
    scipy_case(d, np.concatenate([d[:17] + 0.5, d[:13] - 100]))


if __name__ == "__main__":
    main()
