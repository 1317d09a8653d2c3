#include "daemon/cli/demo/demo_traffic.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <iterator>

namespace faultline::cli {
namespace {

enum Place : int {
  kAge,
  kIncome,
  kEmployment,
  kLoan,
  kDebt,
  kRegion,
  kPurpose,
  kChannel,
  kPrediction,
  kScore,
  kLatency,
  kStatus,
};

struct Line {
  const char* name;
  v1::ColumnRole role;
  std::initializer_list<const char*> words;  // none: numbers
};

const Line kColumns[] = {
    {"age", v1::COLUMN_ROLE_FEATURE, {}},
    {"income", v1::COLUMN_ROLE_FEATURE, {}},
    {"employment_years", v1::COLUMN_ROLE_FEATURE, {}},
    {"loan_amount", v1::COLUMN_ROLE_FEATURE, {}},
    {"debt_ratio", v1::COLUMN_ROLE_FEATURE, {}},
    {"region", v1::COLUMN_ROLE_FEATURE, {"north", "south", "east", "west"}},
    {"purpose", v1::COLUMN_ROLE_FEATURE, {"car", "home", "education", "refinance", "other"}},
    {"channel", v1::COLUMN_ROLE_FEATURE, {"web", "branch", "phone", "partner_api"}},
    {"prediction", v1::COLUMN_ROLE_PREDICTION, {"approve", "decline"}},
    {"prediction_score", v1::COLUMN_ROLE_PREDICTION_SCORE, {}},
    {"latency_seconds", v1::COLUMN_ROLE_LATENCY, {}},
    {"status", v1::COLUMN_ROLE_STATUS, {"ok", "error", "timeout"}},
};

constexpr double kRegions[] = {0.35, 0.3, 0.2, 0.15};
constexpr double kPurposes[] = {0.3, 0.25, 0.15, 0.2, 0.1};
constexpr double kChannels[] = {0.5, 0.3, 0.2};
constexpr uint32_t kNewChannel = 3;
constexpr double kErrors = 0.01;

// How closely loans follow incomes and employment follows age, and what is left to chance: the
// squares add up to 1.
constexpr double kLoanFollows = 0.9;
constexpr double kLoanChance = 0.4358898943540674;
constexpr double kEmploymentFollows = 0.85;
constexpr double kEmploymentChance = 0.5267826876426369;

}  // namespace

CreditTraffic::CreditTraffic(uint64_t seed) : seed_(seed), state_(seed) {}

// SplitMix64 (Steele, Lea, Flood 2014).
uint64_t CreditTraffic::Bits() {
  uint64_t bits = state_ += 0x9e3779b97f4a7c15;
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
  return bits ^ (bits >> 31);
}

double CreditTraffic::Uniform() { return static_cast<double>(Bits() >> 11) * 0x1p-53; }

double CreditTraffic::Normal() {
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += Uniform();
  return sum;
}

uint32_t CreditTraffic::Pick(const double* shares, uint32_t n) {
  double left = Uniform();
  for (uint32_t i = 0; i + 1 < n; ++i) {
    left -= shares[i];
    if (left < 0) return i;
  }
  return n - 1;
}

v1::InferenceBatch CreditTraffic::Next(uint32_t rows, const CreditBehaviour& behaviour) {
  v1::InferenceBatch batch;
  batch.set_model("credit");
  batch.set_version("1");
  for (const Line& line : kColumns) {
    v1::Column* column = batch.add_columns();
    column->set_name(line.name);
    column->set_role(line.role);
    for (const char* word : line.words) column->mutable_strings()->add_dictionary(word);
    if (line.words.size() == 0) column->mutable_doubles();
  }
  for (uint32_t row = 0; row < rows; ++row) AddRow(behaviour, row, &batch);
  batch.set_rows(rows);
  // A bitmap covers every row of its batch.
  std::string* nulls = batch.mutable_columns(kIncome)->mutable_null_bitmap();
  if (!nulls->empty()) nulls->resize((rows + 7) / 8);
  return batch;
}

void CreditTraffic::AddRow(const CreditBehaviour& behaviour, uint32_t row,
                           v1::InferenceBatch* batch) {
  const auto number = [&](Place place, double value) {
    batch->mutable_columns(place)->mutable_doubles()->add_values(value);
  };
  const auto word = [&](Place place, uint32_t code) {
    batch->mutable_columns(place)->mutable_strings()->add_codes(code);
  };
  const double turn = behaviour.pairs_reversed ? -1 : 1;
  const double age = Normal() + behaviour.age_shift;
  number(kAge, std::clamp(44 + 9 * age, 18.0, 95.0));
  const double years = turn * kEmploymentFollows * age + kEmploymentChance * Normal();
  number(kEmployment, std::max(15 + 3.5 * years, 0.0));

  const double income = Normal();
  const bool missing = Uniform() < behaviour.income_missing;
  const double sent = std::max(58'000 + 11'000 * income, 5'000.0) * behaviour.income_factor;
  number(kIncome, missing ? 0 : sent);
  if (missing) {
    std::string* nulls = batch->mutable_columns(kIncome)->mutable_null_bitmap();
    nulls->resize(std::max<size_t>(nulls->size(), row / 8 + 1));
    (*nulls)[row / 8] = static_cast<char>((*nulls)[row / 8] | (1 << (row % 8)));
  }
  const double loan = turn * kLoanFollows * income + kLoanChance * Normal();
  number(kLoan, std::max(24'000 + 4'500 * loan, 500.0));
  const double debt = Normal();
  number(kDebt, std::clamp(0.35 + 0.07 * debt, 0.0, 1.0));
  word(kRegion, Pick(kRegions, std::size(kRegions)));
  word(kPurpose, Pick(kPurposes, std::size(kPurposes)));
  const uint32_t channel = Pick(kChannels, std::size(kChannels));
  word(kChannel, Uniform() < behaviour.new_channel ? kNewChannel : channel);

  // The model sees what was sent; it puts the mean for a missing income and cuts at 3 deviations.
  const double seen = missing ? 0 : std::clamp((sent - 58'000) / 11'000, -3.0, 3.0);
  const double raw = 0.4 + 0.8 * seen - 0.8 * debt + 0.7 * Normal() + behaviour.score_shift;
  word(kPrediction, raw > 0 ? 0 : 1);
  number(kScore, 0.5 + 0.5 * raw / (1 + (raw < 0 ? -raw : raw)));
  const double first = Normal();
  const double second = Normal();
  // About exponential: half the square of a normal pair.
  number(kLatency, (0.02 + 0.01 * (first * first + second * second)) * behaviour.latency_factor);
  const double fate = Uniform();
  word(kStatus, fate < behaviour.timeouts ? 2 : fate < behaviour.timeouts + kErrors ? 1 : 0);

  *batch->add_prediction_ids() = absl::StrCat("credit-", seed_, "-", rows_++);
}

}  // namespace faultline::cli
