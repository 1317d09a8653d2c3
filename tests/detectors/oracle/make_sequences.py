#!/usr/bin/env python3
"""Writes sequences.txt: where other people's sequential detectors alarm.

Run once, in an environment of its own; the result is committed:
    python3 -m venv /tmp/oracle && /tmp/oracle/bin/pip install numpy==2.4.6 scipy==1.17.1 river==0.26.1
    /tmp/oracle/bin/python tests/detectors/oracle/make_sequences.py > tests/detectors/oracle/sequences.txt

Lines: `stream` says a stream, by its law (made anew by the test) or by its values; `sequence` says
what one detector found in it. `published` lines hold the indices that the documentation of river's
main branch prints for detectors that no release has yet (RDDM, MDDM, CUSUM, EWMA, Shewhart), or that
river's tests have held for years; `plain` lines come from the loops below, which are written from
the papers.
"""
import math
import random

import numpy as np
import river
import scipy
from river import drift

MASK = (1 << 64) - 1


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


def cusum_run_length(slack, threshold, mean, nodes=80):
    """Mean values until the chart of both sides alarms on N(mean, 1), mean and deviation being
    known: the integral equation of Page 1954 by Gauss-Legendre; the sides as Kemp 1961 joins them.
    Textbooks print 465 and 10.4 for (0.5, 5) at 0 and 1."""
    from scipy.stats import norm

    def one_sided(drift):
        x, weights = np.polynomial.legendre.leggauss(nodes)
        x, weights = (x + 1) * threshold / 2, weights * threshold / 2
        start = np.concatenate([[0.0], x])
        system = np.eye(nodes + 1)
        system[:, 0] -= norm.cdf(slack - drift - start)
        system[:, 1:] -= weights * norm.pdf(x[None, :] + slack - drift - start[:, None])
        return np.linalg.solve(system, np.ones(nodes + 1))[0]

    return 1 / (1 / one_sided(mean) + 1 / one_sided(-mean))


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
    print(f"# river {river.__version__}, scipy {scipy.__version__}, numpy {np.__version__}: "
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
    river_cases()
    published_cases()
    plain_cases()


if __name__ == "__main__":
    main()
