// A selection reaches panes, windows and verdicts through counting alone: those of a half that was
// selected are those of a stream that has only that half.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "daemon/core/signal/signal_window.h"
#include "daemon/core/stream/open_pane.h"
#include "detectors/catalog.h"
#include "tests/daemon/core/core_run.h"

namespace faultline::testing {
namespace {

constexpr uint32_t kPaneRows = 200;
constexpr int64_t kPanes = 30;

// Result of one stream of panes.
struct Stream {
  explicit Stream(const SignalReference& signal_reference)
      : reference(&signal_reference), window(&signal_reference.shape()) {
    v1::DetectorSpec spec;
    spec.mutable_mean_change();
    follow = MakeDetector(spec)->follow;
    state.resize(follow->state_bytes());
    follow->Start(state);
  }

  template <typename Selection>
  void Take(int64_t number, const std::vector<double>& values, const uint64_t* nulls,
            RowRange range, const Selection& selection) {
    pane.Start(number);
    pane.SummaryOf(0, *reference).CountNumbers(values, nulls, range, selection);
    pane.MarkSent(0);
    pane.AddRows(selection.CountIn(range), number * kSecond, (number + 1) * kSecond);
    stored.clear();
    Encoder out(&stored);
    pane.EncodeBlock(0, 1, &out);
    pane.Stop();
    const Summary& closed = *pane.Find(0);
    window.Add(number, true, closed);
    window.DropBefore(number - 4);
    verdict = follow->Follow({.reference = reference->summary(),
                              .law = reference->law(),
                              .pane = closed,
                              .begin_s = static_cast<double>(number),
                              .end_s = static_cast<double>(number + 1),
                              .budget_increment = 1,
                              .threshold = 1e6},
                             state);
  }

  const SignalReference* reference;
  OpenPane pane;
  SignalWindow window;
  std::shared_ptr<const FollowDetector> follow;
  std::vector<std::byte> state;
  std::string stored;  // the newest pane
  Verdict verdict;     // of the newest pane
};

std::string BytesOf(const Summary& summary) {
  std::string bytes;
  summary.Encode(&bytes);
  return bytes;
}

TEST(SelectedPanesTest, AreThoseOfTheSelectedRowsAlone) {
  Numbers numbers(1);
  std::vector<double> before(2'000);
  for (double& value : before) value = numbers.Normal();
  const auto reference = SignalReference::OfNumbers(before, nullptr, {}, 1, {true, true});
  Stream selected(*reference);
  Stream alone(*reference);
  for (int64_t number = 0; number < kPanes; ++number) {
    // Rows 5 to 205 of a batch; rows that are not selected would alarm at once.
    const RowRange run = {5, 5 + kPaneRows};
    std::vector<double> column(run.end, 50.0);
    std::vector<uint64_t> nulls(run.end / 64 + 1);
    std::vector<uint64_t> bits(run.end / 64 + 1);
    std::vector<double> values;
    std::vector<uint64_t> value_nulls(run.end / 64 + 1);
    for (uint32_t row = run.begin; row < run.end; ++row) {
      if (numbers.Next(2) == 0) continue;
      bits[row / 64] |= uint64_t{1} << (row % 64);
      if (numbers.Next(10) == 0) {
        nulls[row / 64] |= uint64_t{1} << (row % 64);
        value_nulls[values.size() / 64] |= uint64_t{1} << (values.size() % 64);
      }
      column[row] = numbers.Normal() + (number < kPanes / 2 ? 0 : 1);
      values.push_back(column[row]);
    }
    selected.Take(number, column, nulls.data(), run, SelectedRows(bits));
    alone.Take(number, values, value_nulls.data(), {0, static_cast<uint32_t>(values.size())},
               EveryRow());
    ASSERT_EQ(selected.stored, alone.stored) << number;
    ASSERT_EQ(BytesOf(selected.window.merged()), BytesOf(alone.window.merged())) << number;
    ASSERT_EQ(selected.window.encoded(), alone.window.encoded()) << number;
    ASSERT_EQ(selected.state, alone.state) << number;
    ASSERT_EQ(selected.verdict.state, alone.verdict.state) << number;
    ASSERT_EQ(selected.verdict.score, alone.verdict.score) << number;
    ASSERT_EQ(selected.verdict.rows, alone.verdict.rows) << number;
    if (number == kPanes / 2 - 1) {
      EXPECT_EQ(selected.verdict.state, VerdictState::kQuiet);
    }
  }
  EXPECT_EQ(selected.verdict.state, VerdictState::kAlarm);
}

}  // namespace
}  // namespace faultline::testing
