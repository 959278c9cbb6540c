// algorithms/second_order/adafisher.cpp
//
// AdaFisher, and AdaFisherW: momentum divided by a diagonal Kronecker approximation of the Fisher matrix. There is no
// root: a coordinate's step is its mean gradient over its curvature.
//   every statistics_interval steps, from what the layers saw in this step's gradient (g of the mean loss), per layer
//     h_i = mean over rows of a_i^2, behind it 1 where the layer has a bias;   s_o = mean over rows of g_o^2
//     h <- (h - min h) / (max h - min h), s likewise: in [0, 1], whatever their scale
//     H <- gamma H + (1 - gamma) h,   S <- gamma S + (1 - gamma) s               H, S start at 1
//   F_oi = S_o H_i + damping;  of a bias S_o H_last + damping;  of blocks without a layer 1 + damping
//   g <- g + wd x                                                               (decay: coupled, AdaFisher)
//   m <- b m + (1 - b) g        x <- (1 - lr wd) x - (lr / (1 - b^t)) m / F     (decay: decoupled, AdaFisherW)
// Paper: Gomes et al., "AdaFisher: Adaptive Second Order Optimization via Fisher Information", ICLR 2025,
// arXiv:2405.16397, Algorithm 1.
// The average is the paper's, with weights gamma and 1 - gamma. The authors' code multiplies H with 0.1 gamma and the
// new one with 0.01 gamma (0.08 and 0.008 by its defaults): its H and S shrink to a hundredth of the statistics, F to
// little but the damping, and the rule to momentum with the rate lr / damping.
// Differs: min-max scaling of a vector whose elements agree gives 0 without an added 1e-12; the statistics are means over
// rows, of which the scaling leaves nothing. Of a normalisation, scale and bias share F_c = S_c + damping, with s_c the
// mean of squares as everywhere; the code scales the two numbers h = (of all scales, of all biases) to 0 and 1, whatever
// the data. Of a layer that is used several times the first record shown counts. Statistics that are not finite
// leave the ones before in use.
// State: 1 value per parameter, and columns + 1 + rows per layer. Traffic per step: 3 reads, 2 writes per parameter.

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "algorithms/transforms/bias_correction.hpp"
#include "algorithms/transforms/column_sums.hpp"
#include "algorithms/transforms/layer_table.hpp"
#include "algorithms/transforms/weight_decay.hpp"
#include "harness/algorithm.hpp"
#include "harness/device/memory.hpp"
#include "harness/device/reduce.hpp"

namespace velo {

namespace {

double largest(Reduction& reduction, Index size, const double* values) {
  return reduction.max_abs(
      "velo::update::adafisher_largest", size, KOKKOS_LAMBDA(const Index i) { return values[i]; });
}

/// The smallest of non-negative numbers, by what it lacks of the largest.
double smallest(Reduction& reduction, Index size, double most, const double* values) {
  return most -
         reduction.max_abs(
             "velo::update::adafisher_smallest", size, KOKKOS_LAMBDA(const Index i) { return most - values[i]; });
}

/// average <- gamma average + (1 - gamma) (value - low) / range, 0 for an empty range; behind the sums stands 1.
void average_pass(Index size, Index sums, double by_rows, double gamma, double low, double range, const double* values,
                  Scalar* average) {
  const double by_range = range > 0.0 ? 1.0 / range : 0.0;
  for_each(
      "velo::update::adafisher_average", size, KOKKOS_LAMBDA(const Index i) {
        const double value = i < sums ? values[i] * by_rows : 1.0;
        const double fresh = (value - low) * by_range;
        average[i] = static_cast<Scalar>(gamma * static_cast<double>(average[i]) + (1.0 - gamma) * fresh);
      });
}

/// H of a column and S of a row; a step of 0 stands for one value in all rows.
struct Curvature {
  const Scalar *h, *s;
  Index columns;
  Index s_step;
  Scalar damping;

  [[nodiscard]] KOKKOS_INLINE_FUNCTION Scalar operator()(Index i) const {
    return h[i % columns] * s[(i / columns) * s_step] + damping;
  }
};

struct AdaFisherFactors {
  Scalar beta, rest;
  Scalar step_size;  ///< lr / (1 - beta^t)
};

void adafisher_pass(Index size, Curvature curvature, DecayFactors decay, AdaFisherFactors f, const Scalar* gradient,
                    Scalar* mean, Scalar* params) {
  for_each(
      "velo::update::adafisher", size, KOKKOS_LAMBDA(const Index i) {
        const Scalar x = params[i];
        const Scalar m = f.beta * mean[i] + f.rest * (gradient[i] + decay.in_gradient * x);
        mean[i] = m;
        params[i] = decay.keep * x - f.step_size * m / curvature(i);
      });
}

class AdaFisher : public TrainingAlgorithm, private LayerVisitor {
 public:
  explicit AdaFisher(const Parameters& parameters)
      : lr_(parameters.real("lr")),
        beta_(parameters.real("beta")),
        gamma_(parameters.real("gamma")),
        damping_(parameters.real("damping")),
        interval_(parameters.integer("statistics_interval")),
        decay_(parameters) {}

  void declare(StateArena& state) override {
    const ParameterLayout& layout = state.layout();
    table_.prepare(state, std::numeric_limits<Index>::max(), true);
    places_.clear();
    Index inputs = 0, outputs = 0;
    for (const LayerTable::Layer& layer : table_.layers()) {
      places_.push_back({inputs, outputs, false});
      if (!layer.normalisation) inputs += layer.largest_side();
      outputs += layer.rows;
    }
    state.vector("m", mean_);
    state.buffer("H", inputs, inputs_);
    state.buffer("S", outputs, outputs_);
    correction_.declare(state, "beta_product");
    decay_.prepare(layout);
    gradient_ = zeros("adafisher::gradient", layout.size());
    one_ = zeros("adafisher::one", 1);
    fill(one_, 1.0);
  }

  void init(Oracle& /*oracle*/, Vector /*params*/) override {
    fill(inputs_, 1.0);
    fill(outputs_, 1.0);
  }

  void step(Oracle& oracle, Vector params) override {
    const Progress& progress = oracle.progress();
    last_lr_ = lr_.at(progress);
    share_kept_ = gamma_.at(progress);
    const bool due = (progress.step - 1) % interval_ == 0;
    for (Place& place : places_) place.gathered = false;
    oracle.gradient(gradient_, {.layers = due ? this : nullptr});

    const double beta = beta_.at(progress);
    const AdaFisherFactors f = {.beta = static_cast<Scalar>(beta),
                                .rest = static_cast<Scalar>(1.0 - beta),
                                .step_size = static_cast<Scalar>(last_lr_ / correction_.advance(beta))};
    const std::vector<Curvature>& curvatures = curvature_of_blocks(oracle.layout(), damping_.at(progress));
    decay_.for_each_run(progress, last_lr_, [&](Index first, Index last, const DecayFactors& decay) {
      for (std::size_t b = 0; b < curvatures.size(); ++b) {
        const ParameterBlock& block = oracle.layout()[static_cast<Index>(b)];
        if (block.offset < first || block.offset >= last) continue;
        adafisher_pass(block.size(), curvatures[b], decay, f, gradient_.data() + block.offset,
                       mean_.data() + block.offset, params.data() + block.offset);
      }
    });
  }

  void observe(Observer& observer) const override { observer.scalar("lr", last_lr_); }

 private:
  struct Place {
    Index inputs, outputs;  ///< first of the layer in H and in S
    bool gathered;          ///< in this step: of a layer that is used several times the first record counts
  };

  void visit(const LayerRecord& record) override {
    const int number = table_.see(record);
    if (number < 0 || places_[static_cast<std::size_t>(number)].gathered) return;
    const LayerTable::Layer& layer = table_.layers()[static_cast<std::size_t>(number)];
    Place& place = places_[static_cast<std::size_t>(number)];
    place.gathered = true;
    if (!layer.normalisation) average(record.inputs, layer.side(), inputs_.data() + place.inputs);
    average(record.output_gradients, layer.rows, outputs_.data() + place.outputs);
  }

  /// Takes the means of squares of the columns in; `size` may be one more than there are columns.
  void average(const Tensor& x, Index size, Scalar* target) {
    const Index columns = x.shape[1];
    const double by_rows = 1.0 / static_cast<double>(x.shape[0]);
    const double* sums = sums_(x, ColumnSums::Of::squares);
    double high = largest(reduction_, columns, sums);
    if (!std::isfinite(high)) return;
    double low = smallest(reduction_, columns, high, sums) * by_rows;
    high *= by_rows;
    if (size > columns) {
      low = std::min(low, 1.0);
      high = std::max(high, 1.0);
    }
    average_pass(size, columns, by_rows, share_kept_, low, high - low, sums, target);
  }

  const std::vector<Curvature>& curvature_of_blocks(const ParameterLayout& layout, double damping) {
    const Curvature plain = {one_.data(), one_.data(), 1, 0, static_cast<Scalar>(damping)};
    curvatures_.assign(layout.blocks().size(), plain);
    for (std::size_t l = 0; l < places_.size(); ++l) {
      const LayerTable::Layer& layer = table_.layers()[l];
      if (!layer.seen()) continue;
      Curvature c = plain;
      c.s = outputs_.data() + places_[l].outputs;
      c.s_step = 1;
      if (!layer.normalisation) {
        c.columns = layer.columns;
        c.h = inputs_.data() + places_[l].inputs;
      }
      curvatures_[static_cast<std::size_t>(layer.block)] = c;
      if (!layer.has_bias()) continue;
      if (!layer.normalisation) c.h += layer.columns;
      c.columns = 1;
      curvatures_[static_cast<std::size_t>(layer.bias)] = c;
    }
    return curvatures_;
  }

  Schedule lr_;
  Schedule beta_;
  Schedule gamma_;
  Schedule damping_;
  std::int64_t interval_;
  WeightDecay decay_;

  LayerTable table_;
  std::vector<Place> places_;  ///< per layer of the table
  Vector mean_;
  Vector inputs_;   ///< H of every layer
  Vector outputs_;  ///< S of every layer
  BiasCorrection correction_;

  // Work memory.
  Vector gradient_;
  Vector one_;
  std::vector<Curvature> curvatures_;
  ColumnSums sums_;
  Reduction reduction_;
  double share_kept_ = 0.0;
  double last_lr_ = 0.0;
};

}  // namespace

AlgorithmInfo adafisher_info() {
  AlgorithmInfo info;
  info.name = "adafisher";
  info.summary = "momentum over a diagonal Kronecker approximation of the Fisher matrix, without a root";
  info.paper = "Gomes et al., ICLR 2025, arXiv:2405.16397";
  info.needs = {Capability::layer_statistics};
  info.parameters = {
      real("lr", 1e-3, Range::non_negative(), "learning rate"),
      real("beta", 0.9, Range::decay(), "decay of the gradient mean"),
      real("gamma", 0.8, Range::decay(), "decay of the curvature, from statistics to statistics"),
      real("damping", 1e-3, Range::positive(), "added to the curvature"),
      integer("statistics_interval", 100, Range::at_least(1), "steps from statistics to statistics", "steps"),
  };
  WeightDecay::declare(info.parameters, 0.0);
  WeightDecay::declare_form(info.parameters, DecayForm::decoupled);
  info.make = [](const Parameters& parameters, const Registry&) { return std::make_unique<AdaFisher>(parameters); };
  return info;
}

}  // namespace velo
