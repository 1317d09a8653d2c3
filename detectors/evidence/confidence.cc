#include "detectors/evidence/confidence.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "detectors/stats/elementary.h"

namespace faultline {
namespace {

// Quantile of a gamma distribution of shape a, divided by its mean.
double GammaRatio(double a, double z) {
  const double root = 1 - 1 / (9 * a) + z / (3 * std::sqrt(a));
  return std::max(0.0, root * root * root);
}

}  // namespace

double NormalMixtureRadius(double rows, double alpha, double best) {
  if (!(rows > 0)) return std::numeric_limits<double>::infinity();
  // The boundary sqrt((v + r) ln((v + r) / (r alpha^2))) is narrowest relative to v at about
  // v = r * (2 ln(1 / alpha) + ln(1 + 2 ln(1 / alpha))).
  const double odds = -2 * Log(alpha);
  const double r = best / (odds + Log(1 + odds));
  return std::sqrt((rows + r) * (Log((rows + r) / r) + odds)) / rows;
}

double PoissonUpper(double count, double z) { return (count + 1) * GammaRatio(count + 1, z); }

double PoissonLower(double count, double z) {
  return count > 0 ? count * GammaRatio(count, -z) : 0;
}

}  // namespace faultline
