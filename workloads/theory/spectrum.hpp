// workloads/theory/spectrum.hpp
//
// Numbers that the theory workloads choose on the host, and the elementwise passes that use them.
#pragma once

#include <string>
#include <vector>

#include "harness/device/elementwise.hpp"
#include "harness/hyperparameters.hpp"

namespace velo::theory {

/// 1 = l_1 >= ... >= l_n = 1 / condition, with t = (i - 1) / (n - 1):
///   loglinear condition^-t · linear 1 - t (1 - 1 / condition) · power i^-p, p = log condition / log n ·
///   two_cluster 1 for the first half, 1 / condition for the rest
[[nodiscard]] std::vector<double> eigenvalues(const std::string& spectrum, Index n, double condition);
/// The two hyperparameters of eigenvalues().
[[nodiscard]] ParameterSpec spectrum_parameter(const std::string& doc);
[[nodiscard]] ParameterSpec condition_parameter(double standard, const std::string& doc);

[[nodiscard]] Vector on_device(const std::string& label, const std::vector<double>& values);

/// out = a - b
void subtract(const ConstVector& a, const ConstVector& b, const Vector& out);
/// v_i times l_i, times its square root, and divided by it
void multiply_by_spectrum(const Vector& v, const Vector& l);
void multiply_by_root(const Vector& v, const Vector& l);
void divide_by_root(const Vector& v, const Vector& l);

}  // namespace velo::theory
