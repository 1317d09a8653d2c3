#pragma once

namespace faultline {

// Half the width of a confidence sequence for a mean, from `rows` independent values of standard
// deviation 1: it contains the true mean at all times simultaneously with probability 1 - alpha.
// The normal mixture of Robbins (1970), as in Howard, Ramdas, McAuliffe, Sekhon: "Time-uniform,
// nonparametric, nonasymptotic confidence sequences" (2021), equation 14, for sums that are
// sub-Gaussian; `best` is the number of rows at which it is narrowest. Infinity for rows <= 0.
double NormalMixtureRadius(double rows, double alpha, double best);

// Upper and lower confidence limit of a Poisson mean given an observed `count` >= 0, each one-sided
// at the level of `z` normal standard deviations (Wilson, Hilferty 1931). For z up to 3.1 the upper
// limit is within 3 % of the exact one; the lower is at most 2 % above it and, from a count of 5
// on, at most 7 % below it.
double PoissonUpper(double count, double z);
double PoissonLower(double count, double z);

}  // namespace faultline
