#!/usr/bin/env python3
"""Writes vectors.txt: what other people's code says the statistics are.

Run once, in an environment of its own; the result is committed:
    python3 -m venv /tmp/oracle && /tmp/oracle/bin/pip install numpy==2.4.6 scipy==1.17.1
    /tmp/oracle/bin/python tests/detectors/oracle/make_vectors.py > tests/detectors/oracle/vectors.txt

One case a line: its name, then name=value or name=value,value,... with every double in full.
"""
from fractions import Fraction

import numpy as np
import scipy
from scipy import spatial, special, stats


def line(name, **fields):
    def text(value):
        if isinstance(value, (list, tuple, np.ndarray)):
            return ",".join(text(v) for v in value)
        return repr(float(value)) if isinstance(value, (float, np.floating)) else str(value)

    print(name, *(f"{key}={text(value)}" for key, value in fields.items()))


def psi(p, q):
    """(q - p) ln(q / p) over used cells, half a row added to each."""
    used = (p + q) > 0
    p, q = p[used] + 0.5, q[used] + 0.5
    p, q = p / p.sum(), q / q.sum()
    return float(np.sum(special.kl_div(q, p) + special.kl_div(p, q)))


def kullback_leibler(p, q):
    """p ln(p / q) over used cells, half a row added to each: scipy's entropy renormalises."""
    used = (p + q) > 0
    return float(stats.entropy(p[used] + 0.5, q[used] + 0.5))


def hellinger(p, q):
    """Distance of the roots of shares, over the root of 2."""
    return float(spatial.distance.euclidean(np.sqrt(p / p.sum()), np.sqrt(q / q.sum())) / 2**0.5)


def wasserstein(edges, p, q):
    """Area between two piecewise linear distribution functions, in exact fractions."""
    total_p, total_q = int(p.sum()), int(q.sum())
    area, before, below_p, below_q = Fraction(0), None, 0, 0
    for i, edge in enumerate(edges):
        below_p += int(p[i])
        below_q += int(q[i])
        now = Fraction(below_p, total_p) - Fraction(below_q, total_q)
        if before is not None:
            width = Fraction(float(edge)) - Fraction(float(edges[i - 1]))
            if before * now >= 0:
                area += width * abs(before + now) / 2
            else:
                crossing = abs(before) / (abs(before) + abs(now))
                area += width * (crossing * abs(before) + (1 - crossing) * abs(now)) / 2
        before = now
    return float(area)


def cells(random):
    count = int(random.integers(2, 40))
    p = random.poisson(random.choice([0.3, 2, 30, 1000], size=count))
    q = random.poisson(random.choice([0.3, 2, 30, 1000], size=count))
    p[0] += 1
    q[int(random.integers(0, count))] += 1
    return p, q


def main():
    print(f"# scipy {scipy.__version__}, numpy {np.__version__}: see make_vectors.py")
    random = np.random.default_rng(20240501)
    for _ in range(60):
        p, q = cells(random)
        used = (p + q) > 0
        if used.sum() < 2:
            continue
        table = np.array([p[used], q[used]])
        chi = stats.chi2_contingency(table, correction=False)
        v = stats.contingency.association(table, method="cramer", correction=False)
        ranks = np.arange(len(p))
        ks = stats.ks_2samp(np.repeat(ranks, p), np.repeat(ranks, q), method="asymp")
        line("cells", p=p, q=q, psi=psi(p, q),
             jensen_shannon=spatial.distance.jensenshannon(p, q, base=2),
             total_variation=spatial.distance.cityblock(p / p.sum(), q / q.sum()) / 2,
             hellinger=hellinger(p, q), kullback_leibler=kullback_leibler(p, q),
             l_infinity=spatial.distance.chebyshev(p / p.sum(), q / q.sum()),
             kolmogorov_smirnov=ks.statistic, chi_square=chi.statistic, freedom=int(chi.dof),
             p_value=chi.pvalue, cramers_v=v)
    for _ in range(40):
        bins = int(random.integers(1, 60))
        edges = np.sort(random.normal(size=bins + 1)) * 10 ** random.uniform(-3, 3)
        p = random.poisson(5, size=bins + 2)
        q = random.poisson(5, size=bins + 2) * random.integers(0, 3, size=bins + 2)
        p[0] += 1
        q[-1] += 1
        line("bins", edges=edges, p=p, q=q, wasserstein=wasserstein(edges, p, q))
    for a in [0.5, 1, 1.5, 2, 5, 10, 37.5, 130, 500]:
        for factor in [1e-3, 0.1, 0.5, 0.9, 1, 1.1, 1.5, 2, 5, 20]:
            line("gamma_q", a=float(a), x=a * factor, value=special.gammaincc(a, a * factor))
    for x in [1e-8, 0.1, 0.5, 1, 1.5, 2, 3.7, 11.9, 12, 50.5, 1000, 1e8]:
        line("log_gamma", x=float(x), value=special.gammaln(x))
    for x in np.concatenate([np.linspace(0.05, 0.99, 20), np.linspace(1, 6, 21)]):
        line("kolmogorov_q", x=x, value=special.kolmogorov(x))
    for k in [1, 2, 3, 10, 59, 63, 259]:
        line("chi_mean", freedom=k, value=stats.chi.mean(k))
    kolmogorov_laws()
    for x in [0.0, 1e-300, -0.3, 0.7853, 0.7854, 1.0, -2.0, 3.14159265, 22.0, 355.0, -1000.25,
              52174.0, 999999.5]:
        line("sine", x=x, sine=float(np.sin(x)), cosine=float(np.cos(x)))


def kolmogorov_laws():
    """At finite n, over the places where scipy itself changes its method; and its inverse limit."""
    for p in [1e-12, 1e-6, 1e-3, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999]:
        line("kolmogorov_inverse", x=float(special.kolmogi(p)), value=p)
    for n in [1, 2, 5, 15, 16, 30, 99, 140, 141, 488, 837, 5217, 60000, 200000]:
        roots = [0.3, 0.5, 0.7, 0.86, 1.0, 1.2, 1.358, 1.48, 1.49, 1.63, 2.0, 2.01, 3.0, 6.0, 12.0]
        places = {0.4 / n, 0.6 / n, 0.9 / n, 1 / n, 1.5 / n, 0.3, 0.5, 0.8, 0.999}
        places |= {root / n**0.5 for root in roots}
        for x in sorted(x for x in places if x < 1):
            line("kolmogorov_law", n=n, x=x, smirnov=float(special.smirnov(n, x)),
                 value=float(stats.kstwo.sf(x, n)))


if __name__ == "__main__":
    main()
