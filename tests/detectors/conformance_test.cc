// Holds every line of the catalog to what all detectors promise. A new kind is tested here without
// touching this file.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>

#include "tests/detectors/play.h"
#include "tests/support/streams.h"

namespace faultline {

void PrintTo(const CatalogEntry& entry, std::ostream* out) { *out << entry.name; }

namespace {

using testing::BytesOf;
using testing::HostileStreams;
using testing::Normals;
using testing::Numbers;
using testing::Play;
using testing::Random;
using testing::Rows;

const google::protobuf::FieldDescriptor* FieldOf(const CatalogEntry& entry) {
  return v1::DetectorSpec::descriptor()->FindFieldByNumber(static_cast<int>(entry.kind));
}

v1::DetectorSpec DefaultSpec(const CatalogEntry& entry) {
  v1::DetectorSpec spec;
  spec.GetReflection()->MutableMessage(&spec, FieldOf(entry));
  if (entry.kind == v1::DetectorSpec::kDependencyChange) {
    spec.mutable_dependency_change()->set_from("c0");
    spec.mutable_dependency_change()->set_to("c1");
  }
  return spec;
}

// Sets an option of a kind by name; false if the kind has no such option.
bool SetOption(const CatalogEntry& entry, const std::string& option, double value,
               v1::DetectorSpec* spec) {
  google::protobuf::Message* options = spec->GetReflection()->MutableMessage(spec, FieldOf(entry));
  const auto* field = options->GetDescriptor()->FindFieldByName(option);
  if (field == nullptr) return false;
  using Type = google::protobuf::FieldDescriptor;
  const auto* reflection = options->GetReflection();
  if (field->cpp_type() == Type::CPPTYPE_DOUBLE) reflection->SetDouble(options, field, value);
  if (field->cpp_type() == Type::CPPTYPE_UINT64) {
    reflection->SetUInt64(options, field, static_cast<uint64_t>(value));
  }
  if (field->cpp_type() == Type::CPPTYPE_UINT32) {
    reflection->SetUInt32(options, field, static_cast<uint32_t>(value));
  }
  return true;
}

// With a threshold as an operator might set it.
v1::DetectorSpec ArmedSpec(const CatalogEntry& entry) {
  v1::DetectorSpec spec = DefaultSpec(entry);
  if (entry.budgeted) return spec;  // Play gives it a budget.
  EXPECT_TRUE(SetOption(entry, "threshold", entry.name == "page_hinkley" ? 50 : 0.25, &spec));
  return spec;
}

bool Judges(const CatalogEntry& entry, SignalType type) {
  const Detector made = *MakeDetector(DefaultSpec(entry));
  return made.compare != nullptr ? made.compare->Judges(type) : made.follow->Judges(type);
}

// Transforms take rows of several columns: copies of the stream, shifted.
Rows ForKind(const CatalogEntry& entry, const std::vector<double>& values) {
  Rows rows = Numbers(values);
  const Detector made = *MakeDetector(DefaultSpec(entry));
  const bool derives =
      made.transform != nullptr && made.transform->facts().derivation == Derivation::kFitted;
  if (!derives) return rows;
  for (const size_t shift : {7, 31}) {
    std::vector<double> column = values;
    std::rotate(column.begin(), column.begin() + std::min(shift, column.size()), column.end());
    rows.columns.push_back(std::move(column));
  }
  return rows;
}

Rows Words(uint64_t seed, uint32_t count, const std::string& prefix, uint64_t kinds) {
  Random random(seed);
  Rows rows;
  for (uint32_t i = 0; i < count; ++i) {
    rows.words.push_back(prefix + std::to_string(random.Below(kinds)));
  }
  return rows;
}

struct Stream {
  std::string name;
  Rows reference;
  Rows live;
  bool unchanged;  // the live rows follow the reference's law
};

// Everything a kind is tried on.
std::vector<Stream> StreamsFor(const CatalogEntry& entry) {
  std::vector<Stream> streams;
  const auto add = [&](std::string name, Rows reference, Rows live, bool unchanged) {
    streams.push_back({std::move(name), std::move(reference), std::move(live), unchanged});
  };
  if (Judges(entry, SignalType::kNumeric)) {
    const auto rows = [&](const std::vector<double>& values) { return ForKind(entry, values); };
    const std::vector<double> calm = Normals(1, 2000);
    add("calm", rows(calm), rows(Normals(2, 3000)), true);
    add("moved", rows(calm), rows(Normals(3, 3000, 5)), false);
    for (const testing::HostileStream& stream : HostileStreams(3000)) {
      const bool changes = stream.name == "constant_then_jump" || stream.name == "slow_ramp";
      add(stream.name, rows(stream.values), rows(stream.values), !changes);
      add("calm_then_" + stream.name, rows(calm), rows(stream.values), false);
    }
    for (const uint32_t size : {0, 1, 2, 19, 20, 21}) {
      add("reference_of_" + std::to_string(size), rows(Normals(4, size)), rows(calm), true);
    }
    add("constant_reference", rows(std::vector<double>(500, 7.0)), rows(calm), false);
  }
  if (Judges(entry, SignalType::kCategorical)) {
    add("words", Words(1, 2000, "w", 10), Words(2, 3000, "w", 10), true);
    add("other_words", Words(1, 2000, "w", 10), Words(2, 3000, "v", 10), false);
    add("endless_words", Words(1, 2000, "w", 10), Words(2, 3000, "u", 1u << 30), false);
    add("many_words", Words(1, 2000, "w", 600), Words(2, 3000, "w", 600), true);
    add("one_word", Words(1, 500, "w", 1), Words(2, 1000, "w", 1), true);
    add("reference_of_1_word", Words(1, 1, "w", 1), Words(2, 1000, "w", 3), true);
    Rows odd = Words(3, 2000, std::string("\0\xff\xfe", 3), 3);
    odd.missing.assign(2000, false);
    for (size_t i = 0; i < 2000; i += 3) odd.missing[i] = true;
    add("bytes_and_gaps", odd, odd, true);
  }
  return streams;
}

class Conformance : public ::testing::TestWithParam<CatalogEntry> {
 protected:
  const CatalogEntry& entry() const { return GetParam(); }

  std::vector<Verdict> Run(const v1::DetectorSpec& spec, const Stream& stream,
                           Play::Choices choices = {}) const {
    Play play(spec, stream.reference, std::move(choices));
    return play.Run(stream.live);
  }
};

TEST_P(Conformance, NameIsTheProtoField) {
  ASSERT_NE(FieldOf(entry()), nullptr);
  EXPECT_EQ(FieldOf(entry())->name(), entry().name);
  EXPECT_EQ(FindKind(entry().kind)->name, entry().name);
  EXPECT_EQ(FindKind(entry().name)->kind, entry().kind);
}

TEST_P(Conformance, DefaultOptionsMakeExactlyOneDetector) {
  const auto made = MakeDetector(DefaultSpec(entry()));
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->name, entry().name);
  EXPECT_EQ((made->compare != nullptr) + (made->follow != nullptr), 1);
  const Transform* transform = made->transform.get();
  EXPECT_EQ(transform != nullptr, entry().watched == Watched::kOwn);
  EXPECT_EQ(transform == nullptr ? 0 : transform->facts().memory_bytes, entry().memory_bytes);
  if (transform == nullptr) return;
  EXPECT_EQ(transform->facts().name, entry().name);
  EXPECT_NE(transform->facts().derivation, Derivation::kColumn) << "these are always on";
}

TEST_P(Conformance, OptionsOutOfRangeAreRefusedByName) {
  const double kNan = std::numeric_limits<double>::quiet_NaN();
  const double kInfinity = std::numeric_limits<double>::infinity();
  const std::vector<std::pair<std::string, std::vector<double>>> bad = {
      {"threshold", {-1, -1e-9, kNan, kInfinity}},
      {"rows_min", {0, 2e9}},
      {"delta", {-0.1, kNan, kInfinity}},
      {"features_max", {0, 1, 65}},
      {"quantile", {0.4, 1.1, kNan}},
      {"tolerance", {-1, 2e6, kNan, kInfinity}},
      {"jump", {0, 0.6, kNan}},
      {"rows", {0, 63, 4097}},
      {"pairs_max", {0, 17}},
  };
  for (const auto& [option, values] : bad) {
    for (const double value : values) {
      v1::DetectorSpec spec = DefaultSpec(entry());
      if (!SetOption(entry(), option, value, &spec)) continue;
      const auto made = MakeDetector(spec);
      ASSERT_EQ(made.status().code(), absl::StatusCode::kInvalidArgument) << option << value;
      const std::string name = std::string(entry().name) + "." + option;
      EXPECT_EQ(made.status().message().find(name), 0u) << made.status();
    }
  }
}

TEST_P(Conformance, SameInputSameBytes) {
  for (const Stream& stream : StreamsFor(entry())) {
    const v1::DetectorSpec spec = ArmedSpec(entry());
    EXPECT_EQ(BytesOf(Run(spec, stream)), BytesOf(Run(spec, stream))) << stream.name;
  }
}

TEST_P(Conformance, RestartAnywhereChangesNothing) {
  for (const Stream& stream : StreamsFor(entry())) {
    const v1::DetectorSpec spec = ArmedSpec(entry());
    const std::string steady = BytesOf(Run(spec, stream));
    EXPECT_EQ(BytesOf(Run(spec, stream, {.restart = true})), steady) << stream.name;
  }
}

// What compares summaries sees neither the order of rows within a pane nor, by powers of two, the
// unit they are in; only the words beside its figures may.
TEST_P(Conformance, ComparisonsDoNotSeeOrderOrUnit) {
  const Detector made = *MakeDetector(DefaultSpec(entry()));
  if (made.compare == nullptr || made.transform != nullptr) return;
  const uint32_t pane_rows = Play::Choices().pane_rows;
  for (const Stream& stream : StreamsFor(entry())) {
    const auto figures = [this](const Stream& of) {
      std::vector<Verdict> verdicts = Run(ArmedSpec(entry()), of);
      for (Verdict& verdict : verdicts) verdict.detail.clear();
      return BytesOf(verdicts);
    };
    const std::string steady = figures(stream);
    Random random(6);
    Stream shuffled = stream;
    const auto shuffle = [&](auto& rows, size_t block) {
      for (size_t begin = 0; begin < rows.size(); begin += block) {
        const size_t size = std::min(block, rows.size() - begin);
        for (size_t i = size; i > 1; --i) {
          std::swap(rows[begin + i - 1], rows[begin + random.Below(i)]);
        }
      }
    };
    for (Rows* rows : {&shuffled.reference, &shuffled.live}) {
      const size_t block = rows == &shuffled.live ? pane_rows : rows->size() + 1;
      if (!rows->missing.empty()) continue;  // words and gaps would part
      for (std::vector<double>& column : rows->columns) shuffle(column, block);
      shuffle(rows->words, block);
    }
    EXPECT_TRUE(figures(shuffled) == steady) << stream.name;
    if (stream.name != "calm" && stream.name != "moved") continue;
    Stream scaled = stream;
    for (Rows* rows : {&scaled.reference, &scaled.live}) {
      for (std::vector<double>& column : rows->columns) {
        for (double& value : column) value *= 1024;
      }
    }
    EXPECT_TRUE(figures(scaled) == steady) << stream.name;
  }
}

TEST_P(Conformance, VerdictsAreWellFormedOnHostileStreams) {
  for (const Stream& stream : StreamsFor(entry())) {
    for (const v1::DetectorSpec& spec : {DefaultSpec(entry()), ArmedSpec(entry())}) {
      for (const Verdict& verdict : Run(spec, stream)) {
        SCOPED_TRACE(stream.name);
        for (const double number : {verdict.score, verdict.effect_size, verdict.noise_floor}) {
          EXPECT_FALSE(std::isinf(number));
        }
        EXPECT_FALSE(verdict.score < 0);
        EXPECT_FALSE(verdict.p_value < 0 || verdict.p_value > 1);
        if (verdict.state == VerdictState::kCannotTell) {
          EXPECT_FALSE(verdict.detail.empty());
        } else {
          EXPECT_FALSE(std::isnan(verdict.score));
          EXPECT_GT(verdict.rows, 0u);
          EXPECT_GE(verdict.reference_rows, 20u);
        }
        if (verdict.state == VerdictState::kAlarm) {
          EXPECT_GE(verdict.score, verdict.threshold);
        }
      }
    }
  }
}

TEST_P(Conformance, UnchangedStreamsStayWithoutAlarm) {
  for (const Stream& stream : StreamsFor(entry())) {
    if (!stream.unchanged) continue;
    size_t at = 0;
    for (const Verdict& verdict : Run(ArmedSpec(entry()), stream)) {
      EXPECT_NE(verdict.state, VerdictState::kAlarm)
          << stream.name << " pane " << at << ": " << verdict.score << " " << verdict.detail;
      ++at;
    }
  }
}

TEST_P(Conformance, WithoutThresholdItNeverAlarmsAndSaysSo) {
  for (const Stream& stream : StreamsFor(entry())) {
    for (const Verdict& verdict : Run(DefaultSpec(entry()), stream, {.budget_rows = 0})) {
      EXPECT_EQ(verdict.state, VerdictState::kCannotTell) << stream.name;
      if (!std::isnan(verdict.score)) {
        const char* what = entry().budgeted ? "no alarm budget is set" : "no threshold is set";
        EXPECT_EQ(verdict.detail.find(what), 0u) << verdict.detail;
      }
    }
  }
}

TEST_P(Conformance, SaysWhatIsMissing) {
  const Stream stream = StreamsFor(entry())[0];
  v1::DetectorSpec spec = ArmedSpec(entry());
  if (SetOption(entry(), "rows_min", 250, &spec)) {
    const std::vector<Verdict> verdicts = Run(spec, stream, {.pane_rows = 100});
    EXPECT_EQ(verdicts[0].detail, "150 more rows");
    EXPECT_EQ(verdicts[1].detail, "50 more rows");
    EXPECT_NE(verdicts[2].state, VerdictState::kCannotTell) << verdicts[2].detail;
  }
  for (Stream few : StreamsFor(entry())) {
    if (few.name.find("reference_of_1") != 0 || few.reference.size() != 1) continue;
    const Verdict verdict = Run(spec, few).back();
    EXPECT_EQ(verdict.state, VerdictState::kCannotTell);
    EXPECT_NE(verdict.detail.find("reference"), std::string::npos) << verdict.detail;
  }
}

TEST_P(Conformance, StateIsBoundedAndForeignStateIsAFreshStart) {
  const Detector made = *MakeDetector(ArmedSpec(entry()));
  if (made.follow == nullptr) {
    EXPECT_EQ(entry().state_bytes_max, 0u);
    return;
  }
  ASSERT_EQ(made.follow->state_bytes(), entry().state_bytes_max) << "the catalog says so";
  ASSERT_LE(entry().state_bytes_max, 1024u);
  Random random(5);
  for (const Stream& stream : StreamsFor(entry())) {
    Play fresh(ArmedSpec(entry()), stream.reference, {});
    const std::string expected = BytesOf(fresh.Run(stream.live));
    std::string foreign(entry().state_bytes_max, '\0');
    for (char& byte : foreign) byte = static_cast<char>(random.Bits());
    Play odd(ArmedSpec(entry()), stream.reference, {.state = foreign});
    EXPECT_EQ(BytesOf(odd.Run(stream.live)), expected) << stream.name;
    EXPECT_TRUE(odd.state() == fresh.state()) << stream.name;
    // One byte of our own state damaged: the checksum tells.
    std::string damaged(reinterpret_cast<const char*>(odd.state().data()), odd.state().size());
    damaged[random.Below(damaged.size())] ^= 4;
    Play torn(ArmedSpec(entry()), stream.reference, {.state = damaged});
    EXPECT_EQ(BytesOf(torn.Run(stream.live)), expected) << stream.name;
  }
}

TEST_P(Conformance, HasASectionInTheDocsAndAGoldenScript) {
  std::ifstream file(FAULTLINE_SOURCE_DIR "/docs/detectors.md");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_NE(text.str().find("\n### " + std::string(entry().name) + "\n"), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(FAULTLINE_SOURCE_DIR "/tests/detectors/golden/" +
                                      std::string(entry().name) + ".txt"));
}

INSTANTIATE_TEST_SUITE_P(Catalog, Conformance, ::testing::ValuesIn(Catalog()),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(Catalog, HasEveryKindOfTheProtoOnce) {
  std::set<std::string> in_proto;
  const auto* kinds = v1::DetectorSpec::descriptor()->FindOneofByName("kind");
  for (int i = 0; i < kinds->field_count(); ++i) in_proto.insert(kinds->field(i)->name());
  std::set<std::string> in_catalog;
  for (const CatalogEntry& entry : Catalog()) in_catalog.emplace(entry.name);
  EXPECT_EQ(in_catalog, in_proto);
  EXPECT_EQ(in_catalog.size(), Catalog().size());
}

TEST(Catalog, WithoutAKindThereIsNoDetector) {
  EXPECT_EQ(MakeDetector({}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(FindKind("no_such_kind"), nullptr);
}

}  // namespace
}  // namespace faultline
