#pragma once

namespace faultline {

// Half the width of a confidence sequence for a mean, from `rows` independent values of standard
// deviation 1: at all times at once it holds the true mean with probability 1 - alpha. The normal
// mixture of Robbins (1970), as in Howard, Ramdas, McAuliffe, Sekhon: "Time-uniform, nonparametric,
// nonasymptotic confidence sequences" (2021), equation 14, for sums that are sub-Gaussian; `best`
// is the number of rows at which it is narrowest. Infinity for rows <= 0.
double NormalMixtureRadius(double rows, double alpha, double best);

// Upper and lower limit of the mean of a Poisson count of which `count` was seen, each one-sided
// with a chance of about `z` standard deviations of a normal (Wilson, Hilferty 1931): for z up to
// 3.1 the upper within 3 % of the exact limit, the lower at most 2 % above and, from a count of 5
// on, at most 7 % below it. count >= 0.
double PoissonUpper(double count, double z);
double PoissonLower(double count, double z);

}  // namespace faultline
