// All frames are multiplied with W in one product, then time runs: one product with U and one pass over the gates per
// step. Back, time runs the other way: a pass that turns gates into their gradient, and a product with U'. The gradients
// of W, U and x are one product each over all frames. Kept per frame and direction: 6 h numbers.
#include "workloads/nn/lstm.hpp"

#include <algorithm>
#include <cmath>

#include "workloads/nn/activation.hpp"
#include "workloads/nn/costs.hpp"
#include "workloads/nn/launch.hpp"
#include "workloads/nn/math.hpp"

namespace velo::nn {

namespace {

KOKKOS_FORCEINLINE_FUNCTION Scalar logistic(Scalar x) { return 1 / (1 + math::exp(-x)); }

/// One time step, one task per row. Pointers are to the first row of the time; rows from `started` on have no time before.
struct CellForward {
  const std::int32_t* sequence;
  Index hidden, width;
  Index started;
  Index following;       ///< rows that the next time has
  const Scalar* before;  ///< cells of the time before
  Scalar* gates;
  Scalar* cells;
  Scalar* y;
  Scalar* next;  ///< states that the next time starts from

  KOKKOS_INLINE_FUNCTION void operator()(Index row) const {
    Scalar* KOKKOS_RESTRICT a = gates + row * 4 * hidden;
    Scalar* KOKKOS_RESTRICT c = cells + row * hidden;
    Scalar* KOKKOS_RESTRICT h = y + row * width;
    if (sequence[row] < 0) {
      for (Index j = 0; j < 4 * hidden; ++j) a[j] = 0;
      for (Index j = 0; j < hidden; ++j) c[j] = h[j] = 0;
    } else if (row < started) {
      advance<true>(a, c, h, before + row * hidden);
    } else {
      advance<false>(a, c, h, nullptr);
    }
    if (row < following)
      for (Index j = 0; j < hidden; ++j) next[row * hidden + j] = h[j];
  }

  /// A template, because a choice inside the loop would keep it from vectorising.
  template <bool has_past>
  KOKKOS_FORCEINLINE_FUNCTION void advance(Scalar* KOKKOS_RESTRICT a, Scalar* KOKKOS_RESTRICT c,
                                           Scalar* KOKKOS_RESTRICT h, const Scalar* old) const {
    const Index n = hidden;
    elementwise::run(
        [=](Index j) {
          const Scalar i = logistic(a[j]), f = logistic(a[n + j]);
          const Scalar g = math::tanh(a[2 * n + j]), o = logistic(a[3 * n + j]);
          Scalar cell = i * g;
          if constexpr (has_past) cell = f * old[j] + cell;
          a[j] = i;
          a[n + j] = f;
          a[2 * n + j] = g;
          a[3 * n + j] = o;
          c[j] = cell;
          h[j] = o * math::tanh(cell);
        },
        0, n);
  }
};

/// The same step on the way back. `dh` and `dc` hold what came from the time after, and `dc` what goes to the one before.
struct CellBackward {
  const std::int32_t* sequence;
  Index hidden, width;
  Index started;
  const Scalar* before;
  Scalar* gates;
  const Scalar* cells;
  const Scalar* dy;
  const Scalar* dh;
  Scalar* dc;

  KOKKOS_INLINE_FUNCTION void operator()(Index row) const {
    if (sequence[row] < 0) return;  // gates are zero
    Scalar* KOKKOS_RESTRICT a = gates + row * 4 * hidden;
    const Scalar* c = cells + row * hidden;
    const Scalar* from_y = dy + row * width;
    const Scalar* from_state = dh + row * hidden;
    Scalar* KOKKOS_RESTRICT carried = dc + row * hidden;
    if (row < started)
      retreat<true>(a, c, from_y, from_state, carried, before + row * hidden);
    else
      retreat<false>(a, c, from_y, from_state, carried, nullptr);
  }

  template <bool has_past>
  KOKKOS_FORCEINLINE_FUNCTION void retreat(Scalar* KOKKOS_RESTRICT a, const Scalar* c, const Scalar* from_y,
                                           const Scalar* from_state, Scalar* KOKKOS_RESTRICT carried,
                                           const Scalar* old) const {
    const Index n = hidden;
    elementwise::run(
        [=](Index j) {
          const Scalar i = a[j], f = a[n + j], g = a[2 * n + j], o = a[3 * n + j];
          const Scalar squashed = math::tanh(c[j]);
          const Scalar to_h = from_y[j] + from_state[j];
          const Scalar to_c = carried[j] + to_h * o * (1 - squashed * squashed);
          a[j] = to_c * g * i * (1 - i);
          a[n + j] = 0;
          if constexpr (has_past) a[n + j] = to_c * old[j] * f * (1 - f);
          a[2 * n + j] = to_c * i * (1 - g * g);
          a[3 * n + j] = to_h * squashed * o * (1 - o);
          carried[j] = to_c * f;
        },
        0, n);
  }
};

}  // namespace

Lstm::Lstm(ParameterLayout& layout, const std::string& name, Index in, Index hidden, bool bidirectional)
    : in_(in), hidden_(hidden), width_(bidirectional ? 2 * hidden : hidden) {
  const auto start = Initialiser::uniform(1.0 / std::sqrt(static_cast<double>(hidden)));
  for (const bool reverse : {false, true}) {
    if (reverse && !bidirectional) break;
    const std::string path = reverse ? name + "/reverse" : name;
    Direction d{0, 0, 0, reverse ? hidden : 0, reverse};
    d.weight_input = layout.add({path + "/weight_input", ParameterKind::weight, {4 * hidden, in}, in, hidden, start});
    d.weight_state =
        layout.add({path + "/weight_state", ParameterKind::weight, {4 * hidden, hidden}, hidden, hidden, start});
    d.bias = layout.add({path + "/bias", ParameterKind::bias, {4 * hidden}, in + hidden, hidden, start});
    directions_.push_back(d);
  }
}

const Lstm::Products& Lstm::products(Index rows) const {
  return products_.find(rows, [&] {
    const Index gates = 4 * hidden_;
    Products p;
    p.input = Product({.rows = rows, .columns = gates, .inner = in_, .transpose_b = true, .bias = true});
    p.input_gradient = Product({.rows = rows, .columns = in_, .inner = gates});
    p.more_input_gradient = Product({.rows = rows, .columns = in_, .inner = gates, .accumulate = true});
    p.input_weight_gradient = Product({.rows = gates, .columns = in_, .inner = rows, .transpose_a = true});
    p.state_weight_gradient = Product({.rows = gates, .columns = hidden_, .inner = rows, .transpose_a = true});
    return p;
  });
}

const Lstm::StepProducts& Lstm::step_products(Index rows) const {
  return step_products_.find(rows, [&] {
    const Index gates = 4 * hidden_;
    StepProducts p;
    p.state = Product({.rows = rows, .columns = gates, .inner = hidden_, .transpose_b = true, .accumulate = true});
    p.state_gradient = Product({.rows = rows, .columns = hidden_, .inner = gates});
    return p;
  });
}

Value Lstm::operator()(Tape& tape, Value x, const Frames& frames) const {
  tape.operation("lstm", directions_[0].weight_input, [&] {
    const Index rows = frames.rows(), gates = 4 * hidden_;
    const OperationCosts input = linear_costs(rows, in_, gates, tape.differentiable(x));
    const OperationCosts state = linear_costs(rows, hidden_, gates, true);
    const auto directions = static_cast<double>(directions_.size());
    return OperationCosts{directions * (input.forward + state.forward + elementwise_cost(rows * hidden_, 9, 6)),
                          directions * (input.backward + state.backward + elementwise_cost(rows * hidden_, 25, 8))};
  });
  const Value y = tape.output({frames.rows(), width_});
  const Index used = frames.first(frames.steps());
  clear(tape[y].data + used * width_, (frames.rows() - used) * width_);
  Kept kept[2] = {};
  for (std::size_t d = 0; d < directions_.size(); ++d) kept[d] = run(tape, directions_[d], x, y, frames);
  tape.record([this, &tape, x, y, frames = &frames, first = kept[0], second = kept[1]] {
    if (!tape.gradient(y)) return;
    backward(tape, directions_[0], first, x, y, *frames);
    if (directions_.size() > 1) backward(tape, directions_[1], second, x, y, *frames);
  });
  return y;
}

Lstm::Kept Lstm::run(Tape& tape, const Direction& direction, Value x, Value y, const Frames& frames) const {
  const Index rows = frames.rows(), steps = frames.steps();
  const Kept kept{tape.keep({rows, 4 * hidden_}).data, tape.keep({rows, hidden_}).data,
                  tape.keep({rows, hidden_}).data};
  products(rows).input(tape[x].data, tape.parameter(direction.weight_input), kept.gates,
                       tape.parameter(direction.bias));
  clear(kept.states, rows * hidden_);
  for (Index s = 0; s < steps; ++s) {
    const Index t = direction.reverse ? steps - 1 - s : s;
    const Index before = direction.before(t), after = direction.after(t);
    const Index first = frames.first(t), active = frames.active(t);
    const Index started = std::min(active, frames.active(before));
    if (started > 0)
      step_products(started).state(kept.states + first * hidden_, tape.parameter(direction.weight_state),
                                   kept.gates + first * 4 * hidden_);
    const Index following = std::min(active, frames.active(after));
    for_each_task("velo::nn::lstm_cell", active, 4 * active * hidden_,
                  CellForward{frames.table().sequence + first, hidden_, width_, started, following,
                              started > 0 ? kept.cells + frames.first(before) * hidden_ : nullptr,
                              kept.gates + first * 4 * hidden_, kept.cells + first * hidden_,
                              tape[y].data + first * width_ + direction.column,
                              following > 0 ? kept.states + frames.first(after) * hidden_ : nullptr});
  }
  return kept;
}

void Lstm::backward(Tape& tape, const Direction& direction, const Kept& kept, Value x, Value y,
                    const Frames& frames) const {
  const Index rows = frames.rows(), steps = frames.steps(), widest = frames.active(0);
  Scalar* dh = tape.scratch({widest, hidden_}).data;
  Scalar* dc = tape.scratch({widest, hidden_}).data;
  clear(dh, widest * hidden_);
  clear(dc, widest * hidden_);
  for (Index s = 0; s < steps; ++s) {
    const Index t = direction.reverse ? s : steps - 1 - s;
    const Index before = direction.before(t);
    const Index first = frames.first(t), active = frames.active(t);
    const Index started = std::min(active, frames.active(before));
    for_each_task("velo::nn::lstm_cell_backward", active, 4 * active * hidden_,
                  CellBackward{frames.table().sequence + first, hidden_, width_, started,
                               started > 0 ? kept.cells + frames.first(before) * hidden_ : nullptr,
                               kept.gates + first * 4 * hidden_, kept.cells + first * hidden_,
                               tape.gradient(y).data + first * width_ + direction.column, dh, dc});
    if (started > 0)
      step_products(started).state_gradient(kept.gates + first * 4 * hidden_, tape.parameter(direction.weight_state),
                                            dh);
  }
  const Index used = frames.first(steps);
  clear(kept.gates + used * 4 * hidden_, (rows - used) * 4 * hidden_);

  const Products& p = products(rows);
  apply_backward_and_sum(Activation::none, nullptr, kept.gates, tape.parameter_gradient(direction.bias), rows,
                         4 * hidden_);
  p.input_weight_gradient(kept.gates, tape[x].data, tape.parameter_gradient(direction.weight_input));
  p.state_weight_gradient(kept.gates, kept.states, tape.parameter_gradient(direction.weight_state));
  if (!tape.differentiable(x)) return;
  // A second gradient_target() would be added in a pass of its own.
  const bool second = direction.column > 0;
  (second ? p.more_input_gradient : p.input_gradient)(kept.gates, tape.parameter(direction.weight_input),
                                                      second ? tape.gradient(x).data : tape.gradient_target(x).data);
}

}  // namespace velo::nn
