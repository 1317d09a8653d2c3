#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace faultline {

// The algebra of sequential evidence.
//
// An e-value is a non-negative number whose mean is at most 1 as long as nothing has changed; a
// bet turns each batch of values into an e-value. An e-detector (Shin, Ramdas, Rinaldo:
// "E-detectors: a nonparametric framework for sequential change detection", 2024) runs a bet from
// every possible time of change at once:
//
//   Shiryaev-Roberts form   M <- L (M + d)
//   CUSUM form              M <- L max(M, d)
// where L is the bet's e-value of the newest batch and d the budget increment of that batch. While
// nothing has changed, the mean of M is at most the sum of increments. So with an alarm at M >= A,
// after which M restarts at 0, the mean number of false alarms is at most the sum of increments
// over A: for any dependence between detectors, at any time of looking, restarts included. The mean
// of several e-detectors is an e-detector, and so is a mixture of bets that share one increment.
//
// M over all starts is also, up to a factor, the posterior of the time of change under a prior
// proportional to the increments: the bank keeps its mean and variance as well.
enum class DetectorForm : uint8_t { kShiryaevRoberts, kCusum };

// One bet of a bank. All bits 0: no increment yet.
struct BetState {
  double mass = 0;            // M, in units of the budget
  double start_mean = 0;      // of the time of change, in seconds
  double start_variance = 0;  // in square seconds
};

// Gives each bet its share of the budget increment of a time. weights: as many as bets, each >= 0,
// together at most 1.
void AddIncrement(DetectorForm form, std::span<const double> weights, double increment,
                  double time_s, std::span<BetState> bets);

// Multiplies by the e-values of a batch, given as natural logarithms (any double but NaN; -infinity
// for 0; below -700 counts as -700). Mass stays below 1e300.
void Multiply(std::span<const double> log_values, std::span<BetState> bets);

// M of the whole bank.
double TotalMass(std::span<const BetState> bets);

// The time of change, if there was one: mean and standard deviation of the posterior. Both are 0
// without any increment.
struct ChangeTime {
  double mean_s = 0;
  double deviation_s = 0;
};
ChangeTime EstimateChange(std::span<const BetState> bets);

// Resets all bets to no increment.
void Clear(std::span<BetState> bets);

// ln of the weighted mean of numbers given as logarithms; weights sum to at most 1. A mean of
// e-values is an e-value.
double LogMix(std::span<const double> weights, std::span<const double> log_values);

}  // namespace faultline
