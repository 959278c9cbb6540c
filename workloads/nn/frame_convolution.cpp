// Forward gathers patches and multiplies; they are kept, so that the gradient of W is one more product. Floats moved per
// output frame: 9/4 bins in for the patches, written once and read twice.
#include "workloads/nn/frame_convolution.hpp"

#include <cmath>

#include "workloads/nn/costs.hpp"
#include "workloads/nn/launch.hpp"

namespace velo::nn {

namespace {

struct Grid {
  FrameTable from, to;
  Index bins, out_bins, in;
};

/// patches[row', f, c, i, j] = x[2t + i - 1, 2f + j - 1, c]; one task per output row.
struct Gather {
  Grid grid;
  const Scalar* x;
  Scalar* patches;

  KOKKOS_INLINE_FUNCTION void operator()(Index row) const {
    const Index size = 9 * grid.in;
    Scalar* to = patches + row * grid.out_bins * size;
    const std::int32_t b = grid.to.sequence[row];
    for (Index i = 0; i < 3; ++i) {
      const Index t = 2 * grid.to.step[row] + i - 1;
      const bool inside = b >= 0 && t >= 0 && t < grid.from.length[b];
      const Scalar* source = inside ? x + (grid.from.first[t] + b) * grid.bins * grid.in : nullptr;
      for (Index f = 0; f < grid.out_bins; ++f)
        for (Index j = 0; j < 3; ++j) {
          const Index bin = 2 * f + j - 1;
          Scalar* place = to + f * size + 3 * i + j;
          if (source != nullptr && bin >= 0 && bin < grid.bins)
            for (Index c = 0; c < grid.in; ++c) place[9 * c] = source[bin * grid.in + c];
          else
            for (Index c = 0; c < grid.in; ++c) place[9 * c] = 0;
        }
    }
  }
};

/// The transpose: dx[t, bin, c] adds up where it was taken; one task per input row.
struct Scatter {
  Grid grid;
  const Scalar* patches;
  Scalar* dx;

  KOKKOS_INLINE_FUNCTION void operator()(Index row) const {
    const Index size = 9 * grid.in;
    Scalar* to = dx + row * grid.bins * grid.in;
    for (Index k = 0; k < grid.bins * grid.in; ++k) to[k] = 0;
    const std::int32_t b = grid.from.sequence[row];
    if (b < 0) return;
    for (Index i = 0; i < 3; ++i) {
      const Index twice = grid.from.step[row] + 1 - i;
      if (twice < 0 || twice % 2 != 0 || twice / 2 >= grid.to.length[b]) continue;
      const Scalar* source = patches + (grid.to.first[twice / 2] + b) * grid.out_bins * size;
      for (Index f = 0; f < grid.out_bins; ++f)
        for (Index j = 0; j < 3; ++j) {
          const Index bin = 2 * f + j - 1;
          if (bin < 0 || bin >= grid.bins) continue;
          const Scalar* place = source + f * size + 3 * i + j;
          for (Index c = 0; c < grid.in; ++c) to[bin * grid.in + c] += place[9 * c];
        }
    }
  }
};

}  // namespace

FrameConvolution::FrameConvolution(ParameterLayout& layout, const std::string& name, Index bins, Index in, Index out,
                                   Activation activation)
    : bins_(bins), in_(in), out_(out), activation_(activation) {
  const Index fan_in = 9 * in, fan_out = 9 * out;
  const auto start = Initialiser::uniform(1.0 / std::sqrt(static_cast<double>(fan_in)));
  weight_ = layout.add({name + "/weight", ParameterKind::conv_weight, {out, in, 3, 3}, fan_in, fan_out, start});
  bias_ = layout.add({name + "/bias", ParameterKind::bias, {out}, fan_in, fan_out, start});
}

const FrameConvolution::Products& FrameConvolution::products(Index rows) const {
  return products_.find(rows, [&] {
    const Index outputs = rows * out_bins(), inner = 9 * in_;
    Products p;
    p.forward = Product({.rows = outputs,
                         .columns = out_,
                         .inner = inner,
                         .transpose_b = true,
                         .bias = true,
                         .relu = activation_ == Activation::relu});
    p.weight_gradient = Product({.rows = out_, .columns = inner, .inner = outputs, .transpose_a = true});
    p.patch_gradient = Product({.rows = outputs, .columns = inner, .inner = out_});
    return p;
  });
}

Value FrameConvolution::operator()(Tape& tape, Value x, const Frames& from, const Frames& to) const {
  const Index rows = to.rows(), outputs = rows * out_bins();
  tape.operation("convolution", weight_, [&] {
    const Index ins = tape[x].size(), outs = outputs * out_, weights = 9 * in_ * out_;
    const OperationCost pass =
        elementwise_cost(outs, 18 * static_cast<double>(in_), 0) + elementwise_cost(ins + outs + weights, 0, 1);
    return OperationCosts{pass, (tape.differentiable(x) ? 2.0 : 1.0) * pass};
  });
  const Value z = tape.output({rows, out_bins() * out_});
  Value y = z;
  if (!derivative_from_output(activation_)) y = tape.output(tape[z].shape);
  const Tensor patches = tape.keep({outputs, 9 * in_});
  for_each_task("velo::nn::frame_patches", rows, patches.size(),
                Gather{{from.table(), to.table(), bins_, out_bins(), in_}, tape[x].data, patches.data});
  products(rows).forward(patches.data, tape.parameter(weight_), tape[z].data, tape.parameter(bias_));
  if (activation_ != Activation::relu) apply(activation_, tape[z].data, tape[y].data, outputs * out_);
  tape.record([this, &tape, x, z, y, patches = patches.data, from = &from, to = &to] {
    backward(tape, x, z, y, patches, *from, *to);
  });
  return y;
}

void FrameConvolution::backward(Tape& tape, Value x, Value before, Value y, const Scalar* patches, const Frames& from,
                                const Frames& to) const {
  const Tensor dy = tape.gradient(y);
  if (!dy) return;
  const Index rows = to.rows(), outputs = rows * out_bins();
  apply_backward_and_sum(activation_, tape[before].data, dy.data, tape.parameter_gradient(bias_), outputs, out_);
  const Products& p = products(rows);
  p.weight_gradient(dy.data, patches, tape.parameter_gradient(weight_));
  if (!tape.differentiable(x)) return;
  const Tensor gradient = tape.scratch({outputs, 9 * in_});
  p.patch_gradient(dy.data, tape.parameter(weight_), gradient.data);
  for_each_task(
      "velo::nn::frame_patches_backward", from.rows(), gradient.size(),
      Scatter{{from.table(), to.table(), bins_, out_bins(), in_}, gradient.data, tape.gradient_target(x).data});
}

}  // namespace velo::nn
