#pragma once

namespace faultline {

// Mean number of values until a control chart alarms on independent normal values of deviation 1
// and mean `mean`, for a chart designed for known mean 0 and deviation 1. At mean 0 it is the mean
// time between false alarms, otherwise the delay; both from the chart's first value on
// ("zero-state"). Integral equations by Gauss-Legendre quadrature, to 1e-12 relative or 1e-15 of
// the run length, whichever is larger. Cubic in the number of nodes, which grows with the
// threshold: not for hot paths.

// One-sided CUSUM S <- max(0, S + x - slack), alarm at S > threshold (Page 1954). Slack 0 to 100,
// threshold 0 to 200; else NaN. R's spc::xcusum.arl.
double CusumRunLength(double slack, double threshold, double mean);

// Two-sided CUSUM (Kemp 1961). Slack above 0.
double TwoSidedCusumRunLength(double slack, double threshold, double mean);

// Two-sided EWMA Z <- (1 - alpha) Z + alpha x from Z = 0, alarm at |Z| > limit sqrt(alpha / (2 -
// alpha)) (Crowder 1987). Alpha 0.001 to 1, limit above 0, at most 10; else NaN. R's
// spc::xewma.arl(sided = "two"). The detector `ewma` learns mean and deviation as it runs, so it is
// not this chart.
double EwmaRunLength(double alpha, double limit, double mean);

}  // namespace faultline
