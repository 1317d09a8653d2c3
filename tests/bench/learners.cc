#include "tests/bench/learners.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "tests/support/streams.h"

namespace faultline::bench {
namespace {

constexpr size_t kTraining = 2'200;
constexpr size_t kCalibration = 1'099;

using Inputs = std::vector<std::vector<double>>;

Eigen::VectorXd RowOf(const Inputs& inputs, size_t row) {
  Eigen::VectorXd values(static_cast<Eigen::Index>(inputs.size()));
  for (size_t k = 0; k < inputs.size(); ++k) values[static_cast<Eigen::Index>(k)] = inputs[k][row];
  return values;
}

using Wine = std::vector<double>;

std::vector<Wine> Shuffled(const testing::NumberTable& table, testing::Random* random) {
  std::vector<Wine> wines;
  for (size_t i = 0; i < table.rows(); ++i) {
    Wine& wine = wines.emplace_back();
    for (size_t k = 0; k + 1 < table.columns.size(); ++k) wine.push_back(table.columns[k][i]);
  }
  for (size_t i = wines.size(); i > 1; --i) std::swap(wines[i - 1], wines[random->Below(i)]);
  return wines;
}

double NearestDistance(const Wine& wine, const std::vector<Wine>& training, const Wine& deviation) {
  double nearest = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < kTraining; ++i) {
    double sum = 0;
    for (size_t k = 0; k < wine.size(); ++k) {
      const double off = (wine[k] - training[i][k]) / deviation[k];
      sum += off * off;
    }
    nearest = std::min(nearest, sum);
  }
  return std::sqrt(nearest);
}

}  // namespace

Discriminant::Discriminant(const Inputs& inputs, const std::vector<double>& labels, size_t begin,
                           size_t end) {
  const auto width = static_cast<Eigen::Index>(inputs.size());
  Eigen::VectorXd mean[2] = {Eigen::VectorXd::Zero(width), Eigen::VectorXd::Zero(width)};
  double count[2] = {0, 0};
  for (size_t i = begin; i < end; ++i) {
    mean[labels[i] > 0.5] += RowOf(inputs, i);
    count[labels[i] > 0.5] += 1;
  }
  for (const int label : {0, 1}) mean[label] /= count[label];
  Eigen::MatrixXd spread = Eigen::MatrixXd::Zero(width, width);
  for (size_t i = begin; i < end; ++i) {
    const Eigen::VectorXd off = RowOf(inputs, i) - mean[labels[i] > 0.5];
    spread += off * off.transpose() / static_cast<double>(end - begin);
  }
  const Eigen::VectorXd weights = spread.ldlt().solve(mean[1] - mean[0]);
  weights_.assign(weights.begin(), weights.end());
  cut_ = weights.dot(mean[0] + mean[1]) / 2 - std::log(count[1] / count[0]);
}

std::vector<double> Discriminant::LossesOn(const Inputs& inputs, const std::vector<double>& labels,
                                           size_t begin, size_t end) const {
  std::vector<double> losses;
  for (size_t i = begin; i < end; ++i) {
    double sum = 0;
    for (size_t k = 0; k < inputs.size(); ++k) sum += weights_[k] * inputs[k][i];
    losses.push_back((sum > cut_) == (labels[i] > 0.5) ? 0 : 1);
  }
  return losses;
}

NaiveBayes::NaiveBayes(size_t inputs) {
  for (Class& one : classes_) one.inputs.resize(inputs);
}

double NaiveBayes::LogLikelihood(const Class& of, std::span<const double> row) const {
  double sum = std::log(of.rows);
  for (size_t k = 0; k < row.size(); ++k) {
    const double variance = of.inputs[k].squares / of.rows + 1e-6;
    const double off = row[k] - of.inputs[k].mean;
    sum -= (std::log(variance) + off * off / variance) / 2;
  }
  return sum;
}

int NaiveBayes::Says(std::span<const double> row) const {
  if (classes_[0].rows == 0 || classes_[1].rows == 0) return classes_[1].rows > 0 ? 1 : 0;
  return LogLikelihood(classes_[1], row) > LogLikelihood(classes_[0], row) ? 1 : 0;
}

void NaiveBayes::Learn(std::span<const double> row, int label) {
  Class& own = classes_[label];
  own.rows += 1;
  for (size_t k = 0; k < row.size(); ++k) {
    Input& input = own.inputs[k];
    const double off = row[k] - input.mean;
    input.mean += off / own.rows;
    input.squares += off * (row[k] - input.mean);
  }
}

WineScores ScoreWines(const testing::NumberTable& white, const testing::NumberTable& red,
                      uint64_t seed) {
  testing::Random random(seed);
  const std::vector<Wine> whites = Shuffled(white, &random);
  const std::vector<Wine> reds = Shuffled(red, &random);
  Wine mean(whites[0].size()), deviation(whites[0].size());
  for (size_t i = 0; i < kTraining; ++i) {
    for (size_t k = 0; k < mean.size(); ++k) mean[k] += whites[i][k] / kTraining;
  }
  for (size_t i = 0; i < kTraining; ++i) {
    for (size_t k = 0; k < mean.size(); ++k) {
      deviation[k] += (whites[i][k] - mean[k]) * (whites[i][k] - mean[k]) / kTraining;
    }
  }
  for (double& value : deviation) value = std::sqrt(value);
  WineScores scores;
  for (size_t i = kTraining; i < whites.size(); ++i) {
    (i < kTraining + kCalibration ? scores.reference : scores.white)
        .push_back(NearestDistance(whites[i], whites, deviation));
  }
  for (const Wine& wine : reds) scores.red.push_back(NearestDistance(wine, whites, deviation));
  return scores;
}

}  // namespace faultline::bench
