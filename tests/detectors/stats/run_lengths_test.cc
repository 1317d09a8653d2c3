#include "detectors/stats/run_lengths.h"

#include <gtest/gtest.h>

#include <cmath>

#include "detectors/change/sequence.h"
#include "tests/detectors/oracle_cases.h"
#include "tests/support/streams.h"

namespace faultline {
namespace {

using testing::OracleCase;
using testing::OracleCases;

double RunLengthOf(const OracleCase& made) {
  const double slack = made.Number("slack");
  const double threshold = made.Number("threshold");
  const double mean = made.Number("mean");
  const std::string& kind = made.words.at("kind");
  if (kind == "ewma") return EwmaRunLength(slack, threshold, mean);
  if (kind == "cusum") return CusumRunLength(slack, threshold, mean);
  EXPECT_EQ(kind, "two_sided_cusum");
  return TwoSidedCusumRunLength(slack, threshold, mean);
}

TEST(RunLengths, EqualTheIntegralEquations) {
  for (const OracleCase& made : OracleCases("sequences.txt", "run_length")) {
    const double values = made.Number("values");
    // A run of so many values is one over a difference of that size from 1.
    const double tolerance = std::max(1e-12, 1e-15 * values);
    EXPECT_NEAR(RunLengthOf(made) / values, 1, tolerance) << made.line;
  }
}

TEST(RunLengths, ArePrintedSoInThePapers) {
  for (const OracleCase& made : OracleCases("sequences.txt", "published_run_length")) {
    EXPECT_NEAR(RunLengthOf(made), made.Number("values"), made.Number("within")) << made.line;
  }
}

// The chart of the log likelihood ratio in units of the shift, whose slack is half of it, against a
// Markov chain: another method, good to 1e-5 where runs are long.
TEST(RunLengths, OfTheCusumToldBothLawsAreThoseOfTheMarkovChain) {
  for (const OracleCase& made : OracleCases("sequences.txt", "brook_evans")) {
    const double shift = made.Number("shift");
    const double threshold = made.Number("threshold") / shift;
    const double values = CusumRunLength(shift / 2, threshold, 0);
    EXPECT_NEAR(values / made.Number("values"), 1, 1e-5) << made.line;
    const double delay = CusumRunLength(shift / 2, threshold, shift);
    EXPECT_NEAR(delay / made.Number("delay"), 1, 1e-6) << made.line;
  }
}

TEST(RunLengths, AnswerOddInput) {
  EXPECT_TRUE(std::isnan(CusumRunLength(0.5, 0, 0)));
  EXPECT_TRUE(std::isnan(CusumRunLength(-1, 5, 0)));
  EXPECT_TRUE(std::isnan(CusumRunLength(0.5, 5, std::nan(""))));
  EXPECT_TRUE(std::isnan(TwoSidedCusumRunLength(0, 5, 0)));
  EXPECT_TRUE(std::isnan(EwmaRunLength(0, 3, 0)));
  EXPECT_TRUE(std::isnan(EwmaRunLength(0.1, 3, INFINITY)));
  EXPECT_NEAR(EwmaRunLength(1, 3, 1e6), 1, 1e-12);
}

}  // namespace
}  // namespace faultline
