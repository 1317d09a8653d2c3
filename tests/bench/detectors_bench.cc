// Prints what counting and judging cost, on values that no branch predictor has seen before.

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "detectors/catalog.h"
#include "detectors/change/sequence.h"
#include "detectors/stats/sliding_ks.h"
#include "detectors/summary/binning.h"
#include "detectors/summary/summary.h"
#include "faultline/v1/detector.pb.h"
#include "tests/bench/figures.h"
#include "tests/support/streams.h"

namespace faultline {
namespace {

using bench::Better;
using bench::Print;

constexpr size_t kValues = size_t{1} << 21;
constexpr uint32_t kColumn = 256;

double ProcessorNanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e9 * static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec);
}

// Of this thread's time on a core, so that a busy machine counts for little.
template <typename Run>
double NanosecondsPer(size_t count, Run run) {
  double best = 1e300;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const double begin = ProcessorNanoseconds();
    run();
    best = std::min(best, (ProcessorNanoseconds() - begin) / static_cast<double>(count));
  }
  return best;
}

double CountColumns(const Shape& shape, std::span<const double> values, uint32_t column) {
  std::vector<Summary> panes;
  for (int i = 0; i < 64; ++i) panes.emplace_back(&shape);
  return NanosecondsPer(values.size(), [&] {
    size_t next = 0;
    for (size_t at = 0; at + column <= values.size(); at += column) {
      Summary& pane = panes[next++ % panes.size()];
      if (pane.rows() > 8192) pane.Clear();
      pane.CountNumbers(values.subspan(at, column), nullptr, {0, column});
    }
  });
}

constexpr uint32_t kPaneRows = 256;
constexpr uint32_t kWindowRows = 30 * kPaneRows;

// A signal with a reference, a window and its newest pane.
struct Signal {
  Signal(Shape made, const auto& count) : shape(std::move(made)) {
    count(&reference, 0);
    count(&window, kWindowRows);
    count(&pane, kPaneRows);
  }
  Shape shape;
  Summary reference{&shape};
  Summary window{&shape};
  Summary pane{&shape};
  ReferenceLaw law;
};

std::unique_ptr<Signal> MakeNumbers(std::span<const double> reference,
                                    std::span<const double> values) {
  const auto count = [&](Summary* summary, uint32_t rows) {
    const std::span<const double> counted = rows == 0 ? reference : values.first(rows);
    summary->CountNumbers(counted, nullptr, {0, static_cast<uint32_t>(counted.size())});
  };
  auto signal = std::make_unique<Signal>(MakeNumericShape(reference, 1, {}), count);
  signal->law = LearnNumericLaw(signal->reference, reference, nullptr, {});
  return signal;
}

std::unique_ptr<Signal> MakeWords() {
  std::vector<std::string> words;
  std::vector<uint64_t> counts;
  for (uint64_t i = 0; i < 40; ++i) {
    words.push_back("w" + std::to_string(i));
    counts.push_back(20'000 / (i + 1));
  }
  testing::Random random(3);
  std::vector<uint32_t> codes(20'000);
  for (uint32_t& code : codes) code = static_cast<uint32_t>(random.Below(random.Below(40) + 1));
  const Shape shape = MakeCategoricalShape(words, counts, 1, {});
  CategoryMap map;
  map.Assign(shape, words);
  auto signal = std::make_unique<Signal>(shape, [&](Summary* summary, uint32_t rows) {
    const auto all = static_cast<uint32_t>(codes.size());
    summary->CountCategories(codes, map, nullptr, {0, rows == 0 ? all : rows});
  });
  signal->law = LearnCategoricalLaw(signal->reference, codes, map, nullptr, false);
  return signal;
}

v1::DetectorSpec SpecOf(const CatalogEntry& entry) {
  v1::DetectorSpec spec;
  spec.GetReflection()->MutableMessage(
      &spec, spec.GetDescriptor()->FindFieldByNumber(static_cast<int>(entry.kind)));
  if (entry.kind == v1::DetectorSpec::kDependencyChange) {
    spec.mutable_dependency_change()->set_from("a");
    spec.mutable_dependency_change()->set_to("b");
  }
  return spec;
}

// Every kind of the catalog: what a look at each closing pane comes to per value of it, and the
// state that a signal costs, with what its row detector remembers.
void JudgeKinds(std::span<const double> reference, std::span<const double> values) {
  const auto numbers = MakeNumbers(reference, values);
  const auto words = MakeWords();
  constexpr int kLooks = 2000;
  for (const CatalogEntry& entry : Catalog()) {
    const Detector made = *MakeDetector(SpecOf(entry));
    const auto judges = [&](SignalType type) {
      if (made.compare != nullptr) return made.compare->Judges(type);
      return made.follow == nullptr || made.follow->Judges(type);
    };
    const Signal& signal = judges(SignalType::kNumeric) ? *numbers : *words;
    FollowInput input = {.reference = signal.reference, .law = signal.law, .pane = signal.pane};
    input.end_s = input.budget_increment = 10;
    input.threshold = 1e12;  // Never alarms: that is what is paid for.
    std::vector<std::byte> state(entry.state_bytes_max);
    if (made.follow != nullptr) made.follow->Start(state);
    const double look = NanosecondsPer(kLooks, [&] {
      for (int i = 0; i < kLooks; ++i) {
        if (made.compare != nullptr) (void)made.compare->Compare(signal.reference, signal.window);
        if (made.follow != nullptr) (void)made.follow->Follow(input, state);
        if (made.score != nullptr) (void)made.score->Compare(signal.reference, signal.window);
      }
    });
    const std::string name = "judge." + std::string(entry.name);
    Print(name, look / kPaneRows, "ns/value");
    Print(name + ".state", entry.state_bytes_max + entry.memory_bytes, "bytes");
  }
}

// What kinds that look at rows take to derive their signal: two columns, of which the second
// follows from the first.
void DeriveRows(std::span<const double> values) {
  constexpr uint32_t kRows = 1 << 16;
  std::vector<double> from(kRows), to(kRows);
  for (const CatalogEntry& entry : Catalog()) {
    const Detector made = *MakeDetector(SpecOf(entry));
    if (made.transform == nullptr || made.transform->facts().derivation != Derivation::kFitted) {
      continue;
    }
    const bool coarse = entry.kind == v1::DetectorSpec::kDependencyChange;
    for (uint32_t i = 0; i < kRows; ++i) {
      from[i] = coarse ? std::floor(4 * values[i]) : values[i];
      to[i] = coarse ? 2 * from[i] : from[i] + values[kRows + i];
    }
    const RowColumn columns[] = {{.signal = "a", .numbers = from}, {.signal = "b", .numbers = to}};
    std::vector<MadeSignal> signals;
    if (!made.transform->Fit(columns, kRows / 8, &signals).ok() || signals.empty()) std::abort();
    std::vector<RowColumn> taken;
    for (const uint32_t at : signals[0].columns) taken.push_back(columns[at]);
    std::vector<std::byte> memory(made.transform->facts().memory_bytes);
    std::vector<double> derived(kRows);
    Print("derive." + std::string(entry.name),
          NanosecondsPer(kRows,
                         [&] {
                           for (uint32_t at = 0; at + kColumn <= kRows; at += kColumn) {
                             made.transform->Derive(signals[0].fitted, taken, {at, at + kColumn},
                                                    memory, derived);
                           }
                         }),
          "ns/row");
  }
}

// The classic detectors at their defaults, on values whose law does not change: as many as they
// take in half a second, a million at most.
void FollowSequences(std::span<const double> values) {
  std::vector<double> errors;
  testing::Random random(4);
  for (size_t i = 0; i < values.size(); ++i) errors.push_back(random.Uniform() < 0.1 ? 1 : 0);
  for (const SequenceKind& kind : SequenceKinds()) {
    const auto detector = *MakeSequence(kind.name);
    std::vector<uint64_t> state(detector->state_bytes() / sizeof(uint64_t));
    const auto follow = [&](size_t count) {
      const auto all =
          kind.input == SequenceInput::kErrors ? std::span<const double>(errors) : values;
      return NanosecondsPer(count, [&] {
        const auto bytes = std::as_writable_bytes(std::span(state));
        detector->Start(bytes);
        for (size_t at = 0; at < count;) {
          at += detector->Take(all.subspan(at, std::min<size_t>(kColumn, count - at)), bytes).taken;
        }
      });
    };
    const double first = follow(4096);
    const auto count = static_cast<size_t>(std::clamp(5e8 / first, 4096.0, double{1 << 20}));
    const std::string name = "follow." + std::string(kind.name);
    const double took = follow(count);
    if (kind.name == "adwin") {
      Print(name, took, "ns/value", 60, Better::kLower);
    } else {
      Print(name, took, "ns/value");
    }
    Print(name + ".state", static_cast<double>(detector->state_bytes()), "bytes");
  }
}

void SlideKolmogorovSmirnov(std::span<const double> reference, std::span<const double> values) {
  SlidingKolmogorovSmirnov sliding(reference.first(4096), 512);
  uint64_t most = 0;
  const auto judged = values.first(size_t{1} << 18);
  const double took = NanosecondsPer(judged.size(), [&] {
    for (const double value : judged) {
      sliding.Push(value);
      most = std::max(most, sliding.Steps());
    }
  });
  if (most == 0) std::abort();  // every distance is used
  Print("sliding_ks.4096_by_512", took, "ns/value", 200, Better::kLower);
  Print("sliding_ks.4096_by_512.state", static_cast<double>(sliding.memory_bytes()), "bytes");
}

void ScoreRows(std::span<const double> values) {
  v1::DetectorSpec spec;
  spec.mutable_row_score();
  const Detector made = *MakeDetector(spec);
  for (const uint32_t width : {8u, 32u}) {
    const size_t rows = values.size() / width;
    std::vector<RowColumn> columns(width);
    for (uint32_t k = 0; k < width; ++k) columns[k].numbers = values.subspan(k * rows, rows);
    std::vector<MadeSignal> signals;
    if (!made.transform->Fit(columns, 5000, &signals).ok()) std::abort();
    std::vector<double> scores(rows);
    const std::string name = "score.row_score." + std::to_string(width) + "_columns";
    Print(
        name,
        NanosecondsPer(
            rows * width,
            [&] {
              for (uint32_t at = 0; at + kColumn <= rows; at += kColumn) {
                made.transform->Derive(signals[0].fitted, columns, {at, at + kColumn}, {}, scores);
              }
            }),
        "ns/value");
  }
}

int Main() {
  const std::vector<double> reference = testing::Normals(1, 20000);
  const std::vector<double> values = testing::Normals(2, kValues);
  const Shape shape = MakeNumericShape(reference, 1, {});
  const Shape sketched = MakeNumericShape(reference, 1, {.quantiles = true, .distinct = true});
  Print("count.numbers.256_rows", CountColumns(shape, values, kColumn), "ns/value", 12,
        Better::kLower);
  Print("count.numbers.64_rows", CountColumns(shape, values, 64), "ns/value");
  Print("count.numbers.4096_rows", CountColumns(shape, values, 4096), "ns/value");
  Print("count.numbers.1_row", CountColumns(shape, values, 1), "ns/value");
  Print("count.numbers.256_rows.sketches", CountColumns(sketched, values, kColumn), "ns/value");
  std::vector<double> gaps = values;
  for (size_t i = 0; i < gaps.size(); i += 50) gaps[i] = __builtin_nan("");
  Print("count.numbers.256_rows.2_percent_nan", CountColumns(shape, gaps, kColumn), "ns/value");
  const BoundaryTable table(shape);
  for (const CountingKernel& kernel : CountingKernels()) {
    uint32_t hits[BoundaryTable::kSlots + 1] = {};
    RunTotals totals{.least = 0, .largest = 0};
    const std::string name = std::string("kernel.") + kernel.name;
    Print(name,
          NanosecondsPer(kValues,
                         [&] {
                           for (size_t at = 0; at < kValues; at += kColumn) {
                             kernel.count(table, values.data() + at, kColumn, hits, &totals);
                           }
                         }),
          "ns/value");
    if (hits[0] == 1) std::abort();  // hits is used
  }
  Summary pane(&shape);
  pane.CountNumbers(values, nullptr, {0, kColumn});
  std::string bytes;
  pane.Encode(&bytes);
  Print("pane.256_rows.encoded", static_cast<double>(bytes.size()), "bytes", 200, Better::kLower);
  JudgeKinds(reference, values);
  DeriveRows(values);
  ScoreRows(values);
  SlideKolmogorovSmirnov(reference, values);
  FollowSequences(values);
  return 0;
}

}  // namespace
}  // namespace faultline

int main() { return faultline::Main(); }
