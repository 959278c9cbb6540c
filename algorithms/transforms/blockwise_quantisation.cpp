#include "algorithms/transforms/blockwise_quantisation.hpp"

#include <cmath>

namespace velo {

namespace {

Vector to_device(const std::string& label, const std::vector<Scalar>& values) {
  Vector out(label, values.size());
  const Kokkos::View<const Scalar*, Kokkos::HostSpace> host(values.data(), values.size());
  Kokkos::deep_copy(out, host);
  return out;
}

/// The largest Scalar that does not exceed the mean of two.
Scalar border_between(Scalar low, Scalar high) {
  const double mean = 0.5 * (static_cast<double>(low) + static_cast<double>(high));
  const auto rounded = static_cast<Scalar>(mean);
  return static_cast<double>(rounded) > mean ? std::nextafter(rounded, low) : rounded;
}

}  // namespace

std::vector<double> dynamic_tree(CodeSign sign) {
  constexpr int decades = 7;
  std::vector<double> values = {0.0, 1.0};
  for (int decade = 0; decade < decades; ++decade) {
    const int parts = (sign == CodeSign::both ? 64 : 128) >> decade;
    for (int part = 0; part < parts; ++part) {
      const double value = std::pow(10.0, -decade) * (0.1 + 0.9 * (part + 0.5) / parts);
      values.push_back(value);
      if (sign == CodeSign::both) values.push_back(-value);
    }
  }
  std::sort(values.begin(), values.end());
  return values;
}

CodeTable::CodeTable(CodeSign sign) {
  std::vector<Scalar> value, border;
  for (const double x : dynamic_tree(sign)) value.push_back(static_cast<Scalar>(x));
  for (std::size_t c = 0; c + 1 < value.size(); ++c) border.push_back(border_between(value[c], value[c + 1]));
  value_ = to_device("code_book_values", value);
  border_ = to_device("code_book_borders", border);
}

QuantisedParts::QuantisedParts(const Parameters& parameters)
    : block_size_(parameters.integer("block_size")), min_size_(parameters.integer("min_quantised_size")) {}

void QuantisedParts::declare(std::vector<ParameterSpec>& specs) {
  specs.push_back(integer("block_size", 2048, Range::at_least(1), "values that share one scale", "parameters"));
  specs.push_back(integer("min_quantised_size", 4096, Range::at_least(1),
                          "smaller layers, and embeddings, keep their state in full precision", "parameters"));
}

void QuantisedParts::prepare(const ParameterLayout& layout) {
  blocks_.clear();
  plain_.clear();
  codes_ = plain_size_ = 0;
  for (const ParameterBlock& layer : layout.blocks()) {
    const Index last = layer.offset + layer.size();
    if (layer.size() >= min_size_ && layer.kind != ParameterKind::embedding) {
      for (Index first = layer.offset; first < last; first += block_size_) {
        blocks_.push_back({first, std::min(block_size_, last - first), codes_});
        codes_ += blocks_.back().size;
      }
    } else {
      if (!plain_.empty() && plain_.back().last == layer.offset)
        plain_.back().last = last;
      else
        plain_.push_back({layer.offset, last, plain_size_});
      plain_size_ += layer.size();
    }
  }
  table_ = Kokkos::View<QuantisedBlock*, MemorySpace>("quantised_blocks", blocks_.size());
  const Kokkos::View<const QuantisedBlock*, Kokkos::HostSpace> host(blocks_.data(), blocks_.size());
  Kokkos::deep_copy(table_, host);
}

}  // namespace velo
