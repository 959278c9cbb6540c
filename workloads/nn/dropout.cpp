#include "workloads/nn/dropout.hpp"

#include <cmath>

#include "workloads/nn/costs.hpp"
#include "workloads/nn/launch.hpp"

namespace velo::nn {

namespace {

constexpr Index per_block = 8;  // 16 bits each of a Philox block

struct Drop {
  RandomStream stream;
  const Scalar* x;
  Scalar* y;
  std::uint8_t* kept;
  Index size;
  std::uint32_t threshold;  ///< dropped below it
  Scalar scale;

  KOKKOS_INLINE_FUNCTION void operator()(Index task) const {
    const PhiloxBlock block = stream.block(static_cast<std::uint64_t>(task));
    for (Index j = 0; j < per_block && task * per_block + j < size; ++j) {
      const Index i = task * per_block + j;
      const bool keep = (block.word[j / 2] >> (16 * (j % 2)) & 0xffffU) >= threshold;
      kept[i] = keep ? 1 : 0;
      y[i] = keep ? x[i] * scale : Scalar(0);
    }
  }
};

}  // namespace

Value Dropout::operator()(Tape& tape, Value x) const {
  const ForwardPass& pass = tape.pass();
  const double rate = pass.train_mode ? pass.dropout_rate.value_or(rate_) : 0.0;
  const auto threshold = static_cast<std::uint32_t>(std::lround(rate * 65536));
  if (threshold == 0) return x;
  const Tensor in = tape[x];
  const auto scale = static_cast<Scalar>(65536.0 / (65536.0 - threshold));
  tape.operation("dropout", {}, [&] {
    return OperationCosts{elementwise_cost(in.size(), 1, 2), elementwise_cost(in.size(), 1, 2)};
  });
  const Value y = tape.output(in.shape, tape.differentiable(x));
  std::uint8_t* kept = tape.keep_bytes(in.size());
  for_each_task("velo::nn::dropout", (in.size() + per_block - 1) / per_block, in.size(),
                Drop{pass.random.fork(stream_), in.data, tape[y].data, kept, in.size(), threshold, scale});
  if (tape.differentiable(x))
    tape.record([&tape, x, y, kept, scale] {
      const Tensor dy = tape.gradient(y);
      if (!dy) return;
      Scalar* gradient = dy.data;
      for_each(
          "velo::nn::dropout_backward", dy.size(),
          KOKKOS_LAMBDA(const Index i) { gradient[i] = kept[i] != 0 ? gradient[i] * scale : Scalar(0); });
      tape.pass_gradient(y, x);
    });
  return y;
}

}  // namespace velo::nn
