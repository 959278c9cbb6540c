// In float, where these functions are our own.
#include "workloads/nn/math.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>

namespace velo {
namespace {

TEST_CASE("the exponential of a float is right to 2e-7 wherever the result is a normal number") {
  for (int i = -8733; i <= 8800; ++i) {
    const float x = static_cast<float>(i) / 100;
    const double exact = std::exp(static_cast<double>(x));
    REQUIRE(std::abs(static_cast<double>(nn::math::exp(x)) - exact) <= 2e-7 * exact);
  }
}

TEST_CASE("the exponential of a float is zero far below, e^88 far above, and not a number for none") {
  constexpr float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  for (const float x : {-87.75F, -88.0F, -1000.0F, -infinity}) CHECK(nn::math::exp(x) == 0.0F);
  for (const float x : {88.5F, 1000.0F, infinity}) CHECK(nn::math::exp(x) == nn::math::exp(88.0F));
  CHECK(nn::math::exp(0.0F) == 1.0F);
  CHECK(nn::math::exp(-0.0F) == 1.0F);
  CHECK(std::isnan(nn::math::exp(nan)));
  CHECK(std::isnan(nn::math::exp(-nan)));
}

}  // namespace
}  // namespace velo
