#include "workloads/nn/loss.hpp"

#include "results/error.hpp"
#include "workloads/nn/costs.hpp"
#include "workloads/nn/launch.hpp"
#include "workloads/nn/math.hpp"
#include "workloads/nn/row_sums.hpp"

namespace velo::nn {

namespace {

/// Which fork of a pass' stream draws labels; layers count theirs from 0 (ModelPlan::next_stream).
constexpr std::uint64_t label_stream = std::uint64_t{1} << 32;

/// One row: its loss and, where wanted, d loss / d logits times `scale`.
struct SoftmaxRow {
  const Scalar* logits;
  const std::uint8_t* labels;
  Scalar* losses;
  Scalar* gradient;  ///< null: not wanted; may be the logits
  Index classes;
  Scalar smoothing, scale;
  RandomStream stream;
  bool sampled;

  /// The first class at which the summed weights exceed a uniform share of their total.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION Index draw(Index row, const Scalar* z, Scalar largest) const {
    double total = 0;
    for (Index j = 0; j < classes; ++j) total += static_cast<double>(math::exp(z[j] - largest));
    const double threshold = stream.uniform53(static_cast<std::uint64_t>(row)) * total;
    double sum = 0;
    for (Index j = 0; j + 1 < classes; ++j) {
      sum += static_cast<double>(math::exp(z[j] - largest));
      if (threshold < sum) return j;
    }
    return classes - 1;
  }

  KOKKOS_INLINE_FUNCTION void operator()(Index row) const {
    const Scalar* z = logits + row * classes;
    const Scalar largest = row_max(classes, [z](Index j) { return z[j]; });
    const Index label = sampled ? draw(row, z, largest) : labels[row];
    const Scalar chosen = z[label];
    const Scalar total = smoothing > 0 ? row_sum(classes, [z](Index j) { return z[j]; }) : Scalar(0);
    const Scalar off = smoothing / static_cast<Scalar>(classes);
    const Scalar on = 1 - smoothing;
    Scalar sum;
    if (gradient == nullptr) {
      sum = row_sum(classes, [z, largest](Index j) { return math::exp(z[j] - largest); });
    } else {
      Scalar* g = gradient + row * classes;
      sum = row_sum(classes, [z, g, largest](Index j) { return g[j] = math::exp(z[j] - largest); });
      const Scalar by_sum = 1 / sum;
      for (Index j = 0; j < classes; ++j) g[j] = (g[j] * by_sum - off) * scale;
      g[label] -= on * scale;
    }
    losses[row] = static_cast<Scalar>(::log(static_cast<double>(sum))) + largest - on * chosen - off * total;
  }
};

/// One row of the sigmoid: log(1 + e^z) = max(z, 0) + log(1 + e^-|z|), which does not overflow.
struct SigmoidRow {
  const Scalar* logits;
  const std::uint8_t* labels;
  Scalar* losses;
  Scalar* gradient;  ///< null: not wanted
  Scalar smoothing, scale;
  RandomStream stream;
  bool sampled;

  KOKKOS_INLINE_FUNCTION void operator()(Index row) const {
    const Scalar z = logits[row];
    const Scalar e = math::exp(z < 0 ? z : -z);
    const Scalar probability = (z < 0 ? e : Scalar(1)) / (1 + e);
    const bool label = sampled ? stream.uniform53(static_cast<std::uint64_t>(row)) < static_cast<double>(probability)
                               : labels[row] != 0;
    const Scalar target = (1 - smoothing) * (label ? Scalar(1) : Scalar(0)) + smoothing / 2;
    losses[row] = (z > 0 ? z : Scalar(0)) - target * z + static_cast<Scalar>(::log1p(static_cast<double>(e)));
    if (gradient != nullptr) gradient[row] = (probability - target) * scale;
  }
};

struct CountCorrect {
  const Scalar* logits;
  const std::uint8_t* labels;
  Index classes;

  KOKKOS_INLINE_FUNCTION double operator()(Index row) const {
    const Scalar* z = logits + row * classes;
    Index best = 0;
    for (Index j = 1; j < classes; ++j)
      if (z[j] > z[best]) best = j;
    return best == labels[row] ? 1.0 : 0.0;
  }
};

double sum_of(const Tensor& losses, Reduction& reduction) {
  const Scalar* values = losses.data;
  return reduction.sum(
      "velo::nn::sum_losses", losses.size(), KOKKOS_LAMBDA(const Index i) { return static_cast<double>(values[i]); });
}

}  // namespace

double softmax_cross_entropy(Tape& tape, Value logits, const std::uint8_t* labels, double smoothing,
                             Reduction& reduction) {
  const Tensor z = tape[logits];
  const Index rows = z.shape[0], classes = z.shape[1];
  const bool sampled = tape.pass().sampled_labels;
  tape.operation("softmax cross-entropy", {}, [&] { return OperationCosts{elementwise_cost(z.size(), 6, 2), {}}; });
  const Tensor losses = tape.keep({rows});
  Scalar* gradient = tape.recording() ? tape.gradient_target(logits).data : nullptr;
  for_each_task(
      "velo::nn::softmax_cross_entropy", rows, z.size() * 4,
      SoftmaxRow{z.data, labels, losses.data, gradient, classes, static_cast<Scalar>(sampled ? 0.0 : smoothing),
                 1 / static_cast<Scalar>(rows), tape.pass().random.fork(label_stream), sampled});
  return sum_of(losses, reduction) / static_cast<double>(rows);
}

double sigmoid_cross_entropy(Tape& tape, Value logits, const std::uint8_t* labels, double smoothing,
                             Reduction& reduction) {
  const Tensor z = tape[logits];
  const Index rows = z.size();
  const bool sampled = tape.pass().sampled_labels;
  tape.operation("sigmoid cross-entropy", {}, [&] { return OperationCosts{elementwise_cost(rows, 10, 2), {}}; });
  const Tensor losses = tape.keep({rows});
  Scalar* gradient = tape.recording() ? tape.gradient_target(logits).data : nullptr;
  for_each_task("velo::nn::sigmoid_cross_entropy", rows, rows * 16,
                SigmoidRow{z.data, labels, losses.data, gradient, static_cast<Scalar>(sampled ? 0.0 : smoothing),
                           1 / static_cast<Scalar>(rows), tape.pass().random.fork(label_stream), sampled});
  return sum_of(losses, reduction) / static_cast<double>(rows);
}

double mean_squared_error(Tape& tape, Value output, const Scalar* target, Reduction& reduction) {
  if (tape.pass().sampled_labels)
    throw Error("labels are sampled from a softmax or a sigmoid: the mean squared error draws none");
  const Tensor y = tape[output];
  const Scalar* values = y.data;
  const Scalar scale = 2 / static_cast<Scalar>(y.size());
  tape.operation("mean squared error", {}, [&] { return OperationCosts{elementwise_cost(y.size(), 5, 3), {}}; });
  if (tape.recording()) {
    Scalar* gradient = tape.gradient_target(output).data;
    for_each(
        "velo::nn::mean_squared_error", y.size(),
        KOKKOS_LAMBDA(const Index i) { gradient[i] = scale * (values[i] - target[i]); });
  }
  const double sum = reduction.sum(
      "velo::nn::sum_squares", y.size(), KOKKOS_LAMBDA(const Index i) {
        const double d = static_cast<double>(values[i]) - static_cast<double>(target[i]);
        return d * d;
      });
  return sum / static_cast<double>(y.size());
}

ClassificationSums classification_sums(Tape& tape, Value logits, const std::uint8_t* labels, Reduction& reduction) {
  const Tensor z = tape[logits];
  const Index rows = z.shape[0], classes = z.shape[1];
  const Tensor losses = tape.keep({rows});
  for_each_task("velo::nn::cross_entropy", rows, z.size() * 4,
                SoftmaxRow{z.data, labels, losses.data, nullptr, classes, 0, 1, {}, false});
  ClassificationSums sums;
  sums.cross_entropy = sum_of(losses, reduction);
  sums.correct = reduction.sum("velo::nn::count_correct", rows, CountCorrect{z.data, labels, classes});
  return sums;
}

}  // namespace velo::nn
