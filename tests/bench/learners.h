#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tests/support/csv.h"

namespace faultline::bench {

// A linear discriminant (Fisher 1936) of two classes, 0 and 1, with one covariance.
class Discriminant {
 public:
  // Learns from the rows [begin, end), both classes among them.
  Discriminant(const std::vector<std::vector<double>>& inputs, const std::vector<double>& labels,
               size_t begin, size_t end);
  // 1 where it is wrong, else 0, of the rows [begin, end).
  std::vector<double> LossesOn(const std::vector<std::vector<double>>& inputs,
                               const std::vector<double>& labels, size_t begin, size_t end) const;

 private:
  std::vector<double> weights_;
  double cut_ = 0;  // says 1 if weights . x > cut
};

// Naive Bayes of two classes, 0 and 1, row by row: within a class every input is normal and on its
// own.
class NaiveBayes {
 public:
  explicit NaiveBayes(size_t inputs);
  // 1 or 0: the likelier class; 0 as long as it has seen neither.
  int Says(std::span<const double> row) const;
  void Learn(std::span<const double> row, int label);

 private:
  struct Input {
    double mean = 0;
    double squares = 0;  // of deviations from it
  };
  struct Class {
    double rows = 0;
    std::vector<Input> inputs;
  };
  double LogLikelihood(const Class& of, std::span<const double> row) const;

  Class classes_[2];
};

// Distance of wines to the nearest of 2200 white ones, every input divided by its deviation among
// those. Which white wines are which is drawn by the seed.
struct WineScores {
  std::vector<double> reference;  // of 1099 white ones
  std::vector<double> white;      // of the other 1599
  std::vector<double> red;        // of the 1599 red ones, in random order too
};
WineScores ScoreWines(const testing::NumberTable& white, const testing::NumberTable& red,
                      uint64_t seed);

}  // namespace faultline::bench
