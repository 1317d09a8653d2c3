// Every codec of the core by itself: what is read is what was written, what is cut short is
// refused, and no flipped byte does harm.
#include <gtest/gtest.h>

#include <functional>
#include <optional>

#include "daemon/core/reference/learning.h"
#include "daemon/core/signal/schema.h"
#include "daemon/core/signal/verdict_codec.h"
#include "daemon/core/stream/open_pane.h"
#include "daemon/core/stream/pane_clock.h"
#include "daemon/core/stream/score_history.h"
#include "daemon/core/transform/transforms.h"
#include "detectors/evidence/reference_law.h"
#include "tests/daemon/core/core_run.h"

namespace faultline::testing {
namespace {

// Reads a payload to its end and writes it again; nothing if it is refused.
using Again = std::function<std::optional<std::string>(std::string_view bytes)>;

template <typename Value>
std::string Written(const Value& value) {
  std::string bytes;
  Encoder out(&bytes);
  value.Encode(&out);
  return bytes;
}

// Of values that decode into themselves.
template <typename Value>
Again AgainBy(const Value& empty) {
  return [empty](std::string_view bytes) -> std::optional<std::string> {
    Value value = empty;
    Decoder in(bytes);
    if (!value.Decode(&in) || !in.Done()) return std::nullopt;
    return Written(value);
  };
}

void Check(const std::string& bytes, const Again& again) {
  ASSERT_FALSE(bytes.empty());
  EXPECT_EQ(again(bytes), bytes);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(again(std::string_view(bytes).substr(0, size)), std::nullopt) << size;
  }
  EXPECT_EQ(again(bytes + '\0'), std::nullopt);
  size_t refused = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (const char flip : {'\x01', '\x80', '\xff'}) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ flip);
      // Whatever it takes for good it can write, and read again.
      const std::optional<std::string> taken = again(damaged);
      if (!taken.has_value()) {
        ++refused;
      } else {
        EXPECT_EQ(again(*taken), taken) << i;
      }
    }
  }
  EXPECT_GT(refused, 0u);
}

TEST(CodecsTest, Verdict) {
  const Again again = [](std::string_view bytes) -> std::optional<std::string> {
    Verdict verdict;
    Decoder in(bytes);
    if (!DecodeVerdict(&in, &verdict) || !in.Done()) return std::nullopt;
    std::string written;
    Encoder out(&written);
    EncodeVerdict(verdict, &out);
    return written;
  };
  const Verdict full = {.state = VerdictState::kAlarm,
                        .inapplicable = true,
                        .season = Season::kWeek,
                        .score = 1,
                        .threshold = 2,
                        .effect_size = 3,
                        .noise_floor = 4,
                        .p_value = 5,
                        .rows = 6,
                        .reference_rows = 7,
                        .detail = "eight",
                        .effect_low = 9,
                        .effect_high = 10,
                        .change_ns = -11,
                        .change_from_ns = 12,
                        .change_to_ns = int64_t{13} << 50,
                        .dispersion = 14,
                        .budget_share = 0.15};
  std::string bytes;
  Encoder out(&bytes);
  EncodeVerdict(full, &out);
  Check(bytes, again);
  Verdict read;
  Decoder in(bytes);
  ASSERT_TRUE(DecodeVerdict(&in, &read));
  EXPECT_EQ(read.budget_share, full.budget_share);
  EXPECT_EQ(read.dispersion, full.dispersion);
  EXPECT_EQ(read.change_to_ns, full.change_to_ns);
  EXPECT_EQ(read.season, full.season);
  EXPECT_TRUE(read.inapplicable);
  bytes.clear();
  EncodeVerdict(Verdict(), &out);
  EXPECT_EQ(again(bytes), bytes) << "numbers that are not known";
}

// Rows over three weeks, so that there is a season.
std::shared_ptr<const SignalReference> WeeklyReference() {
  Numbers numbers(3);
  LearningRows learnt(SignalType::kNumeric);
  std::vector<double> values(168 * 3 * 13);
  std::vector<int64_t> times;
  for (size_t row = 0; row < values.size(); ++row) {
    times.push_back(kStart + static_cast<int64_t>(row) * (3'600 / 13) * kSecond);
    values[row] = numbers.Normal() + (row / 13 % 168 < 24 ? 3 : 0);
  }
  learnt.AddNumbers(values, nullptr, {0, static_cast<uint32_t>(values.size())});
  learnt.AddTimes(times);
  return learnt.MakeReference(7, {.quantiles = false, .distinct = true});
}

TEST(CodecsTest, ReferenceWithItsLaw) {
  const Again again = [](std::string_view bytes) -> std::optional<std::string> {
    Decoder in(bytes);
    const auto reference = SignalReference::Decode(&in);
    if (!reference.ok() || !in.Done()) return std::nullopt;
    return Written(**reference);
  };
  const auto weekly = WeeklyReference();
  ASSERT_EQ(weekly->law().season, Season::kWeek);
  ASSERT_EQ(weekly->law().hours.size(), 168u);
  Check(Written(weekly->law()), AgainBy(ReferenceLaw()));
  std::string bytes = Written(*weekly);
  EXPECT_EQ(again(bytes), bytes);
  const std::vector<std::string> dictionary = {"north", "south", "east"};
  const std::vector<uint32_t> codes = {0, 1, 0, 0, 1, 2, 0, 1, 1, 0};
  const uint64_t nulls = 0x20;
  Check(Written(*SignalReference::OfCategories(codes, dictionary, &nulls, {}, 2, {})), again);
  const std::vector<double> values = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  Check(Written(*SignalReference::OfNumbers(values, &nulls, {}, 3, {})), again);
}

TEST(CodecsTest, LearningRowsWithTheirHours) {
  LearningRows learnt(SignalType::kNumeric);
  const std::vector<double> values = {1, 2, 3};
  learnt.AddNumbers(values, nullptr, {0, 3});
  learnt.AddTimes(std::vector<int64_t>{kStart + 7 * kSecond, kStart, kStart + 9'999 * kSecond});
  std::string bytes;
  Encoder out(&bytes);
  learnt.EncodeChunk(0, &out);
  Check(bytes, [](std::string_view written) -> std::optional<std::string> {
    LearningRows rows(SignalType::kNumeric);
    Decoder in(written);
    if (!rows.DecodeChunk(&in) || !in.Done()) return std::nullopt;
    std::string back;
    Encoder encoder(&back);
    rows.EncodeChunk(0, &encoder);
    return back;
  });
}

TEST(CodecsTest, TransformFit) {
  TransformFit fit;
  fit.transform = "repeat_change";
  fit.options = "rows 64";
  fit.version = 3;
  fit.columns = {0, 5, 300};
  fit.fitted = std::string("learnt\0rows", 11);
  Check(Written(fit), AgainBy(TransformFit()));
}

TEST(CodecsTest, PaneClockAndSchema) {
  PaneClock by_time(77), by_rows(77);
  by_time.Start(10 * kSecond, 0, 1, kStart);
  by_rows.Start(0, 500, 0, 0);
  const Again clock = AgainBy(PaneClock(77));
  EXPECT_EQ(clock(Written(by_time)), Written(by_time));
  EXPECT_EQ(clock(Written(by_rows)), Written(by_rows));
  for (size_t size = 0; size < Written(by_time).size(); ++size) {
    EXPECT_EQ(clock(Written(by_time).substr(0, size)), std::nullopt) << size;
  }
  Schema schema;
  schema.Add("age", v1::SIGNAL_TYPE_NUMERIC, v1::COLUMN_ROLE_FEATURE);
  schema.Add("vector", v1::SIGNAL_TYPE_EMBEDDING, v1::COLUMN_ROLE_FEATURE);
  schema.Add("answer", v1::SIGNAL_TYPE_CATEGORICAL, v1::COLUMN_ROLE_PREDICTION);
  for (const SignalFacts& facts :
       {SignalFacts{
            .name = "row_score", .derivation = Derivation::kFitted, .transform = "row_score"},
        SignalFacts{.name = "row_rate",
        .role = v1::COLUMN_ROLE_STATUS,
        .derivation = Derivation::kRows,
        .owned = true,
        .transform = "row_rate_drop"}}) {
    schema.AddDerived(facts);
  }
  Check(Written(schema), AgainBy(Schema()));
}

// What adds up to nothing that can be is refused, however whole its bytes are.
TEST(CodecsTest, ClocksThatWouldOverflowAreRefused) {
  const auto takes = [](uint64_t length_ns, int64_t floor) {
    std::string bytes;
    Encoder out(&bytes);
    out.Varint(length_ns);
    out.Varint(0);
    out.Varint(1);
    out.Signed(floor);
    return AgainBy(PaneClock(77))(bytes).has_value();
  };
  EXPECT_TRUE(takes(10 * kSecond, kStart / (10 * kSecond)));
  EXPECT_FALSE(takes(10 * kSecond, INT64_MAX / 2));
  EXPECT_FALSE(takes(0, INT64_MAX - 1));
}

TEST(CodecsTest, DerivedSignalsAreNumbers) {
  const auto takes = [](v1::SignalType type, Derivation derivation, int64_t source,
                        const char* transform = "norm") {
    std::string bytes;
    Encoder out(&bytes);
    out.Varint(2);
    out.String("face");
    out.Varint(v1::SIGNAL_TYPE_EMBEDDING);
    out.Varint(v1::COLUMN_ROLE_FEATURE);
    out.Fixed8(static_cast<uint8_t>(Derivation::kNone));
    out.String("other");
    out.Varint(type);
    out.Varint(v1::COLUMN_ROLE_FEATURE);
    out.Fixed8(static_cast<uint8_t>(derivation));
    if (derivation != Derivation::kNone) {
      out.Fixed8(0);  // owned
      out.String(transform);
      out.Signed(source);
    }
    return AgainBy(Schema())(bytes).has_value();
  };
  EXPECT_TRUE(takes(v1::SIGNAL_TYPE_NUMERIC, Derivation::kColumn, 0));
  EXPECT_TRUE(takes(v1::SIGNAL_TYPE_NUMERIC, Derivation::kFitted, -1));
  EXPECT_TRUE(takes(v1::SIGNAL_TYPE_CATEGORICAL, Derivation::kNone, -1));
  EXPECT_FALSE(takes(v1::SIGNAL_TYPE_CATEGORICAL, Derivation::kFitted, -1));
  EXPECT_FALSE(takes(v1::SIGNAL_TYPE_CATEGORICAL, Derivation::kColumn, 0));
  EXPECT_FALSE(takes(v1::SIGNAL_TYPE_NUMERIC, Derivation::kFitted, 0));
  EXPECT_FALSE(takes(v1::SIGNAL_TYPE_NUMERIC, Derivation::kColumn, 1)) << "not before it";
  EXPECT_FALSE(takes(v1::SIGNAL_TYPE_NUMERIC, Derivation::kColumn, 0, "unknown"));
  EXPECT_FALSE(takes(v1::SIGNAL_TYPE_NUMERIC, Derivation::kFitted, -1, "")) << "by no transform";
}

TEST(CodecsTest, SpanOfScores) {
  const Again again = [](std::string_view bytes) -> std::optional<std::string> {
    int64_t span = 0;
    const auto block = DecodeSpanBlock(bytes, &span);
    if (!block.ok()) return std::nullopt;
    std::string written;
    Encoder out(&written);
    EncodeSpanBlock(span, *block, &out);
    return written;
  };
  SpanBlock block;
  const int64_t span = kStart / kHistorySpanNs;
  block[{"age", "psi"}].changes.push_back({kStart, VerdictState::kAlarm, 3});
  block[{"age", "stuck"}].verdicts = 9;
  std::string bytes;
  Encoder out(&bytes);
  EncodeSpanBlock(span, block, &out);
  Check(bytes, again);
  for (const int64_t wrong : {int64_t{-1}, INT64_MAX / kHistorySpanNs, INT64_MAX}) {
    std::string far;
    Encoder far_out(&far);
    far_out.Signed(wrong);
    far_out.Varint(0);
    EXPECT_EQ(again(far), std::nullopt) << wrong;
  }
}

TEST(CodecsTest, PaneBlock) {
  const std::vector<double> values = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  const auto reference = SignalReference::OfNumbers(values, nullptr, {}, 3, {});
  OpenPane pane;
  pane.Start(-4);
  pane.AddRows(9, kStart, kStart + kSecond);
  pane.SummaryOf(1, *reference).CountNumbers(values, nullptr, {0, 9});
  pane.MarkSent(1);
  std::string bytes;
  Encoder out(&bytes);
  pane.EncodeBlock(0, 3, &out);
  const auto decode = [&](std::string_view payload) {
    PaneHeader header;
    std::vector<PaneEntry> entries;
    if (!DecodePaneBlock(payload, 0, &header, &entries)) return false;
    OpenPane restored;
    if (!restored.Restore(header).ok()) return false;
    for (const PaneEntry& entry : entries) {
      if (!restored.RestoreEntry(entry, *reference).ok()) return false;
    }
    std::string again;
    Encoder encoder(&again);
    restored.EncodeBlock(0, 3, &encoder);
    return again == payload;
  };
  EXPECT_TRUE(decode(bytes));
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode(std::string_view(bytes).substr(0, size))) << size;
  }
}

}  // namespace
}  // namespace faultline::testing
