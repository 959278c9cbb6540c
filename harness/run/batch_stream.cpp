#include "harness/run/batch_stream.hpp"

namespace velo {

BatchStream::BatchStream(std::uint64_t seed, Index examples)
    : BatchStream(RandomStream(seed, Purpose::data_order), examples) {}

BatchStream::BatchStream(const RandomStream& stream, Index examples) : stream_(stream), examples_(examples) {}

Index BatchStream::example_at(Index position) {
  const Index epoch = position / examples_;
  if (epoch != epoch_) {
    epoch_ = epoch;
    order_.emplace(stream_.at_step(static_cast<std::uint64_t>(epoch)), static_cast<std::uint64_t>(examples_));
  }
  return static_cast<Index>((*order_)(static_cast<std::uint64_t>(position % examples_)));
}

Batch BatchStream::next(Index size) {
  std::vector<Index>& indices = ring_[batches_ % kept];
  indices.resize(static_cast<std::size_t>(size));
  for (Index& index : indices) index = example_at(position_++);
  return {.id = ++batches_, .split = Split::train, .examples = indices};
}

Batch BatchStream::chosen(std::span<const Index> examples) {
  std::vector<Index>& indices = ring_[batches_ % kept];
  indices.assign(examples.begin(), examples.end());
  return {.id = ++batches_, .split = Split::train, .examples = indices};
}

void BatchStream::restore(Index position, std::uint64_t batches) {
  position_ = position;
  batches_ = batches;
}

}  // namespace velo
