#!/usr/bin/env python3
"""Writes sequences.txt: where other people's sequential detectors alarm.

Run once, in an environment of its own; the result is committed:
    python3 -m venv /tmp/oracle && /tmp/oracle/bin/pip install numpy==2.4.6 scipy==1.17.1 river==0.26.1 \\
        mpmath==1.4.1
    /tmp/oracle/bin/python tests/detectors/oracle/make_sequences.py > tests/detectors/oracle/sequences.txt

Lines: `stream` says a stream, by its law (made anew by the test) or by its values; `sequence` says
what one detector found in it. `published` lines hold the indices that the documentation of river's
main branch prints for detectors that no release has yet (RDDM, MDDM, CUSUM, EWMA, Shewhart), or that
river's tests have held for years; `plain` lines come from the loops below, which are written from
the papers.
"""
import math
import random

import mpmath as mp
import numpy as np
import river
import scipy
from river import drift

MASK = (1 << 64) - 1
mp.mp.dps = 30
PI = np.longdouble(mp.nstr(mp.pi, 25))


class Xoshiro:
    """xoshiro256++, as tests/support/streams.cc has it."""

    def __init__(self, seed):
        self.state = []
        for _ in range(4):
            seed = (seed + 0x9E3779B97F4A7C15) & MASK
            z = seed
            z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
            z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
            self.state.append(z ^ z >> 31)

    def uniform(self):
        def rotl(x, k):
            return ((x << k) | (x >> (64 - k))) & MASK

        s = self.state
        result = (rotl((s[0] + s[3]) & MASK, 23) + s[0]) & MASK
        shifted = (s[1] << 17) & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= shifted
        s[3] = rotl(s[3], 45)
        return (result >> 11) * 2.0**-53


streams = {}


def text(value):
    if isinstance(value, (list, tuple, np.ndarray)):
        return ",".join(text(v) for v in value)
    if isinstance(value, (float, np.floating)):
        value = float(value)
        return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
    return str(int(value)) if isinstance(value, np.integer) else str(value)


def line(name, **fields):
    print(name, *(f"{key}={text(value)}" for key, value in fields.items() if value != []))


def made(number, law, seed, levels, lengths):
    chance = Xoshiro(seed)
    values = []
    for level, length in zip(levels, lengths):
        for _ in range(length):
            if law == "bits":
                values.append(1.0 if chance.uniform() < level else 0.0)
            else:  # "sums": nearly normal, deviation 1
                total = 0.0
                for _ in range(12):
                    total += chance.uniform()
                values.append(total - 6 + level)
    streams[number] = values
    line("stream", number=number, law=0 if law == "bits" else 1, seed=seed, levels=levels,
         lengths=lengths)


def given(number, values):
    streams[number] = [float(v) for v in values]
    line("stream", number=number, values=streams[number])


def found(detector, values, upside_down=False):
    changes, warnings, warned = [], [], False
    for i, x in enumerate(values):
        detector.update(1 - int(x) if upside_down else x)
        warning = getattr(detector, "warning_detected", False) and not detector.drift_detected
        if detector.drift_detected:
            changes.append(i)
        if warning and not warned:
            warnings.append(i)
        warned = warning
    return changes, warnings


def case(kind, number, detector, options=None, upside_down=False, warnings=True):
    changes, warned = found(detector, streams[number], upside_down)
    line("sequence", kind=kind, stream=number, changes=changes,
         **({"warnings": warned, "has_warnings": 1} if warnings else {}),
         **{f"option.{name}": value for name, value in (options or {}).items()})


def plain(kind, number, changes, **options):
    line("sequence", kind=kind, stream=number, changes=changes,
         **{f"option.{name}": value for name, value in options.items()})


def mddm(values, weights, delta=1e-6):
    """Pesaranghader, Viktor, Paquet 2018, algorithm 1, on right (1) and wrong (0)."""
    total = math.fsum(weights)
    epsilon = math.sqrt(0.5 * math.fsum((w / total) ** 2 for w in weights) * math.log(1 / delta))
    window, most, changes = [], 0.0, []
    for i, x in enumerate(values):
        window = (window + [1 - int(x)])[-len(weights):]
        if len(window) < len(weights):
            continue
        mean = math.fsum(w * r for w, r in zip(weights, window)) / total
        most = max(most, mean)
        if most - mean > epsilon:
            changes.append(i)
            window, most = [], 0.0
    return changes


def cusum(values, slack=0.5, threshold=5.0, learn=30):
    """Page 1954, both sides, in deviations of the first `learn` values."""
    changes, start, up, down = [], 0, 0.0, 0.0
    for i, x in enumerate(values):
        if i - start + 1 < learn:
            continue
        first = values[start:start + learn]
        mean, deviation = float(np.mean(first)), float(np.std(first, ddof=1))
        z = (x - mean) / deviation
        up, down = max(0.0, up + z - slack), max(0.0, down - z - slack)
        if max(up, down) > threshold:
            changes.append(i)
            start, up, down = i + 1, 0.0, 0.0
    return changes


def legendre(nodes):
    """Gauss-Legendre in 64 bits of mantissa: numpy's and scipy's weights of so many nodes are off by
    2e-14, which a run of 500 values multiplies by 500."""
    x = -np.cos(np.longdouble(math.pi) * (np.arange(nodes) + np.longdouble(0.75)) / (nodes + 0.5))
    for _ in range(7):
        before, value = np.ones_like(x), x.copy()
        for k in range(2, nodes + 1):
            before, value = value, ((2 * k - 1) * x * value - (k - 1) * before) / k
        slope = nodes * (before - x * value) / (1 - x * x)
        x = x - value / slope
    return x, 2 / ((1 - x * x) * slope * slope)


def density(x):
    return np.exp(-x * x / 2) / np.sqrt(2 * PI)


def first_of_solution(system):
    """x[0] of system x = 1, by Gauss with pivots, in 64 bits of mantissa."""
    size = len(system)
    system = np.hstack([system, np.ones((size, 1), np.longdouble)])
    for k in range(size):
        pivot = k + int(np.argmax(np.abs(system[k:, k])))
        system[[k, pivot]] = system[[pivot, k]]
        system[k + 1:, k:] -= np.outer(system[k + 1:, k] / system[k, k], system[k, k:])
    x = np.zeros(size, np.longdouble)
    for k in reversed(range(size)):
        x[k] = (system[k, -1] - system[k, k + 1:-1] @ x[k + 1:]) / system[k, k]
    return x[0]


def cusum_one_sided(slack, threshold, mean, nodes):
    """Mean values until the upper side alarms on N(mean, 1), mean and deviation being known: the
    integral equation of Page 1954 by Gauss-Legendre."""
    x, weights = legendre(nodes)
    x, weights = (x + 1) * threshold / 2, weights * threshold / 2
    start = np.concatenate([[np.longdouble(0)], x])
    system = np.eye(nodes + 1, dtype=np.longdouble)
    off = np.longdouble(slack) - np.longdouble(mean)
    held = [np.longdouble(mp.nstr(mp.ncdf(mp.mpf(np.format_float_scientific(v))), 25))
            for v in off - start]
    system[:, 0] -= np.array(held, np.longdouble)
    system[:, 1:] -= weights * density(x[None, :] + off - start[:, None])
    return first_of_solution(system)


def cusum_run_length(slack, threshold, mean, nodes=80):
    """Of both sides, as Kemp 1961 joins them. Textbooks print 465 and 10.4 for (0.5, 5) at 0 and
    1."""
    return 1 / (1 / cusum_one_sided(slack, threshold, mean, nodes)
                + 1 / cusum_one_sided(slack, threshold, -mean, nodes))


def ewma_run_length(alpha, limit, mean, nodes=300):
    """Mean values until |Z| is beyond limit sqrt(alpha / (2 - alpha)) on N(mean, 1): the integral
    equation of Crowder 1987 by Gauss-Legendre."""
    x, weights = legendre(nodes)
    alpha = np.longdouble(alpha)
    edge = limit * np.sqrt(alpha / (2 - alpha))
    x, weights = x * edge, weights * edge
    start = np.concatenate([[np.longdouble(0)], x])
    system = np.eye(nodes + 1, dtype=np.longdouble)
    system[:, 1:] -= weights / alpha * density(
        (x[None, :] - (1 - alpha) * start[:, None]) / alpha - mean)
    return first_of_solution(system)


def run_length_cases():
    for slack, threshold in [(0.5, 3), (0.25, 8), (0.6, 3.1), (0, 10), (1, 2.5)]:
        for mean in [0, 0.5, 1.7] + ([-0.2] if slack < 1 else []):
            one = cusum_one_sided(slack, threshold, mean, 120)
            line("run_length", kind="cusum", slack=slack, threshold=threshold, mean=mean,
                 values=float(one))
            if slack > 0:
                other = cusum_one_sided(slack, threshold, -mean, 120)
                line("run_length", kind="two_sided_cusum", slack=slack, threshold=threshold,
                     mean=mean, values=float(1 / (1 / one + 1 / other)))
    for alpha, limit in [(1, 3), (0.75, 2), (0.5, 2), (0.25, 2.998), (0.1, 2.7), (0.03, 2.437),
                         (0.005, 1.5)]:
        for mean in [0, 0.25, 1, 4]:
            line("run_length", kind="ewma", slack=alpha, threshold=limit, mean=mean,
                 values=float(ewma_run_length(alpha, limit, mean)))


def published_run_lengths():
    """As printed in the documentation of R's spc 0.6.1 (xcusum.arl, xewma.arl), with the paper's
    name there; `within` is half of the last digit printed. "-" stands where the paper's method or
    printer lost the last digits: in 40 digits Waldmann's 117.4 and 65.4 are 117.596 and 65.465,
    Vance's 2071.51 is 2071.572, Crowder's 3.95 and 1.94 are 3.548 and 1.945; SAS's 4.1500836225 of
    a CUSUM (0.25, 8) at 2.5, which is 4.1500837261, is left out."""
    def table(source, kind, slack, threshold, values):
        for mean, printed in values.items():
            if printed == "-":
                continue
            digits = len(printed.split(".")[1]) if "." in printed else 0
            line("published_run_length", source=source, kind=kind, slack=slack, threshold=threshold,
                 mean=mean, values=float(printed), within=0.5 * 10.0**-digits)

    table("waldmann_1986", "cusum", 0.5, 3, {-0.5: "1963", 0: "-", 0.5: "17.35"})
    table("vance_1986", "cusum", 0, 10, {
        -0.25: "-", -0.125: "400.28", 0: "124.66", 0.125: "59.30", 0.25: "36.71",
        0.5: "20.37", 0.75: "14.06", 1: "10.75"})
    table("lucas_crosier_1982", "two_sided_cusum", 0.5, 4, {
        0: "168.", 0.25: "74.2", 0.5: "26.6", 0.75: "13.3", 1: "8.38", 1.5: "4.75", 2: "3.34",
        2.5: "2.62", 3: "2.19", 4: "1.71", 5: "1.31"})
    table("sas_qc_1999", "ewma", 0.25, 3, {1: "11.154267016"})
    for alpha, printed in {0.75: "104.0", 0.5: "1952"}.items():
        table("waldmann_1986", "ewma", alpha, 2 * math.sqrt((2 - alpha) / alpha), {0: printed})
    means = [i / 4 for i in range(17)]
    crowder = {0.5: "26.45 20.12 11.89 7.29 4.91 - 2.80 2.29 - 1.70 1.51 1.37 1.26 1.18 1.12 "
                    "1.08 1.05",
               0.05: "127.53 43.94 18.97 11.64 8.38 6.56 5.41 4.62 4.04 3.61 3.26 2.99 2.76 2.56 "
                     "2.39 2.26 2.15"}
    for alpha, printed in crowder.items():
        table("crowder_1987", "ewma", alpha, 2, dict(zip(means, printed.split())))
    means = [0, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 3.5, 4, 5]
    saccucci = {(0.5, 3.071): "500. 255. 88.8 35.9 17.5 6.53 3.63 2.50 1.93 1.58 1.34 1.07",
                (0.03, 2.437): "500. 76.7 29.3 17.6 12.6 8.07 5.99 4.80 4.03 3.49 3.11 2.55"}
    for (alpha, limit), printed in saccucci.items():
        table("lucas_saccucci_1990", "ewma", alpha, limit, dict(zip(means, printed.split())))


def chain_run_length(shift, threshold, mean, states):
    """Of the CUSUM of a log likelihood ratio N(shift, 1) : N(0, 1), by the Markov chain of Brook and
    Evans 1972."""
    from scipy.stats import norm

    width = 2 * threshold / (2 * states - 1)
    steps = (np.arange(states)[None, :] - np.arange(states)[:, None]) * width

    def law(step):
        return norm.cdf((step - (shift * mean - shift * shift / 2)) / shift)

    below = law(steps - width / 2)
    below[:, 0] = 0
    return np.linalg.solve(np.eye(states) - (law(steps + width / 2) - below), np.ones(states))[0]


def brook_evans():
    """Thresholds by run length and the delays there, as a chain of 600 states has them: the usual
    table. The lines say what the chain comes to with ever more states, by two steps of Richardson;
    at a run of 1e7 and a shift of 0.1 that is 2.6 % more than 600 say."""
    shifts = [0.1, 0.25, 0.5, 1, 2]
    rows = {1e4: "3.892/605.3 5.475/152.6 6.556/49.1 7.361/15.1 7.627/4.6",
            1e5: "6.117/1046.9 7.760/225.7 8.853/67.5 9.662/19.7 9.930/5.7",
            1e6: "8.414/1506.0 10.062/299.3 11.156/85.9 11.964/24.3 12.233/6.9",
            1e7: "10.729/1968.7 12.367/373.1 13.459/104.4 14.267/28.9 14.535/8.0"}
    sizes = [300, 600, 1200]
    powers = np.array([[1, (2 * n - 1.0)**-2, (2 * n - 1.0)**-4] for n in sizes])
    for run, row in rows.items():
        for shift, cell in zip(shifts, row.split()):
            threshold, delay = (float(v) for v in cell.split("/"))
            chains = [[chain_run_length(shift, threshold, mean, n) for n in sizes]
                      for mean in (0, shift)]
            assert abs(chains[0][1] / run - 1) < 0.0006, (chains, run)  # 0.0005 of the threshold
            assert abs(chains[1][1] - delay) < 0.05 + 0.0005 * 2 / shift**2, (chains, delay)
            values, delay = (float(np.linalg.solve(powers, chain)[0]) for chain in chains)
            line("brook_evans", shift=shift, threshold=threshold, values=values, delay=delay)


def shewhart(values, k=3.0, learn=30):
    changes, start = [], 0
    for i, x in enumerate(values):
        if i - start + 1 < learn:
            continue
        first = values[start:start + learn]
        if abs(x - float(np.mean(first))) > k * float(np.std(first, ddof=1)):
            changes.append(i)
            start = i + 1
    return changes


def bocpd(values, hazard=1 / 250, mean=0.0, kappa=1.0, alpha=1.0, beta=1.0):
    """Adams, MacKay 2007, all run lengths kept: the most probable one after each value."""
    from scipy.special import gammaln, logsumexp
    logp = np.zeros(1)
    mu, k, a, b = (np.array([v]) for v in (mean, kappa, alpha, beta))
    likely = []
    for x in values:
        scale = b * (k + 1) / (a * k)
        density = (gammaln(a + 0.5) - gammaln(a) - 0.5 * np.log(2 * np.pi * a * scale)
                   - (a + 0.5) * np.log1p((x - mu) ** 2 / (2 * a * scale)))
        grown = logp + density + np.log1p(-hazard)
        begun = logsumexp(logp + density) + np.log(hazard)
        logp = np.concatenate([[begun], grown])
        logp -= logsumexp(logp)
        likely.append(int(np.argmax(logp)))
        b = np.concatenate([[beta], b + k * (x - mu) ** 2 / (2 * (k + 1))])
        mu = np.concatenate([[mean], (k * mu + x) / (k + 1)])
        k = np.concatenate([[kappa], k + 1])
        a = np.concatenate([[alpha], a + 0.5])
    return likely


def river_cases():
    numbers = [1, 2, 3, 4, 5, 6, 20, 21, 22]
    for number in numbers:
        case("adwin", number, drift.ADWIN(), {"river": 1}, warnings=False)
        case("page_hinkley", number, drift.PageHinkley(), warnings=False)
    for number, options in [(1, {"delta": 0.1, "clock": 1}), (3, {"clock": 7, "max_buckets": 3}),
                            (2, {"delta": 0.5, "clock": 4, "min_window_length": 30}),
                            (5, {"delta": 1e-6, "grace_period": 100, "clock": 5})]:
        case("adwin", number, drift.ADWIN(**options), {"river": 1, **options}, warnings=False)
    for mode, sign in [("up", 1), ("down", -1)]:
        case("page_hinkley", 3, drift.PageHinkley(mode=mode, threshold=20, delta=0.1),
             {"mode": sign, "threshold": 20, "delta": 0.1}, warnings=False)
    for number, options in [(3, {}), (1, {"alpha": 0.05}), (22, {"alpha": 0.0001}),
                            (4, {"window_size": 400, "stat_size": 40, "alpha": 0.001})]:
        case("kswin", number, drift.KSWIN(seed=42, **options), {"seed": 42, **options},
             warnings=False)
    for number in [10, 11, 12, 13, 23, 24]:
        case("ddm", number, drift.binary.DDM())
        case("eddm", number, drift.binary.EDDM())
        case("eddm", number, drift.binary.EDDM(alpha=0.8, beta=0.75), {"alpha": 0.8, "beta": 0.75})
        for two in [False, True]:
            case("hddm_a", number, drift.binary.HDDMA(two_sided_test=two),
                 {"two_sided_test": int(two)}, warnings=not two)
            case("hddm_w", number, drift.binary.HDDMW(two_sided_test=two),
                 {"two_sided_test": int(two)}, warnings=not two)
        # river 0.26.1 looks for a fall of what it is fed: feed it "right".
        case("fhddm", number, drift.binary.FHDDM(), upside_down=True, warnings=False)
        case("fhddm", number, drift.binary.FHDDM(short_window_size=20),
             {"short_window_size": 20}, upside_down=True, warnings=False)


def clipped_page_hinkley(values, threshold=50, delta=0.005, alpha=0.9999, least=30):
    """As river had it when its tests said [1020, 1991]."""
    count, mean, total, changes = 1, 0.0, 0.0, []
    for i, x in enumerate(values):
        mean += (x - mean) / count
        total = max(0.0, alpha * total + x - mean - delta)
        count += 1
        if count >= least and total > threshold:
            changes.append(i)
            count, mean, total = 1, 0.0, 0.0
    return changes


def river_test_cases():
    """What river's own tests hold of its streams: 0.26.1 says the same."""
    def held(kind, number, detector, indices, **options):
        changes, _ = found(detector, streams[number])
        assert changes == indices, (kind, changes)
        plain(kind, number, indices, **options)

    held("adwin", 25, drift.ADWIN(), [1023], river=1)
    held("kswin", 25, drift.KSWIN(alpha=0.0001, window_size=200, stat_size=100, seed=42), [1042],
         alpha=0.0001, window_size=200, stat_size=100, seed=42)
    held("ddm", 24, drift.binary.DDM(), [1049])
    held("eddm", 24, drift.binary.EDDM(alpha=0.9, beta=0.8), [1059], alpha=0.9, beta=0.8)
    held("hddm_a", 24, drift.binary.HDDMA(), [1047])
    held("hddm_w", 24, drift.binary.HDDMW(), [1018])
    held("hddm_a", 26, drift.binary.HDDMA(two_sided_test=True), [531, 1015, 1545],
         two_sided_test=1)
    held("hddm_w", 26, drift.binary.HDDMW(two_sided_test=True), [507, 1032, 1508],
         two_sided_test=1)
    assert clipped_page_hinkley(streams[25]) == [1020, 1991]  # see charts_and_their_oracles.md
    case("page_hinkley", 25, drift.PageHinkley(), warnings=False)
    case("page_hinkley", 25, drift.PageHinkley(mode="up"), {"mode": 1}, warnings=False)


def published_cases():
    chance = random.Random(42)
    given(30, [1 if chance.random() < 0.1 else 0 for _ in range(1000)]
          + [1 if chance.random() < 0.5 else 0 for _ in range(1000)])
    plain("rddm", 30, [1021])
    plain("mddm_a", 23, [1120])
    plain("mddm_e", 23, [1110])
    plain("mddm_g", 23, [1110])
    chance = random.Random(12345)
    given(31, [chance.gauss(0, 1) for _ in range(200)] + [chance.gauss(3, 1) for _ in range(200)])
    plain("cusum", 31, [201, 251])
    chance = random.Random(12345)
    given(32, [chance.gauss(0, 1) for _ in range(300)] + [chance.gauss(5, 1) for _ in range(200)])
    plain("shewhart", 32, [300], k=4)
    chance = random.Random(12345)
    given(33, [chance.gauss(0, 1) if i < 1000 else chance.gauss(3, 1) for i in range(1100)])
    plain("ewma", 33, [1010], min_instances=50)
    plain("adwin", 20, [1023], river=1)


def plain_cases():
    for number in [10, 11, 12, 13]:
        values = streams[number]
        plain("mddm_a", number, mddm(values, [1 + 0.01 * i for i in range(100)]))
        plain("mddm_e", number, mddm(values, [math.exp(0.01 * i) for i in range(100)]))
        plain("mddm_g", number, mddm(values, [1.02**i for i in range(1, 51)]),
              ratio=1.02, sliding_window_size=50)
    for number in [3, 4, 5]:
        plain("cusum", number, cusum(streams[number]))
        plain("shewhart", number, shewhart(streams[number]))
    for slack, threshold, mean in [(0.5, 5, 0), (0.5, 5, 1), (0.25, 8, 0), (0.5, 4, 0.5)]:
        line("cusum_run_length", slack=slack, threshold=threshold, mean=mean,
             values=float(cusum_run_length(slack, threshold, mean)))
    for number in [3, 5]:
        line("run_lengths", stream=number, likely=bocpd(streams[number][:1200]))


def main():
    print(f"# river {river.__version__}, scipy {scipy.__version__}, numpy {np.__version__}, "
          f"mpmath {mp.__version__}: "
          "see make_sequences.py")
    made(1, "bits", 1, [0.1, 0.15, 0.3], [2000, 3000, 1000])
    made(2, "bits", 2, [0.5, 0.45, 0.5], [30000, 10000, 5000])
    made(3, "sums", 3, [0, 0.5, -1], [1000, 1000, 1000])
    made(4, "sums", 4, [1e6, 1e6 + 1], [1500, 1500])
    made(5, "sums", 5, [0, 10, 0, 0.2], [100, 100, 800, 3000])
    made(6, "sums", 6, [0], [20000])
    made(10, "bits", 10, [0.2, 0.8, 0.1], [1000, 500, 2000])
    made(11, "bits", 11, [0.1, 0.12, 0.2, 0.1], [4000, 4000, 2000, 2000])
    made(12, "bits", 12, [0.02], [12000])
    made(13, "bits", 13, [0.3, 0.05, 0.35, 0.0, 1.0], [600, 900, 700, 300, 300])
    np.random.seed(12345)
    given(20, np.concatenate((np.random.randint(1000, size=1000), np.random.randint(8, size=1000))))
    chance = random.Random(42)
    given(21, chance.choices([0, 1], k=1000) + chance.choices(range(4, 8), k=1000)
          + chance.choices([0, 1], k=1000) + chance.choices(range(4, 8), k=1000))
    chance = random.Random(12345)
    given(22, chance.choices([0, 1], k=1000) + chance.choices(range(4, 8), k=1000))
    chance = random.Random(42)
    given(23, chance.choices([0, 1], k=1000) + chance.choices([0, 1], k=1000, weights=[0.3, 0.7]))
    np.random.seed(12345)
    given(24, np.concatenate((np.random.binomial(1, 0.2, 1000), np.random.binomial(1, 0.8, 1000))))
    np.random.seed(12345)
    given(25, np.concatenate((np.random.randint(2, size=1000), np.random.randint(8, size=1000))))
    np.random.seed(12345)
    given(26, np.concatenate([np.random.normal(level, 0.1, 500) > 0
                              for level in [0, 0.25, 0, 0.25]]).astype(int))
    river_cases()
    published_cases()
    plain_cases()
    river_test_cases()
    run_length_cases()
    published_run_lengths()
    brook_evans()


if __name__ == "__main__":
    main()
