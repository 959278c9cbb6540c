#include "workloads/nn/spec_augment.hpp"

#include "workloads/nn/costs.hpp"
#include "workloads/nn/launch.hpp"

namespace velo::nn {

namespace {

constexpr Index bands = 2, stretches = 10, longest_stretch = 40;

struct Stretch {
  Index begin, end;
};

struct Mask {
  FrameTable frames;
  RandomStream stream;
  const Scalar* x;
  Scalar* y;
  Index bins;

  /// Mask number m of sequence b: at most `widest` of `extent`.
  KOKKOS_INLINE_FUNCTION Stretch draw(Index b, Index m, Index widest, Index extent) const {
    const PhiloxBlock block = stream.block(static_cast<std::uint64_t>(b * (bands + stretches) + m));
    const auto share = [](std::uint32_t word, Index count) {
      return static_cast<Index>(static_cast<std::uint64_t>(word) * static_cast<std::uint64_t>(count) >> 32);
    };
    const Index width = share(block.word[0], widest + 1), begin = share(block.word[1], extent - width + 1);
    return {begin, begin + width};
  }

  KOKKOS_INLINE_FUNCTION void operator()(Index row) const {
    const Scalar* from = x + row * bins;
    Scalar* to = y + row * bins;
    for (Index i = 0; i < bins; ++i) to[i] = from[i];
    const Index b = frames.sequence[row];
    if (b < 0) return;
    const Index length = frames.length[b], twentieth = length / 20;
    for (Index m = 0; m < bands; ++m) {
      const Stretch band = draw(b, m, bins / 3, bins);
      for (Index i = band.begin; i < band.end; ++i) to[i] = 0;
    }
    for (Index m = bands; m < bands + stretches; ++m) {
      const Stretch time = draw(b, m, twentieth < longest_stretch ? twentieth : longest_stretch, length);
      if (frames.step[row] < time.begin || frames.step[row] >= time.end) continue;
      for (Index i = 0; i < bins; ++i) to[i] = 0;
    }
  }
};

}  // namespace

Value SpecAugment::operator()(Tape& tape, Value features, const Frames& frames) const {
  if (!tape.pass().train_mode) return features;
  const Tensor x = tape[features];
  tape.operation("spec augment", {}, [&] { return OperationCosts{elementwise_cost(x.size(), 0, 2), {}}; });
  const Value y = tape.output(x.shape, false);
  for_each_task("velo::nn::spec_augment", frames.rows(), x.size(),
                Mask{frames.table(), tape.pass().random.fork(stream_), x.data, tape[y].data, x.shape[1]});
  return y;
}

}  // namespace velo::nn
