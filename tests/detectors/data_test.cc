// Real streams with known answers. They are not part of this repository: without the folder beside
// it these tests are skipped.

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <filesystem>
#include <sstream>

#include "tests/detectors/play.h"

namespace faultline {
namespace {

using testing::Numbers;
using testing::Play;

constexpr char kData[] = FAULTLINE_SOURCE_DIR "/../shared/data/";

// The numeric columns of a gzipped CSV file with one header line.
std::vector<std::vector<double>> Columns(const std::string& path) {
  std::vector<std::vector<double>> columns;
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) return columns;
  std::string text(1 << 16, '\0');
  gzgets(file, text.data(), static_cast<int>(text.size()));  // the header
  while (gzgets(file, text.data(), static_cast<int>(text.size())) != nullptr) {
    std::istringstream cells(std::string(text.c_str()));
    std::string cell;
    for (size_t k = 0; std::getline(cells, cell, ','); ++k) {
      if (columns.size() <= k) columns.emplace_back();
      columns[k].push_back(std::strtod(cell.c_str(), nullptr));
    }
  }
  gzclose(file);
  return columns;
}

// The verdicts on rows from `split` on, with the rows before as reference.
std::vector<Verdict> Verdicts(const std::string& text, const std::vector<double>& column,
                              size_t split, Play::Choices choices) {
  v1::DetectorSpec spec;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec));
  const auto cut = column.begin() + static_cast<std::ptrdiff_t>(split);
  Play play(spec, Numbers({column.begin(), cut}), choices);
  return play.Run(Numbers({cut, column.end()}));
}

TEST(RealStreams, Elec2ColumnsThatStoodStillLeaveTheirConstant) {
  const std::string path = std::string(kData) + "losing/elec2.csv.gz";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path;
  constexpr size_t kReference = 17'000;
  constexpr size_t kMoves = 17'424;
  constexpr uint32_t kPane = 50;
  const std::vector<std::vector<double>> columns = Columns(path);
  ASSERT_EQ(columns.size(), 9u);
  for (const size_t column : {5, 6, 7}) {
    const std::vector<Verdict> verdicts =
        Verdicts("out_of_range { threshold: 0.05 }", columns[column], kReference,
                 {.pane_rows = kPane, .window_panes = 3});
    size_t closed = kReference;
    size_t first_alarm = 0;
    for (const Verdict& verdict : verdicts) {
      closed += kPane;
      if (first_alarm == 0 && verdict.state == VerdictState::kAlarm) {
        first_alarm = closed;
        EXPECT_EQ(verdict.detail.find("left its constant reference value"), 0u) << verdict.detail;
      }
    }
    EXPECT_GE(first_alarm, kMoves) << "column " << column;
    EXPECT_LE(first_alarm, kMoves + 2 * kPane) << "column " << column;
  }
}

// The features are permuted among each other in the middle third; some get a law much like theirs.
struct Found {
  const char* spec;
  int least;           // of 49 features, found while it lasts
  uint32_t panes_max;  // after the return, until all are quiet
};

void PrintTo(const Found& found, std::ostream* out) { *out << found.spec; }

class AbruptInsects : public ::testing::TestWithParam<Found> {};

TEST_P(AbruptInsects, AlarmsInTheMiddleThirdOnly) {
  const std::string path = std::string(kData) + "iks_streams/abrupt_insects.csv.gz";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path;
  constexpr size_t kReference = 1000;
  constexpr size_t kChange = 1775;
  constexpr size_t kReturn = 3550;
  constexpr uint32_t kPane = 100;
  const std::vector<std::vector<double>> columns = Columns(path);
  ASSERT_EQ(columns.size(), 50u);
  int found = 0;
  int standing = 0;
  int false_alarms = 0;
  for (size_t column = 0; column < 49; ++column) {
    size_t closed = kReference;
    bool early = false;
    bool between = false;
    bool late = false;
    for (const Verdict& verdict : Verdicts(GetParam().spec, columns[column], kReference,
                                           {.pane_rows = kPane, .window_panes = 3})) {
      closed += kPane;
      if (verdict.state != VerdictState::kAlarm) continue;
      early |= closed < kChange;
      between |= closed >= kChange && closed <= kReturn;
      late |= closed > kReturn + GetParam().panes_max * kPane;
    }
    found += between;
    standing += late;
    false_alarms += early;
  }
  EXPECT_GE(found, GetParam().least);
  EXPECT_EQ(standing, 0);
  EXPECT_EQ(false_alarms, 0);
}

INSTANTIATE_TEST_SUITE_P(Kinds, AbruptInsects,
                         ::testing::Values(Found{"psi { threshold: 0.25 }", 30, 4},
                                           Found{"kolmogorov_smirnov { threshold: 0.2 }", 22, 4},
                                           Found{"jensen_shannon { threshold: 0.25 }", 27, 4},
                                           Found{"chi_square { threshold: 0.25 }", 24, 4},
                                           Found{"page_hinkley { threshold: 20 }", 15, 12}));

}  // namespace
}  // namespace faultline
