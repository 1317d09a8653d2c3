// What the default suite finds in real streams with known answers, all with one setting: panes of
// ten rows, one false alarm per million rows unless the row names another budget. Streams are read
// from a folder beside the source tree; rows of those that are not there are left out.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "tests/bench/figures.h"
#include "tests/bench/learners.h"
#include "tests/bench/published_tables.h"
#include "tests/bench/watch.h"
#include "tests/support/csv.h"
#include "tests/support/streams.h"

namespace faultline::bench {
namespace {

using testing::NumberTable;
using Columns = std::vector<std::vector<double>>;

constexpr uint32_t kPaneRows = 10;
constexpr double kMillion = 1e6;

std::optional<NumberTable> Read(const std::string& path) {
  std::optional<NumberTable> table = testing::ReadNumberTable(testing::SharedStream(path));
  if (!table.has_value()) std::printf("no %s: skipped\n", path.c_str());
  return table;
}

Columns Cut(const Columns& columns, size_t begin, size_t end) {
  Columns cut;
  for (const std::vector<double>& column : columns) {
    cut.emplace_back(column.begin() + static_cast<std::ptrdiff_t>(begin),
                     column.begin() + static_cast<std::ptrdiff_t>(end));
  }
  return cut;
}

std::vector<BenchAlarm> AlarmsOn(const Columns& reference, const Columns& live, double budget) {
  Watch watch(reference, kPaneRows, budget);
  std::vector<BenchAlarm> alarms;
  std::vector<double> row(live.size());
  for (size_t i = 0; i < live[0].size(); ++i) {
    for (size_t k = 0; k < live.size(); ++k) row[k] = live[k][i];
    watch.Add(row, &alarms);
  }
  return alarms;
}

// Rows from a change to the first alarm after it and before `until`; infinity if there is none.
double DelayOf(const std::vector<BenchAlarm>& alarms, double change, double until) {
  for (const BenchAlarm& alarm : alarms) {
    const auto row = static_cast<double>(alarm.row);
    if (row > change && row <= until) return row - change;
  }
  return std::numeric_limits<double>::infinity();
}

double CountIn(const std::vector<BenchAlarm>& alarms, double from, double until) {
  return static_cast<double>(
      std::count_if(alarms.begin(), alarms.end(), [&](const BenchAlarm& alarm) {
        return static_cast<double>(alarm.row) > from && static_cast<double>(alarm.row) <= until;
      }));
}

// Features are permuted in the middle third, from row 1775 to 3550.
void AbruptInsects() {
  const auto table = Read("iks_streams/abrupt_insects.csv.gz");
  if (!table.has_value()) return;
  Columns features = table->columns;
  features.pop_back();  // the label
  constexpr size_t kReference = 1'000;
  const auto alarms =
      AlarmsOn(Cut(features, 0, kReference), Cut(features, kReference, table->rows()), kMillion);
  Print("data.insects.delay", DelayOf(alarms, 1'775 - kReference, 1e9), "rows", 30, Better::kLower);
  Print("data.insects.false_alarms",
        CountIn(alarms, 0, 1'775 - kReference) + CountIn(alarms, 3'550 - kReference, 1e9), "alarms",
        0, Better::kLower);
  // With the rows behind the alarm as the new reference, the way back is a change like any other.
  const size_t first = kReference + (alarms.empty() ? 0 : alarms.front().row);
  const auto back = AlarmsOn(Cut(features, first, first + kReference),
                             Cut(features, first + kReference, table->rows()), kMillion);
  const auto change = static_cast<double>(3'550 - first - kReference);
  Print("data.insects.back.delay", DelayOf(back, change, 1e9), "rows", 30, Better::kLower);
  Print("data.insects.back.false_alarms", CountIn(back, 0, change), "alarms", 0, Better::kLower);
}

// A model is trained on 3000 rows, its losses on the next 3000 are the reference, then they are
// watched until an alarm; then all begins anew. Rows of the alarms.
std::vector<double> RetrainOnAlarm(const Columns& inputs, const std::vector<double>& labels) {
  constexpr size_t kRows = 3'000;
  std::vector<double> found;
  size_t begin = 0;
  while (begin + 2 * kRows < labels.size()) {
    const Discriminant model(inputs, labels, begin, begin + kRows);
    const std::vector<double> losses = model.LossesOn(inputs, labels, begin + kRows, labels.size());
    const Columns reference = {{losses.begin(), losses.begin() + kRows}};
    const Columns live = {{losses.begin() + kRows, losses.end()}};
    const auto alarms = AlarmsOn(reference, live, kMillion);
    if (alarms.empty()) break;
    begin += 2 * kRows + alarms.front().row;
    found.push_back(static_cast<double>(begin));
  }
  return found;
}

// Concepts change at rows 12500, 25000 and 37500; inputs do not.
void Sea() {
  const auto table = Read("losing/sea.csv.gz");
  if (!table.has_value()) return;
  constexpr size_t kReference = 5'000;
  const Columns inputs(table->columns.begin(), table->columns.begin() + 3);
  const auto of_inputs =
      AlarmsOn(Cut(inputs, 0, kReference), Cut(inputs, kReference, table->rows()), kMillion);
  Print("data.sea.inputs.alarms", static_cast<double>(of_inputs.size()), "alarms", 0,
        Better::kLower);
  int found = 0;
  int false_alarms = 0;
  double change = 12'500;
  for (const double alarm : RetrainOnAlarm(inputs, table->columns[3])) {
    if (alarm <= change || change > 37'500) {
      ++false_alarms;
      continue;
    }
    std::printf("    change of concept at row %.0f: seen after %.0f rows\n", change,
                alarm - change);
    ++found;
    change += 12'500;
  }
  Print("data.sea.losses.found", found, "of 3", 3, Better::kHigher);
  Print("data.sea.losses.false_alarms", false_alarms, "alarms", 0, Better::kLower);
}

// vicprice, vicdemand and transfer stand still until row 17424.
void Elec2() {
  const auto table = Read("losing/elec2.csv.gz");
  if (!table.has_value()) return;
  constexpr size_t kReference = 17'000;
  const Columns columns(table->columns.begin() + 5, table->columns.begin() + 8);
  const auto alarms =
      AlarmsOn(Cut(columns, 0, kReference), Cut(columns, kReference, table->rows()), kMillion);
  for (uint32_t k = 0; k < columns.size(); ++k) {
    std::vector<BenchAlarm> own;
    std::copy_if(alarms.begin(), alarms.end(), std::back_inserter(own),
                 [k](const BenchAlarm& alarm) { return alarm.column == k; });
    Print("data.elec2." + table->names[5 + k] + ".delay", DelayOf(own, 17'424 - kReference, 1e9),
          "rows", 30, Better::kLower);
    Print("data.elec2." + table->names[5 + k] + ".too_early", CountIn(own, 0, 17'424 - kReference),
          "alarms", 0, Better::kLower);
  }
}

// Scores: distance to the nearest of 2200 white wines; reference: 1099 other white ones. Seen value
// by value, as the published figures are.
void Wine() {
  const auto white = Read("wine/winequality-white.csv.gz");
  const auto red = Read("wine/winequality-red.csv");
  if (!white.has_value() || !red.has_value()) return;
  constexpr double kBudget = 1e4;
  constexpr int kSeeds = 20;
  int quiet = 0;
  double slowest = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const WineScores scores = ScoreWines(*white, *red, seed);
    const auto until_alarm = [&](const std::vector<double>& live) {
      Watch watch({scores.reference}, 1, kBudget);
      std::vector<BenchAlarm> alarms;
      for (const double score : live) {
        watch.Add({&score, 1}, &alarms);
        if (!alarms.empty()) return static_cast<double>(alarms.front().row);
      }
      return std::numeric_limits<double>::infinity();
    };
    quiet += std::isinf(until_alarm(scores.white)) ? 1 : 0;
    slowest = std::max(slowest, until_alarm(scores.red));
  }
  Print("data.wine.red.slowest_of_20", slowest, "values", 24, Better::kLower);
  Print("data.wine.white.quiet", quiet, "of 20", 20, Better::kHigher);
}

// Column: outcome - forecast. Reference: the same with outcomes drawn from the forecasts, twenty
// times: what they would be if the forecasts were right. Oldest game first.
std::vector<BenchAlarm> Miscalibration(const NumberTable& games, double budget) {
  std::vector<double> forecasts = games.columns[4];
  std::vector<double> outcomes = games.columns[5];
  std::reverse(forecasts.begin(), forecasts.end());
  std::reverse(outcomes.begin(), outcomes.end());
  testing::Random random(538);
  Columns reference(1);
  for (int copy = 0; copy < 20; ++copy) {
    for (const double p : forecasts) reference[0].push_back((random.Uniform() < p ? 1 : 0) - p);
  }
  Columns live(1);
  for (size_t i = 0; i < outcomes.size(); ++i) live[0].push_back(outcomes[i] - forecasts[i]);
  return AlarmsOn(reference, live, budget);
}

void Forecasts() {
  if (const auto nba = Read("forecasts538/nba_games.csv.gz")) {
    Print("data.538.nba.1e4", DelayOf(Miscalibration(*nba, 1e4), 0, 1e9), "games", 2'500,
          Better::kLower);
    Print("data.538.nba.1e6", DelayOf(Miscalibration(*nba, 1e6), 0, 1e9), "games", 3'500,
          Better::kLower);
  }
  for (const std::string league : {"nfl", "nhl", "wnba"}) {
    const auto games = Read("forecasts538/" + league + "_games.csv");
    if (!games.has_value()) continue;
    Print("data.538." + league + ".1e4", static_cast<double>(Miscalibration(*games, 1e4).size()),
          "alarms", 0, Better::kLower);
  }
}

}  // namespace
}  // namespace faultline::bench

int main() {
  faultline::bench::AbruptInsects();
  faultline::bench::Sea();
  faultline::bench::Elec2();
  faultline::bench::Wine();
  faultline::bench::Forecasts();
  faultline::bench::PrintTornado();
  faultline::bench::PrintNab();
  faultline::bench::PrintTcpd();
}
