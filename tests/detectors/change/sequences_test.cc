#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "detectors/change/sequence.h"
#include "tests/detectors/oracle_cases.h"
#include "tests/support/streams.h"

namespace faultline {
namespace {

using testing::OracleCase;
using testing::OracleCases;
using testing::Random;

std::map<uint64_t, std::vector<double>> Streams() {
  std::map<uint64_t, std::vector<double>> streams;
  for (const OracleCase& made : OracleCases("sequences.txt", "stream")) {
    std::vector<double>& values = streams[static_cast<uint64_t>(made.Number("number"))];
    values = made.Numbers("values");
    if (!values.empty()) continue;
    Random random(static_cast<uint64_t>(made.Number("seed")));
    const bool bits = made.Number("law") == 0;
    const std::vector<double> levels = made.Numbers("levels");
    const std::vector<uint64_t> lengths = made.Counts("lengths");
    for (size_t k = 0; k < levels.size(); ++k) {
      for (uint64_t i = 0; i < lengths[k]; ++i) {
        double value = 0;
        if (bits) {
          value = random.Uniform() < levels[k] ? 1 : 0;
        } else {
          for (int j = 0; j < 12; ++j) value += random.Uniform();
          value = value - 6 + levels[k];
        }
        values.push_back(value);
      }
    }
  }
  return streams;
}

using State = std::vector<uint64_t>;  // aligned as a double

std::span<std::byte> BytesOf(State& state) { return std::as_writable_bytes(std::span(state)); }

State Started(const SequenceDetector& detector) {
  State state(detector.state_bytes() / sizeof(uint64_t));
  detector.Start(BytesOf(state));
  return state;
}

struct Marks {
  std::vector<uint64_t> changes, warnings, ago;
  bool operator==(const Marks&) const = default;
};

// In pieces of at most `piece` values.
Marks MarksOf(const SequenceDetector& detector, std::span<const double> values, size_t piece,
              State* state) {
  Marks marks;
  for (size_t at = 0; at < values.size();) {
    const SequenceStep step =
        detector.Take(values.subspan(at, std::min(piece, values.size() - at)), BytesOf(*state));
    at += step.taken;
    if (step.report == SequenceReport::kChange) {
      marks.changes.push_back(at - 1);
      marks.ago.push_back(step.ago);
    }
    if (step.report == SequenceReport::kWarning) marks.warnings.push_back(at - 1);
  }
  return marks;
}

Marks MarksOf(const SequenceDetector& detector, std::span<const double> values) {
  State state = Started(detector);
  return MarksOf(detector, values, 256, &state);
}

std::shared_ptr<const SequenceDetector> Make(const std::string& kind,
                                             std::vector<SequenceSetting> settings = {}) {
  auto made = MakeSequence(kind, settings);
  EXPECT_TRUE(made.ok()) << made.status();
  return made.ok() ? *made : nullptr;
}

TEST(Sequences, AlarmWhereTheOraclesDo) {
  auto streams = Streams();
  for (const OracleCase& made : OracleCases("sequences.txt", "sequence")) {
    std::vector<SequenceSetting> settings;
    for (const auto& [field, numbers] : made.fields) {
      const std::string_view name = field;
      if (name.starts_with("option.")) settings.emplace_back(name.substr(7), numbers[0]);
    }
    const auto detector = Make(made.words.at("kind"), settings);
    ASSERT_NE(detector, nullptr) << made.line;
    const Marks marks = MarksOf(*detector, streams.at(made.Counts("stream")[0]));
    EXPECT_EQ(marks.changes, made.Counts("changes")) << made.line;
    if (made.Has("has_warnings")) {
      EXPECT_EQ(marks.warnings, made.Counts("warnings")) << made.line;
    }
  }
}

// A stream on which every kind has something to say.
std::vector<double> Lively(const SequenceKind& kind, uint64_t seed, size_t part) {
  Random random(seed);
  std::vector<double> values;
  for (const double level : {0.1, 0.6, 0.05, 0.9}) {
    for (size_t i = 0; i < part; ++i) {
      values.push_back(kind.input == SequenceInput::kErrors ? random.Uniform() < level
                                                            : 8 * level + random.Normal());
    }
  }
  return values;
}

TEST(Sequences, AllHaveSomethingToSay) {
  for (const SequenceKind& kind : SequenceKinds()) {
    const Marks marks = MarksOf(*Make(std::string(kind.name)), Lively(kind, 5, 1000));
    EXPECT_GE(marks.changes.size(), 1u) << kind.name;
  }
}

// Every kind as it is by default, and those forms of it that keep other state.
struct Form {
  const SequenceKind* kind;
  std::vector<SequenceSetting> settings;
};
std::vector<Form> Forms() {
  std::vector<Form> forms;
  for (const SequenceKind& kind : SequenceKinds()) forms.push_back({&kind, {}});
  const auto add = [&](const char* kind, std::vector<SequenceSetting> settings) {
    forms.push_back({FindSequenceKind(kind), std::move(settings)});
  };
  add("adwin", {{"river", 1}, {"clock", 7}, {"max_buckets", 3}});
  add("cusum", {{"mode", -1}});
  add("rddm", {{"buffer_size", 50}, {"max_concept_size", 300}});
  add("hddm_a", {{"two_sided_test", 1}});
  add("hddm_w", {{"two_sided_test", 1}});
  add("fhddm", {{"short_window_size", 20}});
  add("kswin", {{"window_size", 400}, {"stat_size", 40}});
  add("bocpd", {{"run_lengths", 16}});
  return forms;
}

TEST(Sequences, DoNotSeeWhereValuesAreCutOrStateIsSaved) {
  for (const auto& [kind, settings] : Forms()) {
    const auto detector = Make(std::string(kind->name), settings);
    const std::vector<double> values = Lively(*kind, 6, 700);
    State whole = Started(*detector);
    const Marks expected = MarksOf(*detector, values, values.size(), &whole);
    for (const size_t piece : {1, 7, 256}) {
      State state = Started(*detector);
      EXPECT_EQ(MarksOf(*detector, values, piece, &state), expected) << kind->name;
      EXPECT_EQ(state, whole) << kind->name;
    }
    // Written away in the middle and read back elsewhere, by a detector made anew.
    for (const size_t middle : {1, 99, 733, 1413, 2799}) {
      State first = Started(*detector);
      Marks marks = MarksOf(*detector, std::span(values).first(middle), 100, &first);
      State moved = first;
      const auto anew = Make(std::string(kind->name), settings);
      const Marks rest = MarksOf(*anew, std::span(values).subspan(middle), 100, &moved);
      for (const uint64_t at : rest.changes) marks.changes.push_back(at + middle);
      for (const uint64_t at : rest.warnings) marks.warnings.push_back(at + middle);
      marks.ago.insert(marks.ago.end(), rest.ago.begin(), rest.ago.end());
      EXPECT_EQ(marks, expected) << kind->name << " " << middle;
      EXPECT_EQ(moved, whole) << kind->name << " " << middle;
    }
  }
}

TEST(Sequences, BeginAfreshOnForeignState) {
  for (const SequenceKind& kind : SequenceKinds()) {
    const auto detector = Make(std::string(kind.name));
    const std::vector<double> values = Lively(kind, 7, 400);
    const Marks expected = MarksOf(*detector, values);
    Random random(8);
    State damaged = Started(*detector);
    (void)MarksOf(*detector, values, 64, &damaged);
    const size_t at = random.Below(damaged.size());
    damaged[at] ^= 1u << random.Below(20);
    EXPECT_EQ(MarksOf(*detector, values, 256, &damaged), expected) << kind.name;
    State noise(detector->state_bytes() / sizeof(uint64_t));
    for (uint64_t& word : noise) word = random.Bits();
    EXPECT_EQ(MarksOf(*detector, values, 256, &noise), expected) << kind.name;
  }
  // Other options are another detector.
  const auto narrow = Make("cusum");
  const auto wide = Make("cusum", {{"threshold", 7}});
  const std::vector<double> values = Lively(*FindSequenceKind("cusum"), 9, 400);
  State state = Started(*narrow);
  (void)MarksOf(*narrow, std::span(values).first(50), 50, &state);
  EXPECT_EQ(MarksOf(*wide, values, 64, &state), MarksOf(*wide, values));
}

TEST(Sequences, StandHostileValues) {
  for (const SequenceKind& kind : SequenceKinds()) {
    const auto detector = Make(std::string(kind.name));
    for (const testing::HostileStream& stream : testing::HostileStreams(3000)) {
      State state = Started(*detector);
      const Marks marks = MarksOf(*detector, stream.values, 256, &state);
      EXPECT_LE(marks.changes.size(), 300u) << kind.name << " " << stream.name;
    }
  }
}

TEST(Sequences, PassOverWhatIsNoValue) {
  for (const SequenceKind& kind : SequenceKinds()) {
    const auto detector = Make(std::string(kind.name));
    const std::vector<double> clean = Lively(kind, 10, 500);
    std::vector<double> dirty;
    std::vector<uint64_t> place;
    for (size_t i = 0; i < clean.size(); ++i) {
      if (i % 5 == 0) dirty.push_back(std::nan(""));
      if (i % 7 == 0) dirty.push_back(-INFINITY);
      if (i % 3 == 0 && kind.input == SequenceInput::kErrors) dirty.push_back(0.5);
      place.push_back(dirty.size());
      dirty.push_back(clean[i]);
    }
    std::vector<uint64_t> expected;
    for (const uint64_t at : MarksOf(*detector, clean).changes) expected.push_back(place[at]);
    EXPECT_EQ(MarksOf(*detector, dirty).changes, expected) << kind.name;
  }
}

TEST(Sequences, SayWhereTheChangeBegan) {
  Random random(11);
  std::vector<double> values;
  for (int i = 0; i < 4000; ++i) values.push_back(random.Normal() + (i < 2000 ? 0 : 1.5));
  for (const char* kind : {"adwin", "cusum", "bocpd"}) {
    const Marks marks = MarksOf(
        *Make(kind, std::string(kind) == "cusum"   ? std::vector<SequenceSetting>{{"threshold", 15}}
                    : std::string(kind) == "bocpd" ? std::vector<SequenceSetting>{{"lambda", 1e5}}
                                                   : std::vector<SequenceSetting>{}),
        values);
    ASSERT_GE(marks.changes.size(), 1u) << kind;
    const auto began = static_cast<double>(marks.changes[0] + 1 - marks.ago[0]);
    EXPECT_NEAR(began, 2000, 40) << kind;
  }
}

// With fall = 0 every time that the most probable run length falls behind is a change.
TEST(Bocpd, FallsWhereTheFullRecursionDoes) {
  const auto detector = Make("bocpd", {{"fall", 0}, {"run_lengths", 4096}});
  auto streams = Streams();
  for (const OracleCase& made : OracleCases("sequences.txt", "run_lengths")) {
    const std::vector<uint64_t> likely = made.Counts("likely");
    const std::vector<double>& stream = streams.at(made.Counts("stream")[0]);
    const Marks marks = MarksOf(*detector, std::span(stream).first(likely.size()));
    std::vector<uint64_t> changes;
    std::vector<uint64_t> ago;
    for (size_t i = 1; i < likely.size(); ++i) {
      if (likely[i] > likely[i - 1]) continue;
      changes.push_back(i);
      ago.push_back(likely[i]);
    }
    EXPECT_GE(changes.size(), 1u);
    EXPECT_EQ(marks.changes, changes);
    EXPECT_EQ(marks.ago, ago);
  }
}

// The paper keeps the newer part of the window, so that a second change is measured against all of
// the first one's law.
TEST(Adwin, KeepsWhatThePaperKeeps) {
  const std::vector<double> levels = {0, 1, 1.4};
  std::vector<double> values;
  Random random(12);
  for (const double level : levels) {
    for (int i = 0; i < 1500; ++i) values.push_back(level + random.Normal());
  }
  const Marks paper = MarksOf(*Make("adwin"), values);
  const Marks river = MarksOf(*Make("adwin", {{"river", 1}}), values);
  ASSERT_GE(paper.changes.size(), 2u);
  EXPECT_LE(paper.changes[0], river.changes[0]);
  EXPECT_LT(paper.ago[0], 200u);
}

// A chart that has learnt a mean of 0 and a deviation of 1 runs as long as the integral equation
// says.
TEST(Cusum, RunsAsLongAsItsIntegralEquationSays) {
  std::vector<double> learnt;
  for (int i = 0; i < 500; ++i) learnt.insert(learnt.end(), {1, -1});
  learnt.push_back(0);
  for (const OracleCase& made : OracleCases("sequences.txt", "cusum_run_length")) {
    const auto chart = Make("cusum", {{"slack", made.Number("slack")},
                                      {"threshold", made.Number("threshold")},
                                      {"min_instances", static_cast<double>(learnt.size())}});
    State ready = Started(*chart);
    ASSERT_EQ(MarksOf(*chart, learnt, learnt.size(), &ready), Marks());
    Random random(13);
    double values = 0;
    constexpr int kRuns = 4000;
    for (int run = 0; run < kRuns; ++run) {
      State state = ready;
      SequenceStep step;
      while (step.report == SequenceReport::kNone) {
        const double value = made.Number("mean") + random.Normal();
        step = chart->Take({&value, 1}, BytesOf(state));
        values += 1;
      }
    }
    // Run lengths are nearly geometric, so 5 % is more than three standard errors.
    EXPECT_NEAR(values / kRuns / made.Number("values"), 1, 0.05) << made.line;
  }
}

TEST(Sequences, RefuseOptionsByNameAndRange) {
  EXPECT_EQ(MakeSequence("adwim").status().message(), "adwim: unknown sequence detector");
  const SequenceSetting unknown[] = {{"detla", 1}};
  EXPECT_EQ(MakeSequence("adwin", unknown).status().message(), "adwin: unknown option detla");
  const SequenceSetting wide[] = {{"clock", 0}};
  EXPECT_EQ(MakeSequence("adwin", wide).status().message(), "adwin.clock: 1 to 1e+09, whole");
  const SequenceSetting broken[] = {{"clock", 1.5}};
  EXPECT_FALSE(MakeSequence("adwin", broken).ok());
  const SequenceSetting nan[] = {{"delta", std::nan("")}};
  EXPECT_FALSE(MakeSequence("adwin", nan).ok());
  const SequenceSetting crossed[] = {{"alpha", 0.5}, {"beta", 0.6}};
  EXPECT_FALSE(MakeSequence("eddm", crossed).ok());
}

}  // namespace
}  // namespace faultline
