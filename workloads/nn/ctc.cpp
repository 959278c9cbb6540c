// Work per sequence: about 8 T U exponentials and 4 T U logarithms; memory of a recorded pass: T (2 U + 1) doubles. One
// task per sequence.
#include "workloads/nn/ctc.hpp"

#include <limits>

#include "workloads/nn/costs.hpp"
#include "workloads/nn/launch.hpp"
#include "workloads/nn/math.hpp"

namespace velo::nn {

namespace {

/// The logarithm of nothing: finite, so that differences of two stay numbers.
constexpr double never = -1e30;

/// Below -40 nothing that changes a double beside 1; and libraries are slow where exponentials underflow.
KOKKOS_INLINE_FUNCTION double share(double difference) { return difference < -40 ? 0.0 : ::exp(difference); }

KOKKOS_INLINE_FUNCTION double log_sum(double a, double b, double c) {
  const double largest = a > b ? (a > c ? a : c) : (b > c ? b : c);
  if (largest <= never) return never;
  return largest + ::log(share(a - largest) + share(b - largest) + share(c - largest));
}

/// Logarithm of the softmax's denominator and, where wanted, the softmax times `scale` as the start of the gradient.
struct SoftmaxRows {
  const Scalar* logits;
  const std::int32_t* sequence;
  double* denominators;
  Scalar* gradient;  ///< null: not wanted
  Index classes;
  Scalar scale;

  KOKKOS_INLINE_FUNCTION void operator()(Index row) const {
    const Scalar* z = logits + row * classes;
    Scalar* g = gradient == nullptr ? nullptr : gradient + row * classes;
    if (sequence[row] < 0) {
      denominators[row] = 0;
      if (g != nullptr)
        for (Index k = 0; k < classes; ++k) g[k] = 0;
      return;
    }
    Scalar largest = z[0];
    for (Index k = 1; k < classes; ++k) largest = z[k] > largest ? z[k] : largest;
    double sum = 0;
    for (Index k = 0; k < classes; ++k) sum += static_cast<double>(math::exp(z[k] - largest));
    denominators[row] = static_cast<double>(largest) + ::log(sum);
    if (g == nullptr) return;
    const Scalar by_sum = scale / static_cast<Scalar>(sum);
    for (Index k = 0; k < classes; ++k) g[k] = math::exp(z[k] - largest) * by_sum;
  }
};

/// One sequence: its loss and its part of the gradient.
struct Sequence {
  FrameTable frames;
  LabelTable table;
  const Scalar* logits;
  const double* denominators;
  double* losses;
  double* paths;     ///< [sequences, steps or 2, states]: alpha
  double* behind;    ///< [sequences, 2, states]: beta of two times
  Scalar* gradient;  ///< null: not wanted
  Index classes, states;
  Index kept_steps;  ///< times of alpha that are kept: all, or two
  Scalar scale;
  double impossible = std::numeric_limits<double>::infinity();

  KOKKOS_INLINE_FUNCTION std::uint8_t label(Index b, Index s) const {
    return s % 2 == 0 ? std::uint8_t{0} : table.labels[table.first[b] + s / 2];
  }
  /// Whether a path may come from state s - 2 to s.
  KOKKOS_INLINE_FUNCTION bool jumps(Index b, Index s) const {
    return s % 2 == 1 && s > 1 && label(b, s) != label(b, s - 2);
  }
  KOKKOS_INLINE_FUNCTION double log_probability(Index row, Index k) const {
    return static_cast<double>(logits[row * classes + k]) - denominators[row];
  }
  KOKKOS_INLINE_FUNCTION double* alpha(Index b, Index t) const {
    return paths + (b * kept_steps + t % kept_steps) * states;
  }

  KOKKOS_INLINE_FUNCTION void operator()(Index b) const {
    const Index steps = frames.length[b], count = 2 * (table.first[b + 1] - table.first[b]) + 1;
    for (Index t = 0; t < steps; ++t) forward(b, t, count);
    const double* last = alpha(b, steps - 1);
    const double total = log_sum(last[count - 1], count > 1 ? last[count - 2] : never, never);
    const bool possible = total > never / 2;
    losses[b] = possible ? -total : impossible;
    if (gradient == nullptr) return;
    if (possible)
      subtract_occupancy(b, steps, count, total);
    else
      for (Index t = 0; t < steps; ++t)
        for (Index k = 0; k < classes; ++k) gradient[(frames.first[t] + b) * classes + k] = 0;
  }

  KOKKOS_INLINE_FUNCTION void forward(Index b, Index t, Index count) const {
    const Index row = frames.first[t] + b;
    double* now = alpha(b, t);
    const double* past = t > 0 ? alpha(b, t - 1) : nullptr;
    for (Index s = 0; s < count; ++s) {
      double before = s < 2 ? 0 : never;
      if (past != nullptr) before = log_sum(past[s], s > 0 ? past[s - 1] : never, jumps(b, s) ? past[s - 2] : never);
      now[s] = before <= never / 2 ? never : before + log_probability(row, label(b, s));
    }
  }

  KOKKOS_INLINE_FUNCTION void subtract_occupancy(Index b, Index steps, Index count, double total) const {
    for (Index t = steps - 1; t >= 0; --t) {
      double* now = behind + (2 * b + t % 2) * states;
      const double* later = behind + (2 * b + (t + 1) % 2) * states;  // frame t + 1 included
      const Index row = frames.first[t] + b;
      Scalar* g = gradient + row * classes;
      const double* reached = alpha(b, t);
      for (Index s = 0; s < count; ++s) {
        double rest = s + 2 < count ? never : 0;
        if (t < steps - 1)
          rest = log_sum(later[s], s + 1 < count ? later[s + 1] : never,
                         s + 2 < count && jumps(b, s + 2) ? later[s + 2] : never);
        const Index k = label(b, s);
        g[k] -= scale * static_cast<Scalar>(share(reached[s] + rest - total));
        now[s] = rest <= never / 2 ? never : rest + log_probability(row, k);
      }
    }
  }
};

struct Best {
  const Scalar* logits;
  std::uint8_t* labels;
  Index classes;

  KOKKOS_INLINE_FUNCTION void operator()(Index row) const {
    const Scalar* z = logits + row * classes;
    Index best = 0;
    for (Index k = 1; k < classes; ++k)
      if (z[k] > z[best]) best = k;
    labels[row] = static_cast<std::uint8_t>(best);
  }
};

double* keep_doubles(Tape& tape, Index count) {
  return reinterpret_cast<double*>(tape.keep_bytes(count * static_cast<Index>(sizeof(double))));
}

}  // namespace

double ctc_loss(Tape& tape, Value logits, const Frames& frames, const LabelTable& labels, double divisor,
                Reduction& reduction) {
  const Tensor z = tape[logits];
  const Index rows = z.shape[0], classes = z.shape[1], sequences = frames.sequences();
  const bool recording = tape.recording();
  const auto scale = static_cast<Scalar>(1 / divisor);
  tape.operation("ctc", {}, [&] {
    // Per frame and state, each way: a sum of up to three exponentials, and its logarithm.
    const Index reached = rows * (2 * labels.longest + 1);
    return OperationCosts{elementwise_cost(z.size(), 6, 2) + elementwise_cost(reached, recording ? 22 : 10, 0), {}};
  });
  Scalar* gradient = recording ? tape.gradient_target(logits).data : nullptr;
  const Index states = 2 * labels.longest + 1, kept_steps = recording ? frames.steps() : 2;
  double* denominators = keep_doubles(tape, rows);
  double* losses = keep_doubles(tape, sequences);
  double* alpha = keep_doubles(tape, sequences * kept_steps * states);
  double* beta = keep_doubles(tape, recording ? sequences * 2 * states : 1);
  for_each_task("velo::nn::ctc_softmax", rows, 4 * z.size(),
                SoftmaxRows{z.data, frames.table().sequence, denominators, gradient, classes, scale});
  for_each_task("velo::nn::ctc", sequences, 16 * sequences * frames.steps() * states,
                Sequence{frames.table(), labels, z.data, denominators, losses, alpha, beta, gradient, classes, states,
                         kept_steps, scale});
  const double sum = reduction.sum(
      "velo::nn::ctc_sum", sequences, KOKKOS_LAMBDA(const Index b) { return losses[b]; });
  return sum / divisor;
}

const std::uint8_t* best_labels(Tape& tape, Value logits) {
  const Tensor z = tape[logits];
  std::uint8_t* labels = tape.keep_bytes(z.shape[0]);
  for_each_task("velo::nn::best_labels", z.shape[0], z.size(), Best{z.data, labels, z.shape[1]});
  return labels;
}

}  // namespace velo::nn
