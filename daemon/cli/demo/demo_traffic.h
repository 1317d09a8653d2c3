#pragma once

#include <cstdint>

#include "faultline/v1/event.pb.h"

namespace faultline::cli {

// How the simulated credit model and its traffic behave at the moment.
struct CreditBehaviour {
  double income_missing = 0.01;  // share of rows
  double income_factor = 1;      // 100: cents where there were whole units
  double age_shift = 0;          // in standard deviations
  double new_channel = 0;        // share of rows with a channel that never was
  double score_shift = 0;        // of the model's score before it decides
  double latency_factor = 1;
  double timeouts = 0;          // share of rows
  bool pairs_reversed = false;  // large loans for small incomes, long employment for the young
};

// Traffic of a simulated credit model: model "credit", version "1", with features age, income,
// employment_years, loan_amount, debt_ratio, region, purpose, channel, and outputs prediction,
// prediction_score, latency_seconds, status. Loan goes with income, employment with age; whether a
// loan is approved depends on income, debt and chance.
//
// Rows depend on the seed, the number of rows before and the behaviour alone; arithmetic is exact
// IEEE, no library functions, so they are the same everywhere.
class CreditTraffic {
 public:
  explicit CreditTraffic(uint64_t seed);
  v1::InferenceBatch Next(uint32_t rows, const CreditBehaviour& behaviour);

 private:
  uint64_t Bits();
  double Uniform();  // [0, 1)
  double Normal();   // mean 0, deviation 1, within +-6
  uint32_t Pick(const double* shares, uint32_t n);
  void AddRow(const CreditBehaviour& behaviour, uint32_t row, v1::InferenceBatch* batch);

  uint64_t seed_;
  uint64_t state_;
  uint64_t rows_ = 0;
};

}  // namespace faultline::cli
