#include "workloads/data/images.hpp"

#include <algorithm>
#include <vector>

#include "results/text.hpp"

namespace velo::data {

TrivialBaseline majority_class(const ImageDataSet& images) {
  std::vector<Index> counts(static_cast<std::size_t>(images.shape().classes));
  for (const std::uint8_t label : images.labels(Split::train)) ++counts[label];
  const auto chosen = std::ranges::max_element(counts) - counts.begin();
  const auto accuracy = [&](Split split) {
    const auto right = std::ranges::count(images.labels(split), chosen);
    return static_cast<double>(right) / static_cast<double>(images.examples(split));
  };
  return {cat("class ", chosen, ", always"), accuracy(Split::validation), accuracy(Split::test)};
}

}  // namespace velo::data
