// analysis/survival.hpp
//
// Times of which some were not reached, looked at as survival times: "survives" = has not reached the target yet.
//
//   curve            S(t) = product over hit times t_i <= t of (1 - d_i / n_i)             (Kaplan and Meier, 1958)
//   its variance     S(t)^2 sum d_i / (n_i (n_i - d_i))                                     (Greenwood, 1926)
//   its interval     on the scale log(-log S), so it stays in [0, 1]   (Kalbfleisch and Prentice, 1980)
//   restricted mean  mu(tau) = integral of S over [0, tau]: the mean time to the result when watching ends at tau;
//                    variance sum (integral of S over [t_i, tau])^2 d_i / (n_i (n_i - d_i))
//                    (Royston and Parmar, BMC Med. Res. Methodol., 2013)
//
// A trial that ended without a hit is censored at the work for which it was watched. That assumes that ending says
// nothing about how far off the hit was: right for budgets, wrong for trials stopped because they were behind. Callers leave out
// trials stopped by lossless stopping or halving.
#pragma once

#include <vector>

#include "analysis/bootstrap.hpp"

namespace velo::analysis {

struct SurvivalPoint {
  double time = 0;      ///< of one or more hits; the curve is constant up to the next point
  double survival = 1;  ///< from `time` on
  Interval interval;    ///< pointwise; where S = 0 the variance is undefined and the previous upper limit stays
  int at_risk = 0;      ///< n_i: not yet reached and still watched just before
  int hits = 0;         ///< d_i
};

/// The curve at its jumps, in order of time; empty when nothing was reached. `times` must not be empty.
[[nodiscard]] std::vector<SurvivalPoint> kaplan_meier(const std::vector<CensoredTime>& times, double level = 0.95);

struct RestrictedMean {
  double horizon = 0;  ///< tau
  double mean = 0;
  double standard_error = 0;
  Interval interval;  ///< mean -+ z standard errors, cut to [0, tau]
};

/// Restricted mean up to `horizon`, which no longer than the longest watched time makes sense: beyond it S is unknown,
/// and Error is thrown.
[[nodiscard]] RestrictedMean restricted_mean(const std::vector<CensoredTime>& times, double horizon,
                                             double level = 0.95);

}  // namespace velo::analysis
