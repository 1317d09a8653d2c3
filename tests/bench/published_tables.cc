#include "tests/bench/published_tables.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <string>
#include <vector>

#include "base/check.h"
#include "detectors/change/sequence.h"
#include "tests/bench/figures.h"
#include "tests/bench/learners.h"
#include "tests/bench/published_streams.h"
#include "tests/bench/watch.h"
#include "tests/support/csv.h"

namespace faultline::bench {
namespace {

using Rows = std::vector<uint64_t>;

// A sequence detector with its default options, and its state.
class Follower {
 public:
  explicit Follower(const std::string& kind) : detector_(*MakeSequence(kind)) {
    state_.resize(detector_->state_bytes() / sizeof(uint64_t));
    detector_->Start(bytes());
  }
  SequenceStep Take(double value) { return detector_->Take({&value, 1}, bytes()); }

 private:
  std::span<std::byte> bytes() { return std::as_writable_bytes(std::span(state_)); }

  std::shared_ptr<const SequenceDetector> detector_;
  std::vector<uint64_t> state_;  // aligned as a double
};

// --- tornado ---

struct Labelled {
  std::vector<std::vector<double>> rows;
  std::vector<int> labels;
};

Labelled ReadLabelled(const std::string& path) {
  const auto table = testing::ReadNumberTable(testing::SharedStream(path),
                                              {{"True", 1}, {"False", 0}, {"p", 1}, {"n", 0}});
  Labelled stream;
  if (!table.has_value()) return stream;
  for (size_t i = 0; i < table->rows(); ++i) {
    std::vector<double>& row = stream.rows.emplace_back();
    for (const std::vector<double>& column : table->columns) row.push_back(column[i]);
    stream.labels.push_back(row.back() > 0.5 ? 1 : 0);
    row.pop_back();
  }
  return stream;
}

// Test, then train. `alarms(loss)` says whether this row's loss is an alarm.
template <typename Alarms>
Rows Prequential(const Labelled& stream, Alarms alarms) {
  NaiveBayes learner(stream.rows[0].size());
  Rows found;
  for (size_t i = 0; i < stream.rows.size(); ++i) {
    const double loss = learner.Says(stream.rows[i]) == stream.labels[i] ? 0 : 1;
    learner.Learn(stream.rows[i], stream.labels[i]);
    if (!alarms(loss)) continue;
    found.push_back(i);
    learner = NaiveBayes(stream.rows[0].size());
  }
  return found;
}

Rows AlarmsOf(const std::string& kind, const Labelled& stream) {
  Follower follower(kind);
  return Prequential(
      stream, [&](double loss) { return follower.Take(loss).report == SequenceReport::kChange; });
}

// As on SEA: 3000 rows to learn, the losses on the next 3000 as reference, one false alarm per
// million rows, panes of ten.
Rows SuiteAlarms(const Labelled& stream) {
  constexpr size_t kRows = 3'000;
  size_t seen = 0;
  std::vector<double> reference;
  std::unique_ptr<Watch> watch;
  return Prequential(stream, [&](double loss) {
    ++seen;
    if (seen <= kRows) return false;
    if (watch == nullptr) {
      reference.push_back(loss);
      if (reference.size() == kRows) {
        watch = std::make_unique<Watch>(std::vector<std::vector<double>>{reference}, 10, 1e6);
      }
      return false;
    }
    std::vector<BenchAlarm> alarms;
    watch->Add({&loss, 1}, &alarms);
    if (alarms.empty()) return false;
    seen = 0;
    reference.clear();
    watch.reset();
    return true;
  });
}

struct Drifts {
  int drifts = 0;
  int found = 0;
  int false_alarms = 0;
  double delays = 0;

  // The first alarm at most `acceptable` rows behind a change finds it; all others are false.
  void Add(const Rows& alarms, uint64_t every, uint64_t rows, uint64_t acceptable) {
    false_alarms += static_cast<int>(alarms.size());
    for (uint64_t change = every; change < rows; change += every) {
      ++drifts;
      for (const uint64_t alarm : alarms) {
        if (alarm < change || alarm > change + acceptable) continue;
        ++found;
        --false_alarms;
        delays += static_cast<double>(alarm + 1 - change);
        break;
      }
    }
  }
  double delay() const { return found == 0 ? INFINITY : delays / found; }
  std::string Text() const {
    char text[96];
    std::snprintf(text, sizeof text, "%2d of %2d after %4.0f rows, %3d false", found, drifts,
                  delay(), false_alarms);
    return text;
  }
};

// --- NAB ---

struct Spread {
  double mean = 0;
  double deviation = 1;
  double Of(double x) const { return (x - mean) / deviation; }
};
Spread SpreadOf(std::span<const double> values) {
  Spread spread;
  const auto n = static_cast<double>(values.size());
  spread.mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const double x : values) squares += (x - spread.mean) * (x - spread.mean);
  if (squares > 0) spread.deviation = std::sqrt(squares / n);
  return spread;
}

Rows AlarmsOf(const std::string& kind, const NabStream& stream) {
  Follower follower(kind);
  const size_t known = NabProbation(stream.values.size());
  const Spread spread = SpreadOf(std::span(stream.values).first(known));
  Rows alarms;
  for (size_t i = 0; i < stream.values.size(); ++i) {
    const SequenceStep step = follower.Take(spread.Of(stream.values[i]));
    if (step.report == SequenceReport::kChange) alarms.push_back(i);
  }
  return alarms;
}

// One false alarm in so many rows: at 4000 rows a file of NAB and 0.11 points a false alarm, that
// is 0.04 of the one point of a window.
constexpr double kBudgetRows = 1e4;

// What is not scored is the reference. Two signals: the values and their steps. Every row is
// judged.
Rows SuiteAlarms(const NabStream& stream) {
  std::vector<std::vector<double>> columns = {stream.values, {0}};
  for (size_t i = 1; i < stream.values.size(); ++i) {
    columns[1].push_back(stream.values[i] - stream.values[i - 1]);
  }
  const size_t known = NabProbation(stream.values.size());
  std::vector<std::vector<double>> reference;
  for (const std::vector<double>& column : columns) {
    reference.emplace_back(column.begin(), column.begin() + static_cast<std::ptrdiff_t>(known));
  }
  Watch watch(reference, 1, kBudgetRows);
  Rows rows;
  for (size_t i = known; i < stream.values.size(); ++i) {
    std::vector<BenchAlarm> alarms;
    const double row[] = {columns[0][i], columns[1][i]};
    const bool standing = watch.alarming();
    watch.Add(row, &alarms);
    if (!standing && !alarms.empty()) rows.push_back(i);
  }
  return rows;
}

struct NabSum {
  double score = 0;
  uint64_t windows = 0;
  uint64_t found = 0;
  uint64_t outside = 0;  // alarms
};

template <typename Finder>
NabSum NabSumOf(const std::vector<NabStream>& streams, Finder finder) {
  NabSum sum;
  double points = 0;
  for (const NabStream& stream : streams) {
    const Rows alarms = finder(stream);
    points += NabPoints(alarms, stream.windows, stream.values.size());
    sum.windows += stream.windows.size();
    const auto in = [](const RowSpan& window) {
      return [&window](uint64_t row) { return row >= window.begin && row < window.end; };
    };
    for (const RowSpan& window : stream.windows) {
      sum.found += std::any_of(alarms.begin(), alarms.end(), in(window)) ? 1 : 0;
    }
    for (const uint64_t alarm : alarms) {
      sum.outside += alarm >= NabProbation(stream.values.size()) &&
                             std::none_of(stream.windows.begin(), stream.windows.end(),
                                          [&](const RowSpan& window) { return in(window)(alarm); })
                         ? 1
                         : 0;
    }
  }
  sum.score = NabScore(points, sum.windows);
  return sum;
}

// --- TCPD ---

struct FoundSegments {
  double f1 = 0;
  double cover = 0;
};

// Changes as a detector says where they began. Values are scaled by the first `known` of them.
Rows ChangesIn(const TcpdSeries& series, const std::string& kind, size_t known) {
  const Spread spread =
      SpreadOf(std::span(series.values).first(std::min(known, series.values.size())));
  Follower follower(kind);
  Rows changes;
  for (uint64_t i = 0; i < series.values.size(); ++i) {
    const SequenceStep step = follower.Take(spread.Of(series.values[i]));
    if (step.report == SequenceReport::kChange) {
      changes.push_back(step.ago > 0 ? i + 1 - std::min(step.ago, i + 1) : i);
    }
  }
  return changes;
}

// Row by row, on the budget of NAB's; the reference is the least that detectors take, 20 rows, and
// after an alarm the first 20 of the new segment.
Rows SuiteChanges(const TcpdSeries& series) {
  constexpr size_t kReference = 20;
  Rows changes;
  size_t begin = 0;
  while (begin + kReference < series.values.size()) {
    const auto from = series.values.begin() + static_cast<std::ptrdiff_t>(begin);
    Watch watch({{from, from + kReference}}, 1, kBudgetRows);
    std::vector<BenchAlarm> alarms;
    for (size_t i = begin + kReference; i < series.values.size() && alarms.empty(); ++i) {
      watch.Add({&series.values[i], 1}, &alarms);
    }
    if (alarms.empty()) break;
    const double at = std::clamp(alarms[0].change_row, 0.0, static_cast<double>(alarms[0].row));
    begin += kReference + static_cast<size_t>(at);
    changes.push_back(begin);
  }
  return changes;
}

template <typename Finder>
FoundSegments MeansOf(const std::vector<TcpdSeries>& all, Finder finder) {
  FoundSegments mean;
  for (const TcpdSeries& series : all) {
    const Rows changes = finder(series);
    mean.f1 += ChangePointF1(series.annotations, changes) / static_cast<double>(all.size());
    mean.cover += ChangePointCover(series.annotations, changes, series.values.size()) /
                  static_cast<double>(all.size());
  }
  return mean;
}

}  // namespace

void PrintTornado() {
  std::vector<Labelled> abrupt;
  std::vector<Labelled> gradual;
  for (const std::string seed : {"101", "102"}) {
    abrupt.push_back(ReadLabelled("tornado/sine1_" + seed + ".csv.gz"));
    abrupt.push_back(ReadLabelled("tornado/mixed_" + seed + ".csv.gz"));
    gradual.push_back(ReadLabelled("tornado/circles_" + seed + ".csv.gz"));
  }
  for (const Labelled& stream : abrupt) {
    if (stream.rows.empty()) return std::puts("no tornado: skipped"), void();
  }
  const auto judge = [&](const auto& alarms_of) {
    std::pair<Drifts, Drifts> drifts;
    for (const Labelled& stream : abrupt) {
      drifts.first.Add(alarms_of(stream), 20'000, stream.rows.size(), 250);
    }
    for (const Labelled& stream : gradual) {
      drifts.second.Add(alarms_of(stream), 25'000, stream.rows.size(), 1'000);
    }
    return drifts;
  };
  const auto [sudden, slow] = judge([](const Labelled& stream) { return SuiteAlarms(stream); });
  Print("data.tornado.sine1_mixed.found", sudden.found, "of 16", sudden.drifts, Better::kHigher);
  Print("data.tornado.sine1_mixed.false_alarms", sudden.false_alarms, "alarms", 0, Better::kLower);
  Print("data.tornado.sine1_mixed.delay", sudden.delay(), "rows", 35, Better::kLower);
  Print("data.tornado.circles.found", slow.found, "of 6", slow.drifts, Better::kHigher);
  Print("data.tornado.circles.false_alarms", slow.false_alarms, "alarms", 0, Better::kLower);
  Print("data.tornado.circles.delay", slow.delay(), "rows");
  std::puts("    published, FHDDM and MDDM: all of sine1 and mixed after about 40 to 60 rows");
  for (const SequenceKind& kind : SequenceKinds()) {
    const std::string name(kind.name);
    if (kind.input != SequenceInput::kErrors && name != "adwin" && name != "page_hinkley") continue;
    const auto [first, second] =
        judge([&](const Labelled& stream) { return AlarmsOf(name, stream); });
    std::printf("    %-12s  sine1, mixed: %s; circles: %s\n", name.c_str(), first.Text().c_str(),
                second.Text().c_str());
  }
}

void PrintNab() {
  const std::vector<NabStream> streams = ReadNab();
  if (streams.empty()) return std::puts("no nab: skipped"), void();
  const auto text = [](const NabSum& sum) {
    char line[96];
    std::snprintf(line, sizeof line, "%2d of %2d windows, %4d alarms outside",
                  static_cast<int>(sum.found), static_cast<int>(sum.windows),
                  static_cast<int>(sum.outside));
    return std::string(line);
  };
  const NabSum ours =
      NabSumOf(streams, [](const NabStream& stream) { return SuiteAlarms(stream); });
  Print("data.nab.standard", ours.score, "of 100", 60, Better::kHigher);
  std::printf("    %s\n", text(ours).c_str());
  std::printf(
      "    of %zu files; published, of all 58 and with thresholds fitted to them: ARTime "
      "74.9, HTM 70.1,\n    Skyline 58.2, random cut forest 51.7, windowed Gaussian 39.6 "
      "(37.1 of these files), change points 17.7\n",
      streams.size());
  for (const SequenceKind& kind : SequenceKinds()) {
    if (kind.input != SequenceInput::kNumbers) continue;
    const std::string name(kind.name);
    const NabSum sum =
        NabSumOf(streams, [&](const NabStream& stream) { return AlarmsOf(name, stream); });
    std::printf("    %-12s %6.1f  %s\n", name.c_str(), sum.score, text(sum).c_str());
  }
}

void PrintTcpd() {
  const std::vector<TcpdSeries> all = ReadTcpd();
  if (all.empty()) return std::puts("no tcpd: skipped"), void();
  constexpr size_t kKnown = 30;
  const FoundSegments online = MeansOf(all, SuiteChanges);
  Print("data.tcpd.f1", online.f1, "of 1", 0.72, Better::kHigher);
  Print("data.tcpd.cover", online.cover, "of 1", 0.65, Better::kHigher);
  std::printf(
      "    of %zu series; published of all of one column, offline and by default (F1, "
      "cover):\n    BOCPD .690 .636, BinSeg .744 .706, PELT .710 .689, no change at all "
      ".669 .583\n",
      all.size());
  const FoundSegments none = MeansOf(all, [](const TcpdSeries&) { return Rows(); });
  std::printf("    no change at all  %.3f %.3f\n", none.f1, none.cover);
  for (const SequenceKind& kind : SequenceKinds()) {
    if (kind.input != SequenceInput::kNumbers) continue;
    const std::string name(kind.name);
    const auto in = [&](size_t known) {
      return MeansOf(all, [&](const TcpdSeries& series) { return ChangesIn(series, name, known); });
    };
    const FoundSegments first = in(kKnown);
    const FoundSegments whole = in(SIZE_MAX);
    std::printf(
        "    %-16s  %.3f %.3f; scaled by the whole series, not its first 30 values  %.3f %.3f\n",
        name.c_str(), first.f1, first.cover, whole.f1, whole.cover);
  }
}

}  // namespace faultline::bench
