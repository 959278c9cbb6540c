// workloads/nn/math.hpp
//
// exp, tanh and erf for kernels. In float they are polynomials in IEEE +, *, / without branches: loops over them
// vectorise, and they give the same bits on every back-end. In double they are the system's, as gradient checks want.
//
//   exp   2^n e^r, |r| <= ln 2 / 2, polynomial of degree 6 in r with the coefficients of Cephes' expf
//         (S. Moshier, netlib.org/cephes); relative error below 2e-7. Zero below -87.7, at most e^88.
//   tanh  Cephes' tanhf: odd polynomial below 0.625, else 1 - 2 / (e^2x + 1); relative error below 3e-7.
//   erf   Abramowitz & Stegun 7.1.26; absolute error below 3e-7 in float.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "harness/device/tensor.hpp"

namespace velo::nn::math {

KOKKOS_INLINE_FUNCTION float exp(float x) {
  // Limited, and NaN kept, by integers: comparisons of floats may trap, so compilers leave them where they would not be
  // made as branches, and a loop with a branch does not vectorise.
  std::int32_t image;
  std::memcpy(&image, &x, sizeof image);
  constexpr std::int32_t all_but_sign = 0x7fffffff, limit = 0x42b00000, infinity = 0x7f800000;  // limit: 88
  const std::int32_t size = image & all_but_sign;
  const std::int32_t limited = (image & ~all_but_sign) | (size < limit ? size : limit);
  float clamped;
  std::memcpy(&clamped, &limited, sizeof clamped);
  constexpr float to_integer = 12582912.0F;  // 1.5 * 2^23: adding it rounds to the nearest integer
  const float shifted = clamped * 1.44269504F + to_integer;
  const float n = shifted - to_integer;
  const float r = (clamped - n * 0.693359375F) - n * -2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  std::int32_t bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  const std::int32_t power = (bits - 0x4b400000 + 127) << 23;
  float two_to_n;
  std::memcpy(&two_to_n, &power, sizeof two_to_n);
  const float value = p * two_to_n;
  std::int32_t out;
  std::memcpy(&out, &value, sizeof out);
  out |= size > infinity ? -1 : 0;
  float result;
  std::memcpy(&result, &out, sizeof result);
  return result;
}
KOKKOS_INLINE_FUNCTION double exp(double x) { return ::exp(x); }

KOKKOS_INLINE_FUNCTION float tanh(float x) {
  const float a = x < 0.0F ? -x : x;
  const float z = x * x;
  float p = -5.70498872745e-3F;
  p = p * z + 2.06390887954e-2F;
  p = p * z - 5.37397155531e-2F;
  p = p * z + 1.33314422036e-1F;
  p = p * z - 3.33332819422e-1F;
  const float near = x + x * z * p;
  const float far = 1.0F - 2.0F / (exp(2.0F * a) + 1.0F);
  return a < 0.625F ? near : (x < 0.0F ? -far : far);
}
KOKKOS_INLINE_FUNCTION double tanh(double x) { return ::tanh(x); }

KOKKOS_INLINE_FUNCTION float erf(float x) {
  const float a = x < 0.0F ? -x : x;
  const float t = 1.0F / (1.0F + 0.3275911F * a);
  float p = 1.061405429F;
  p = p * t - 1.453152027F;
  p = p * t + 1.421413741F;
  p = p * t - 0.284496736F;
  p = p * t + 0.254829592F;
  const float value = 1.0F - p * t * exp(-a * a);
  return x < 0.0F ? -value : value;
}
KOKKOS_INLINE_FUNCTION double erf(double x) { return ::erf(x); }

}  // namespace velo::nn::math
