#include "daemon/edge/review/evidence.h"

#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "daemon/core/reference/learning.h"
#include "daemon/core/signal/signal_window.h"
#include "daemon/edge/review/examples.h"
#include "faultline/v1/evidence.pb.h"

namespace faultline::review {
namespace {

using google::protobuf::util::TimeUtil;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kChange = 1'790'000'000 * kSecond;
constexpr uint32_t kRows = 100;

// Holds one batch.
class OneBatch final : public Recorder {
 public:
  explicit OneBatch(const v1::InferenceBatch& batch) {
    events_.model = "credit";
    events_.rows = static_cast<uint32_t>(batch.rows());
    events_.payload = batch.SerializeAsString();
  }
  void Append(const RecordedEvents&, int64_t) override {}
  void Retain(int64_t) override {}
  absl::StatusOr<uint64_t> Erase(
      std::string_view,
      const std::function<std::string(std::string_view, const std::vector<uint32_t>&)>&) override {
    return 0;
  }
  absl::Status Scan(std::string_view, int64_t, int64_t,
                    const std::function<bool(const RecordedEvents&)>& visit) const override {
    visit(events_);
    return absl::OkStatus();
  }
  RecorderReading Read() const override { return {}; }

 private:
  RecordedEvents events_;
};

// The signal x, whose reference holds 0.5, 1.5, ... 199.5.
StoredEvidence EvidenceOfX() {
  std::vector<double> values;
  for (int i = 0; i < 200; ++i) values.push_back(i + 0.5);
  LearningRows learning(SignalType::kNumeric);
  learning.AddNumbers(values, nullptr, {0, 200});
  StoredEvidence evidence;
  EvidencePin& pin = evidence.pins.emplace_back();
  pin.facts.name = "x";
  pin.facts.type = v1::SIGNAL_TYPE_NUMERIC;
  pin.reference = learning.MakeReference(1, {});
  EvidencePane& pane = evidence.panes.emplace_back();
  pane.header.last_ns = kChange + kRows * kSecond;
  return evidence;
}

// Rows a second apart from the change on, "p0", "p1", ...; NaN is missing.
v1::InferenceBatch BatchOf(const std::vector<double>& values) {
  v1::InferenceBatch batch;
  batch.set_model("credit");
  batch.set_rows(kRows);
  v1::Column* x = batch.add_columns();
  x->set_name("x");
  std::string nulls((kRows + 7) / 8, '\0');
  for (uint32_t row = 0; row < kRows; ++row) {
    batch.add_prediction_ids("p" + std::to_string(row));
    batch.add_event_times_unix_nano(static_cast<uint64_t>(kChange + row * kSecond));
    const bool missing = std::isnan(values[row]);
    if (missing) nulls[row / 8] = static_cast<char>(nulls[row / 8] | 1 << (row % 8));
    x->mutable_doubles()->add_values(missing ? 0 : values[row]);
  }
  x->set_null_bitmap(nulls);
  return batch;
}

std::vector<std::string> FirstAfterChange(const std::vector<double>& values) {
  v1::Incident incident;
  incident.set_model("credit");
  *incident.mutable_change_time()->mutable_time() = TimeUtil::NanosecondsToTimestamp(kChange);
  v1::EvidenceBundle bundle;
  bundle.add_signals()->set_signal("x");
  const OneBatch recorder(BatchOf(values));
  AddExamples(incident, EvidenceOfX(), &recorder, &bundle);
  std::vector<std::string> ids;
  for (const v1::ExampleEvent& example : bundle.examples()) {
    if (example.kind() == v1::EXAMPLE_KIND_FIRST_AFTER_CHANGE) {
      ids.push_back(example.prediction_id());
    }
  }
  return ids;
}

using Ids = std::vector<std::string>;

// As in the reference: values all over its range.
std::vector<double> Healthy() {
  std::vector<double> values;
  for (uint32_t row = 0; row < kRows; ++row) values.push_back((row * 77) % 200 + 0.5);
  return values;
}

TEST(ExamplesTest, TheFirstOnesShowTheChange) {
  std::vector<double> missing = Healthy();
  std::vector<double> invalid = Healthy();
  std::vector<double> scaled = Healthy();
  for (uint32_t row = 5; row < kRows; row += 3) {
    missing[row] = std::nan("");
    invalid[row] = HUGE_VAL;
    scaled[row] *= 100;
  }
  const Ids changed = {"p5", "p8", "p11", "p14"};
  EXPECT_EQ(FirstAfterChange(missing), changed);
  EXPECT_EQ(FirstAfterChange(invalid), changed);
  EXPECT_EQ(FirstAfterChange(scaled), changed);
}

TEST(ExamplesTest, WithoutACellThatGrewTheFirstOnesAreTaken) {
  EXPECT_EQ(FirstAfterChange(Healthy()), (Ids{"p0", "p1", "p2", "p3"}));
}

// During an alarm the score stays the same, while the window fills with failing rows and empties.
TEST(BundleTest, AtItsWorstIsTheWindowFarthestOff) {
  StoredEvidence evidence = EvidenceOfX();
  EvidencePin& pin = evidence.pins.front();
  const Shape& shape = pin.reference->shape();
  const std::vector<uint64_t> missing = {0, 10, 40, 20};
  evidence.panes.clear();
  for (size_t number = 0; number < missing.size(); ++number) {
    Summary summary(&shape);
    summary.CountNumbers(std::vector<double>(50 - missing[number], 20.5), nullptr,
                         {0, static_cast<uint32_t>(50 - missing[number])});
    summary.CountMissing(missing[number]);
    EvidencePane& pane = evidence.panes.emplace_back();
    pane.number = pane.window_from = static_cast<int64_t>(number);
    EvidenceEntry& entry = pane.entries.emplace_back();
    entry.counted = entry.sent = true;
    summary.Encode(&entry.summary);
    Verdict verdict;
    verdict.state = VerdictState::kAlarm;
    verdict.score = 7;
    verdict.threshold = 6;
    entry.verdicts = {{"missing_change", verdict}};
    if (number > 0) continue;
    SignalWindow first(&shape);
    first.Add(0, true, summary);
    pin.window = first.encoded();
  }
  const auto bundle = MakeBundle(v1::Incident(), evidence);
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  ASSERT_EQ(bundle->signals_size(), 1);
  EXPECT_EQ(bundle->signals(0).at_open().missing(), 0u);
  EXPECT_EQ(bundle->signals(0).at_peak().missing(), 40u);
  EXPECT_EQ(bundle->signals(0).latest().missing(), 20u);
}

}  // namespace
}  // namespace faultline::review
