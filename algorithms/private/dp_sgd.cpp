// algorithms/private/dp_sgd.cpp
//
// DP-SGD: every example's gradient is clipped, and noise hides what any one of them adds.
//   each training example enters the step's batch with probability q = batch size / examples  (Poisson sampling)
//   g = [ sum over the batch of g_e min(1, C / |g_e|)  +  N(0, sigma^2 C^2 I) ] / batch size
//   m <- mu m + g          x <- x - lr m
// with C = clip_norm, sigma = noise_multiplier, and the norm over all parameters together. The divisor is the expected
// batch size: the real one would tell whether an example is in.
// Papers: Abadi et al., "Deep learning with differential privacy", CCS 2016, arXiv:1607.00133, Algorithm 1. The choice of
// C: Das, Kale, Xu, Zhang, Sanghavi, "Beyond uniform Lipschitz condition in differentially private optimization", ICML
// 2023, arXiv:2206.10713: as high as the smallest of the examples' own bounds, and no higher.
// Observes: epsilon at delta (algorithms/private/privacy_accountant.hpp) of all steps so far, unless sigma is 0; clipped,
// the share of the batch's examples that were longer than C; batch.
// Differs: noise comes from the trial's stream, so that runs can be repeated: it measures what privacy costs, and hides
// nothing from one who knows the seed. Batches are of the rule's own sampling, not of the data order that rules share.
// State: 1 value per parameter and a count. Scratch: `slice` gradients, so that memory does not grow with the batch.
// Traffic per step: 3 reads, 1 write per parameter and example beside its gradient; 5 reads, 3 writes per parameter.

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <vector>

#include "algorithms/private/privacy_accountant.hpp"
#include "harness/algorithm.hpp"
#include "harness/device/elementwise.hpp"
#include "harness/device/memory.hpp"
#include "harness/device/reduce.hpp"
#include "results/error.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

// What the step's stream is forked for.
constexpr std::uint64_t for_sampling = 0, for_noise = 1;

/// Every example of [0, count) with probability `rate`, in order. The distance to the next one is geometric:
/// floor(log(u) / log(1 - rate)), u uniform in (0, 1]; our own logarithm, so that it is the same everywhere.
void sample_examples(const RandomStream& stream, double rate, Index count, std::vector<Index>& out) {
  out.clear();
  const auto fraction = static_cast<std::uint64_t>(std::llround((1.0 - rate) * 0x1p53));
  if (fraction == 0) {
    for (Index e = 0; e < count; ++e) out.push_back(e);
    return;
  }
  const double log_rest = device_math::log_fraction(fraction);
  if (log_rest == 0.0) return;
  Index next = 0;
  for (std::uint64_t draw = 0;; ++draw) {
    const double gap = std::floor(device_math::log_fraction((stream.bits(draw) >> 11) + 1) / log_rest);
    if (!(gap < static_cast<double>(count - next))) return;
    next += static_cast<Index>(gap);
    out.push_back(next++);
  }
}

/// sum += factors[e] rows[e] over all rows, in order.
void add_rows_pass(Index size, Index rows, const double* factors, const Scalar* gradients, Scalar* sum) {
  for_each(
      "velo::update::dp_sgd_add", size, KOKKOS_LAMBDA(const Index i) {
        double total = sum[i];
        for (Index e = 0; e < rows; ++e) total += factors[e] * static_cast<double>(gradients[e * size + i]);
        sum[i] = static_cast<Scalar>(total);
      });
}

struct DpSgdFactors {
  Scalar per_example;  ///< 1 / expected batch size
  Scalar momentum;
  Scalar lr;
};

void dp_sgd_pass(Index size, DpSgdFactors f, const Scalar* sum, const Scalar* noise, Scalar* velocity, Scalar* params) {
  for_each(
      "velo::update::dp_sgd", size, KOKKOS_LAMBDA(const Index i) {
        const Scalar m = f.momentum * velocity[i] + f.per_example * (sum[i] + noise[i]);
        velocity[i] = m;
        params[i] -= f.lr * m;
      });
}

class DpSgd : public TrainingAlgorithm {
 public:
  explicit DpSgd(const Parameters& parameters)
      : lr_(parameters.real("lr")),
        momentum_(parameters.real("momentum")),
        clip_norm_(parameters.real("clip_norm")),
        noise_multiplier_(constant(parameters, "noise_multiplier")),
        delta_(constant(parameters, "delta")),
        slice_(parameters.integer("slice")) {}

  void declare(StateArena& state) override {
    state.vector("velocity", velocity_);
    state.counter("releases", releases_);
    const Index size = state.layout().size();
    sum_ = zeros("dp_sgd::sum", size);
    noise_ = zeros("dp_sgd::noise", size);
    rows_ = zeros("dp_sgd::rows", slice_ * size);
    factors_ = Kokkos::View<double*, MemorySpace>("dp_sgd::factors", static_cast<std::size_t>(slice_));
    host_factors_ = Kokkos::View<double*, Kokkos::HostSpace>("dp_sgd::factors", static_cast<std::size_t>(slice_));
    ParameterLayout layout;
    for (Index e = 0; e < slice_; ++e) layout.add({.name = std::to_string(e), .shape = {size}});
    norms_ = std::make_unique<BlockReduction>(layout);
  }

  void step(Oracle& oracle, Vector params) override {
    const Progress& progress = oracle.progress();
    const auto size = static_cast<Index>(params.extent(0));
    const auto expected = static_cast<double>(oracle.batch_size());
    const double rate = std::min(expected / static_cast<double>(oracle.examples()), 1.0);
    if (!accountant_ && noise_multiplier_ > 0.0) accountant_.emplace(rate, noise_multiplier_);
    const double clip_norm = clip_norm_.at(progress);

    sample_examples(oracle.random().fork(for_sampling), rate, oracle.examples(), examples_);
    fill(sum_, 0.0);
    clipped_ = 0;
    if (!examples_.empty()) {
      const Batch batch = oracle.choose(examples_);
      for (Index first = 0; first < batch.size(); first += slice_)
        add(oracle, slice(batch, first, std::min(slice_, batch.size() - first)), clip_norm);
    }
    fill_normal(oracle.random().fork(for_noise), 0.0, noise_multiplier_ * clip_norm, noise_);
    last_lr_ = lr_.at(progress);
    dp_sgd_pass(size,
                {static_cast<Scalar>(1.0 / expected), static_cast<Scalar>(momentum_.at(progress)),
                 static_cast<Scalar>(last_lr_)},
                sum_.data(), noise_.data(), velocity_.data(), params.data());
    ++releases_;
  }

  void observe(Observer& observer) const override {
    observer.scalar("lr", last_lr_);
    if (accountant_) observer.scalar("epsilon", accountant_->epsilon(releases_, delta_));
    observer.scalar("batch", static_cast<double>(examples_.size()));
    const auto examples = static_cast<double>(std::max<std::size_t>(examples_.size(), 1));
    observer.scalar("clipped", static_cast<double>(clipped_) / examples);
  }

 private:
  /// The account holds for one number, not for one that changes.
  static double constant(const Parameters& parameters, const char* name) {
    const Schedule& schedule = parameters.real(name);
    if (!schedule.is_constant()) throw Error(cat("dp_sgd: ", name, " must be a number, not a schedule"));
    return schedule.base;
  }

  /// The clipped gradients of a slice.
  void add(Oracle& oracle, const Batch& part, double clip_norm) {
    const auto size = static_cast<Index>(sum_.extent(0));
    static_cast<void>(oracle.example_gradients(Kokkos::subview(rows_, std::pair<Index, Index>(0, part.size() * size)),
                                               {.batch = &part}));
    const std::vector<double>& squares = norms_->squared_norm(rows_);
    for (Index e = 0; e < part.size(); ++e) {
      const double norm = std::sqrt(squares[static_cast<std::size_t>(e)]);
      host_factors_(static_cast<std::size_t>(e)) = norm > clip_norm ? clip_norm / norm : 1.0;
      if (norm > clip_norm) ++clipped_;
    }
    Kokkos::deep_copy(factors_, host_factors_);
    add_rows_pass(size, part.size(), factors_.data(), rows_.data(), sum_.data());
  }

  Schedule lr_;
  Schedule momentum_;
  Schedule clip_norm_;
  double noise_multiplier_;
  double delta_;
  Index slice_;
  std::optional<PrivacyAccountant> accountant_;

  Vector velocity_;
  std::int64_t releases_ = 0;

  std::vector<Index> examples_;
  Vector sum_;
  Vector noise_;
  Vector rows_;  ///< [slice, parameters]; rows behind a short slice are old
  Kokkos::View<double*, MemorySpace> factors_;
  Kokkos::View<double*, Kokkos::HostSpace> host_factors_;
  std::unique_ptr<BlockReduction> norms_;
  Index clipped_ = 0;
  double last_lr_ = 0.0;
};

}  // namespace

AlgorithmInfo dp_sgd_info() {
  AlgorithmInfo info;
  info.name = "dp_sgd";
  info.summary = "differentially private SGD: clips every example's gradient, adds noise, counts epsilon";
  info.paper = "Abadi et al., CCS 2016, arXiv:1607.00133";
  info.needs = {Capability::per_example_gradients};
  info.parameters = {
      real("lr", 0.1, Range::non_negative(), "learning rate"),
      real("momentum", 0.0, Range::decay(), "share of the last velocity in the next"),
      real("clip_norm", 1.0, Range::positive(), "largest norm of an example's gradient"),
      real("noise_multiplier", 1.0, Range::non_negative(), "deviation of the noise over clip_norm; 0: no privacy"),
      real("delta", 1e-5, {0.0, 1.0, false, false}, "probability at which epsilon may fail; below 1 / examples"),
      integer("slice", 16, Range::at_least(1), "gradients of single examples held at once", "examples"),
  };
  info.make = [](const Parameters& parameters, const Registry&) { return std::make_unique<DpSgd>(parameters); };
  return info;
}

}  // namespace velo
