#pragma once

namespace faultline::bench {

// Page's CUSUM told both laws, on values N(0, 1) that become N(shift, 1): exactly optimal for
// Lorden's worst delay at its mean run length (Moustakides 1986), so its delay is the bound. By the
// Markov chain of Brook and Evans (1972) with 400 states; written without any of our detectors.
struct CusumOracle {
  double threshold = 0;  // of the log-likelihood ratio
  double run_length = 0;
  double delay = 0;  // mean number of values from the change to the alarm, from 0: the worst case
};
// The one with this mean run length until a false alarm.
CusumOracle NormalCusum(double shift, double run_length);
// The same for values 1 with probability p that becomes q, else 0: an exact chain, with the ratio
// of its two steps rounded to a fraction, and the first threshold whose run length is no shorter.
CusumOracle BernoulliCusum(double p, double q, double run_length);

}  // namespace faultline::bench
