#include "workloads/nn/frames.hpp"

#include <algorithm>
#include <stdexcept>

namespace velo::nn {

namespace {

constexpr Index active_multiple = 4, row_multiple = 64;

Index rounded_up(Index n, Index multiple) { return (n + multiple - 1) / multiple * multiple; }

}  // namespace

void Frames::assign(std::span<const Index> lengths) {
  lengths_.assign(lengths.begin(), lengths.end());
  if (lengths.empty() || lengths.back() < 1 || !std::is_sorted(lengths.rbegin(), lengths.rend()))
    throw std::logic_error("sequences are laid out by falling length, each of at least one frame");
  lay_out();
}

void Frames::assign_half_of(const Frames& other) {
  lengths_.resize(other.lengths_.size());
  for (std::size_t b = 0; b < lengths_.size(); ++b) lengths_[b] = (other.lengths_[b] + 1) / 2;
  lay_out();
}

void Frames::lay_out() {
  active_.clear();
  first_.assign(1, 0);
  count_ = 0;
  Index running = sequences();
  for (Index t = 0; t < lengths_.front(); ++t) {
    while (length(running - 1) <= t) --running;
    count_ += running;
    active_.push_back(rounded_up(running, active_multiple));
    first_.push_back(first_.back() + active_.back());
  }
  rows_ = rounded_up(first_.back(), row_multiple);

  const Index size = sequences() + steps() + 1 + 2 * rows_;
  std::int32_t* to = table_.stage(size);
  for (const Index n : lengths_) *to++ = static_cast<std::int32_t>(n);
  for (const Index r : first_) *to++ = static_cast<std::int32_t>(r);
  std::int32_t *sequence = to, *step = to + rows_;
  std::fill(sequence, sequence + rows_, -1);
  std::fill(step, step + rows_, 0);
  for (Index t = 0; t < steps(); ++t)
    for (Index b = 0; b < active(t); ++b) {
      step[row(b, t)] = static_cast<std::int32_t>(t);
      if (b < sequences() && t < length(b)) sequence[row(b, t)] = static_cast<std::int32_t>(b);
    }
  table_.upload(size);
}

FrameTable Frames::table() const {
  const std::int32_t* at = table_.data();
  return {at, at + sequences(), at + sequences() + steps() + 1, at + sequences() + steps() + 1 + rows_};
}

}  // namespace velo::nn
