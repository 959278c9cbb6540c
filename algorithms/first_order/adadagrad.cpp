// algorithms/first_order/adadagrad.cpp
//
// AdAdaGrad: AdaGrad whose batch grows when the noise of its gradient exceeds a share eta of the gradient (norm test).
//   g   = gradient of a batch of b examples, in micro-batches g_1 ... g_k of w_1 ... w_k examples
//   var = sum_j w_j |g_j - g|^2 / (k - 1)              estimates the trace of the covariance of one example's gradient
//   b  <- max(b, min(var / (eta^2 |g|^2), max_batch_size))            the next step's batch; it never shrinks
//   g  <- g + wd x
//   s  <- s + g^2
//   x  <- x - lr g / (sqrt(s) + eps)
// Paper: Lau, Liu, Kolar, "AdAdaGrad: adaptive batch size schemes for adaptive gradient methods", arXiv:2402.11215.
// Differs: the paper takes the variance over single examples, k = b; micro_batch = 1 does that here. Larger micro-batches
// estimate the same number, without bias, from fewer gradients. Batches are rounded up to whole micro-batches, so that the
// model sees one batch size however much the batch grows.
// The first batch is the workload's. The first micro-batch alone updates the model state (batch-norm statistics).
// State: 1 value per parameter; scratch for 2 more. Traffic per step: 5 k + 4 reads, k + 2 writes per parameter.

#include <algorithm>
#include <cmath>

#include "algorithms/transforms/adagrad_pass.hpp"
#include "algorithms/transforms/weight_decay.hpp"
#include "harness/algorithm.hpp"
#include "harness/device/memory.hpp"
#include "harness/device/reduce.hpp"
#include "results/error.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

double squared_distance(Reduction& reduction, Index size, const Scalar* a, const Scalar* b) {
  return reduction.sum(
      "velo::update::adadagrad_distance", size, KOKKOS_LAMBDA(const Index i) {
        const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
        return difference * difference;
      });
}

void mean_pass(Index size, Scalar share, const Scalar* gradient, Scalar* mean) {
  for_each(
      "velo::update::adadagrad_mean", size,
      KOKKOS_LAMBDA(const Index i) { mean[i] = mean[i] + share * (gradient[i] - mean[i]); });
}

class AdAdaGrad : public TrainingAlgorithm {
 public:
  explicit AdAdaGrad(const Parameters& parameters)
      : lr_(parameters.real("lr")),
        eta_(parameters.real("eta")),
        eps_(parameters.real("eps")),
        micro_batch_(parameters.integer("micro_batch")),
        max_batch_size_(parameters.integer("max_batch_size")),
        decay_(parameters, DecayForm::coupled) {}

  void declare(StateArena& state) override {
    state.vector("sum", sum_);
    state.counter("batch_size", batch_size_);
    decay_.prepare(state.layout());
  }

  void step(Oracle& oracle, Vector params) override {
    const Progress& progress = oracle.progress();
    const Batch batch = oracle.draw(batch_size_);
    const double variance = gather(oracle, batch);
    batch_size_ = next_batch_size(batch.size(), variance, eta_.at(progress), reduction_.squared_norm(mean_));

    last_lr_ = lr_.at(progress);
    last_batch_size_ = batch.size();
    const auto eps = static_cast<Scalar>(eps_.at(progress));
    decay_.for_each_run(progress, last_lr_, [&](Index first, Index last, DecayFactors decay) {
      adagrad_pass(first, last, decay, static_cast<Scalar>(last_lr_), eps, mean_.data(), sum_.data(), params.data());
    });
  }

  void observe(Observer& observer) const override {
    observer.scalar("lr", last_lr_);
    observer.scalar("batch_size", static_cast<double>(last_batch_size_));
  }

 private:
  /// Writes the batch's gradient to mean_ and returns the variance of one example's gradient.
  double gather(Oracle& oracle, const Batch& batch) {
    const Index examples = batch.size(), size = oracle.layout().size();
    if (examples <= micro_batch_)
      throw Error(cat("adadagrad: a batch of ", examples, " examples is no more than one micro-batch of ", micro_batch_,
                      "; lower micro_batch or raise the batch size"));
    if (static_cast<Index>(mean_.extent(0)) != size) {
      gradient_ = zeros("gradient", size);
      mean_ = zeros("mean", size);
    }
    double scatter = 0.0;
    Index parts = 0;
    for (Index first = 0; first < examples; first += micro_batch_, ++parts) {
      const Batch part = slice(batch, first, std::min(micro_batch_, examples - first));
      if (first == 0) {
        oracle.gradient(mean_, {.batch = &part});
        continue;
      }
      oracle.gradient(gradient_, {.batch = &part});
      // Running sums (West, CACM 22, 1979): nothing is stored per micro-batch and nothing cancels.
      const auto weight = static_cast<double>(part.size());
      const double share = weight / static_cast<double>(first + part.size());
      scatter += weight * (1.0 - share) * squared_distance(reduction_, size, gradient_.data(), mean_.data());
      mean_pass(size, static_cast<Scalar>(share), gradient_.data(), mean_.data());
    }
    return scatter / static_cast<double>(parts - 1);
  }

  [[nodiscard]] Index next_batch_size(Index now, double variance, double eta, double squared_norm) const {
    const double allowed = eta * eta * squared_norm;
    if (!(variance > static_cast<double>(now) * allowed) || now >= max_batch_size_) return now;
    // Compared as doubles first: without a gradient the wish is infinite.
    const double wanted =
        std::ceil(variance / allowed / static_cast<double>(micro_batch_)) * static_cast<double>(micro_batch_);
    return wanted < static_cast<double>(max_batch_size_) ? static_cast<Index>(wanted) : max_batch_size_;
  }

  Schedule lr_;
  Schedule eta_;
  Schedule eps_;
  Index micro_batch_;
  Index max_batch_size_;
  WeightDecay decay_;
  Vector sum_;
  std::int64_t batch_size_ = 0;  ///< of the next step; 0: the workload's
  Vector gradient_;
  Vector mean_;
  Reduction reduction_;
  Index last_batch_size_ = 0;
  double last_lr_ = 0.0;
};

}  // namespace

AlgorithmInfo adadagrad_info() {
  AlgorithmInfo info;
  info.name = "adadagrad";
  info.summary = "AdaGrad with a batch that grows by the norm test";
  info.paper = "Lau, Liu, Kolar, arXiv:2402.11215";
  info.needs = {Capability::micro_batches};
  info.parameters = {
      real("lr", 1e-2, Range::non_negative(), "learning rate"),
      real("eta", 0.1, Range::positive(), "noise that the gradient may have, relative to its norm"),
      real("eps", 1e-10, Range::positive(), "added to the root"),
      integer("micro_batch", 16, Range::at_least(1), "examples whose gradient is taken at once", "examples"),
      integer("max_batch_size", 4096, Range::at_least(1), "the batch grows no further", "examples"),
  };
  WeightDecay::declare(info.parameters, 0.0);
  info.make = [](const Parameters& parameters, const Registry&) { return std::make_unique<AdAdaGrad>(parameters); };
  return info;
}

}  // namespace velo
