#include "workloads/nn/spelling.hpp"

#include <algorithm>
#include <numeric>

namespace velo::nn {

void collapse(std::vector<std::uint8_t>& path) {
  path.erase(std::unique(path.begin(), path.end()), path.end());
  std::erase(path, std::uint8_t{0});
}

Index EditDistance::operator()(std::span<const std::uint8_t> said, std::span<const std::uint8_t> heard) {
  row_.resize(heard.size() + 1);
  std::iota(row_.begin(), row_.end(), Index{0});
  for (const std::uint8_t label : said) {
    Index diagonal = row_[0]++;
    for (std::size_t j = 1; j < row_.size(); ++j) {
      const Index replaced = diagonal + (heard[j - 1] == label ? 0 : 1);
      diagonal = row_[j];
      row_[j] = std::min({replaced, diagonal + 1, row_[j - 1] + 1});
    }
  }
  return row_.back();
}

}  // namespace velo::nn
