// Plays the scripts in golden/. FAULTLINE_UPDATE_GOLDEN=1 rewrites their "expect" lines instead of
// checking them; the difference is then up for review. The language, one statement a line:
//
//   # a remark
//   detector KIND { OPTIONS }        options in proto text
//   seed N                           of all chance in the script
//   columns N                        numbers per row, for score detectors; else 1
//   pane N                           rows per pane
//   window N                         panes per window
//   reference: ROWS                  may come several times, like
//   live: ROWS                       this
//   expect STATE@ROW ...             every change of the verdict's state, with the number of live
//                                    rows when the pane that brought it closed
//   expect detail TEXT               of the first alarm
//
// ROWS is one of: normal MEAN DEVIATION, uniform LOW HIGH, constant VALUE, alternating VALUE,
// ramp FROM TO, nan, infinity, missing, words NAME:WEIGHT ...; then "x COUNT"; for columns > 1
// normal may be followed by "shared R": the correlation between columns. For two columns also
// mapped KINDS BROKEN: the first is one of KINDS numbers, the second follows from it but for a
// share BROKEN of rows; and again ROW: the live rows from that one on, once more. "every SECONDS"
// at the end: from row to row, else 1.

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/detectors/play.h"
#include "tests/support/streams.h"

namespace faultline {
namespace {

using testing::NameOf;
using testing::Play;
using testing::Random;
using testing::Rows;

struct Script {
  v1::DetectorSpec spec;
  Random random{0};
  uint32_t columns = 1;
  Play::Choices choices;
  Rows reference;
  Rows live;
};

std::vector<std::string> WordsIn(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

double NumberAt(const std::vector<std::string>& words, size_t i) {
  return i < words.size() ? std::strtod(words[i].c_str(), nullptr) : 0;
}

std::string PickWord(const std::vector<std::string>& words, Random& random) {
  uint64_t total = 0;
  for (size_t i = 1; i < words.size() && words[i] != "x"; ++i) {
    total += std::strtoull(words[i].c_str() + words[i].find(':') + 1, nullptr, 10);
  }
  uint64_t draw = random.Below(total);
  for (size_t i = 1;; ++i) {
    const size_t colon = words[i].find(':');
    const uint64_t weight = std::strtoull(words[i].c_str() + colon + 1, nullptr, 10);
    if (draw < weight) return words[i].substr(0, colon);
    draw -= weight;
  }
}

// One value of column rows; `share` is what the columns of the row have in common.
double Draw(const std::vector<std::string>& words, uint32_t row, uint32_t count, double share,
            Random& random) {
  const std::string& law = words[0];
  const double a = NumberAt(words, 1);
  const double b = NumberAt(words, 2);
  if (law == "normal") {
    const auto at = std::find(words.begin(), words.end(), "shared");
    const double r = at == words.end() ? 0 : std::strtod((at + 1)->c_str(), nullptr);
    return a + b * (std::sqrt(r) * share + std::sqrt(1 - r) * random.Normal());
  }
  if (law == "uniform") return a + (b - a) * random.Uniform();
  if (law == "constant") return a;
  if (law == "alternating") return row % 2 == 0 ? a : -a;
  if (law == "ramp") return a + (b - a) * row / count;
  if (law == "nan") return std::nan("");
  if (law == "infinity") return INFINITY;
  ADD_FAILURE() << "unknown rows: " << law;
  return 0;
}

Rows MakeRows(const std::string& text, Script& script) {
  const std::vector<std::string> words = WordsIn(text);
  const auto times = std::find(words.begin(), words.end(), "x");
  EXPECT_NE(times, words.end()) << "no count: " << text;
  const uint32_t count = static_cast<uint32_t>(std::stoul(*(times + 1)));
  Rows rows;
  if (words[0] == "words") {
    for (uint32_t i = 0; i < count; ++i) rows.words.push_back(PickWord(words, script.random));
    return rows;
  }
  const auto every = std::find(words.begin(), words.end(), "every");
  if (every != words.end()) rows.seconds.assign(count, std::strtod((every + 1)->c_str(), nullptr));
  if (words[0] == "again") {
    for (const std::vector<double>& column : script.live.columns) {
      const auto first = column.begin() + static_cast<ptrdiff_t>(NumberAt(words, 1));
      rows.columns.emplace_back(first, first + count);
    }
    return rows;
  }
  if (words[0] == "mapped") {
    rows.columns.resize(2);
    for (uint32_t i = 0; i < count; ++i) {
      const uint64_t kind = script.random.Below(static_cast<uint64_t>(NumberAt(words, 1)));
      const bool broken = script.random.Uniform() < NumberAt(words, 2);
      rows.columns[0].push_back(static_cast<double>(kind));
      rows.columns[1].push_back(static_cast<double>(kind % 7) + (broken ? 1 : 0));
    }
    return rows;
  }
  const bool missing = words[0] == "missing";
  if (missing) rows.missing.assign(count, true);
  rows.columns.resize(script.columns);
  for (uint32_t i = 0; i < count; ++i) {
    const double share = script.columns > 1 ? script.random.Normal() : 0;
    for (std::vector<double>& column : rows.columns) {
      column.push_back(missing ? 0 : Draw(words, i, count, share, script.random));
    }
  }
  return rows;
}

bool StartsWith(const std::string& text, const std::string& start) {
  return text.compare(0, start.size(), start) == 0;
}

Script Parse(const std::vector<std::string>& lines) {
  Script script;
  for (const std::string& line : lines) {
    const auto rest = [&](const char* start) { return line.substr(std::strlen(start)); };
    if (line.empty() || line[0] == '#' || StartsWith(line, "expect ")) continue;
    if (StartsWith(line, "detector ")) {
      EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(rest("detector "), &script.spec));
    } else if (StartsWith(line, "seed ")) {
      script.random = Random(std::stoull(rest("seed ")));
    } else if (StartsWith(line, "columns ")) {
      script.columns = static_cast<uint32_t>(std::stoul(rest("columns ")));
    } else if (StartsWith(line, "pane ")) {
      script.choices.pane_rows = static_cast<uint32_t>(std::stoul(rest("pane ")));
    } else if (StartsWith(line, "window ")) {
      script.choices.window_panes = static_cast<uint32_t>(std::stoul(rest("window ")));
    } else if (StartsWith(line, "reference: ")) {
      script.reference.Append(MakeRows(rest("reference: "), script));
    } else if (StartsWith(line, "live: ")) {
      script.live.Append(MakeRows(rest("live: "), script));
    } else {
      ADD_FAILURE() << "not understood: " << line;
    }
  }
  return script;
}

std::vector<std::string> Expectations(Script& script) {
  Play play(script.spec, script.reference, script.choices);
  std::string changes = "expect";
  std::string detail;
  std::string_view before;
  uint64_t rows = 0;
  for (const Verdict& verdict : play.Run(script.live)) {
    rows += script.choices.pane_rows;
    const std::string_view state = NameOf(verdict.state);
    if (state != before) changes += " " + std::string(state) + "@" + std::to_string(rows);
    before = state;
    if (verdict.state == VerdictState::kAlarm && detail.empty()) detail = verdict.detail;
  }
  std::vector<std::string> expectations = {changes};
  if (!detail.empty()) expectations.push_back("expect detail " + detail);
  return expectations;
}

TEST(Golden, ScriptsGiveWhatTheyExpect) {
  uint32_t scripts = 0;
  for (const auto& file :
       std::filesystem::directory_iterator(FAULTLINE_SOURCE_DIR "/tests/detectors/golden")) {
    SCOPED_TRACE(file.path().filename().string());
    std::vector<std::string> lines;
    std::vector<std::string> expected;
    std::ifstream in(file.path());
    for (std::string line; std::getline(in, line);) {
      (StartsWith(line, "expect ") ? expected : lines).push_back(line);
    }
    Script script = Parse(lines);
    const std::vector<std::string> seen = Expectations(script);
    ++scripts;
    if (std::getenv("FAULTLINE_UPDATE_GOLDEN") == nullptr) {
      EXPECT_EQ(seen, expected);
      continue;
    }
    std::ofstream out(file.path());
    for (const std::string& line : lines) out << line << "\n";
    for (const std::string& line : seen) out << line << "\n";
  }
  EXPECT_GE(scripts, Catalog().size());
}

}  // namespace
}  // namespace faultline
