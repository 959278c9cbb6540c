// tests/algorithms/quantised_reference.hpp
//
// Block-wise 8-bit storage written down as the paper says it, one number after the other, and a layout on which some
// layers are quantised and some are not. In Scalar precision and in the kernels' order, because a rounding error next
// to a border between two codes would move a value by a whole code: with the same arithmetic the bits are the same.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "algorithms/transforms/blockwise_quantisation.hpp"
#include "tests/algorithms/given_gradients.hpp"

namespace velo::test {

/// Two layers above 4096 parameters, neither a multiple of 256 or 2048, among smaller ones and an embedding.
inline ParameterLayout quantised_layout() {
  ParameterLayout layout;
  layout.add({.name = "first", .kind = ParameterKind::weight, .shape = {83, 59}});
  layout.add({.name = "bias", .kind = ParameterKind::bias, .shape = {83}});
  layout.add({.name = "table", .kind = ParameterKind::embedding, .shape = {100, 43}});
  layout.add({.name = "kernel", .kind = ParameterKind::conv_weight, .shape = {32, 17, 3, 3}});
  layout.add({.name = "small", .kind = ParameterKind::weight, .shape = {63, 65}});
  return layout;
}

/// The layers of quantised_layout() that are quantised with the default min_quantised_size.
inline bool is_quantised(const ParameterBlock& layer) { return layer.name == "first" || layer.name == "kernel"; }

/// The code whose value is nearest, the lower of two equally near: by looking at all of them.
inline int nearest_code(const std::vector<Scalar>& book, Scalar x) {
  int best = 0;
  for (int c = 1; c < 256; ++c)
    if (std::abs(static_cast<double>(book[c]) - x) < std::abs(static_cast<double>(book[best]) - x)) best = c;
  return best;
}

/// The code book of 256 values that the paper draws as a tree: after the sign, the leading zeros count the decade, the
/// bits behind the first one are a linear fraction of [0.1, 1]. Written here as runs of equal steps, lowest decade first.
inline std::vector<Scalar> reference_book(bool with_sign) {
  std::vector<double> positive;
  for (int fraction_bits = with_sign ? 0 : 1; fraction_bits <= (with_sign ? 6 : 7); ++fraction_bits) {
    const double scale = std::pow(10.0, fraction_bits - (with_sign ? 6 : 7));
    const double step = 0.9 / std::pow(2.0, fraction_bits);
    for (double middle = 0.1 + step / 2; middle < 1.0; middle += step) positive.push_back(scale * middle);
  }
  std::vector<Scalar> book;
  if (with_sign)
    for (auto x = positive.rbegin(); x != positive.rend(); ++x) book.push_back(static_cast<Scalar>(-*x));
  book.push_back(0);
  for (const double x : positive) book.push_back(static_cast<Scalar>(x));
  book.push_back(1);
  return book;
}

/// values <- what block-wise storage of values[first, last) gives back.
inline void store_and_read(std::vector<Scalar>& values, Index first, Index last, const std::vector<Scalar>& book) {
  Scalar largest = 0;
  for (Index i = first; i < last; ++i) largest = std::max(largest, std::abs(values[static_cast<std::size_t>(i)]));
  for (Index i = first; i < last; ++i) {
    Scalar& x = values[static_cast<std::size_t>(i)];
    x = largest * book[static_cast<std::size_t>(nearest_code(book, largest > 0 ? x / largest : 0))];
  }
}

/// The same for every quantised layer of quantised_layout(), in blocks of `block_size`.
inline void store_and_read(std::vector<Scalar>& values, const ParameterLayout& layout, Index block_size,
                           const std::vector<Scalar>& book) {
  for (const ParameterBlock& layer : layout.blocks()) {
    if (!is_quantised(layer)) continue;
    const Index end = layer.offset + layer.size();
    for (Index first = layer.offset; first < end; first += block_size)
      store_and_read(values, first, std::min(first + block_size, end), book);
  }
}

/// Gradients whose size varies by a factor of a million within a block.
inline std::vector<double> uneven_gradient(const ParameterLayout& layout, std::int64_t step) {
  std::vector<double> out(static_cast<std::size_t>(layout.size()));
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] =
        static_cast<Scalar>(scattered(static_cast<std::uint64_t>(step), i) * std::pow(10.0, -6.0 * scattered(1000, i)));
  return out;
}

}  // namespace velo::test
