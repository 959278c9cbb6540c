// algorithms/sparse/nm_masks.cpp
//
// N:M sparsity: of every M consecutive inputs of a unit, the N weights of largest magnitude count. The inner algorithm
// trains dense weights W; the model sees
//   E = W (P + D (1 - P)),   P the mask of the N largest |W| of each group, found anew at every question
// and the gradient at E goes to W as it is (straight-through).
//   method                   from step t0 on                                 before
//   sr_ste                   D = 0; the gradient gains sr_ste (1 - P) W      dense, E = W
//   mask_decay_linear        D = max(0, 1 - beta (t - t0))                   dense
//   mask_decay_exponential   D = exp(-beta (t - t0))                         dense
//   structure_decay          D = 0; M-1:M, then M/2:M, M/4:M ... N:M, in frames of equal length       dense
//   structure_decay_geometric   D = 0; 8N:8M, 4N:4M, 2N:2M, N:M, in frames of equal length            dense
// t0 = dense * T + 1; the last fine_tune * T steps have D = 0 and N:M for every method, T the step hint.
// Papers: Bambhaniya, Yazdanbakhsh, Subramanian, Kao, Agrawal, Evci, Krishna, "Progressive gradient flow for robust N:M
// sparsity training in transformers", arXiv:2402.04744 (mask and structure decay); Zhou et al., ICLR 2021,
// arXiv:2102.04010 (SR-STE).
// Evaluated are always the N largest of M, of the inner algorithm's evaluation parameters: what would be shipped, not
// E; a target met is met by a sparse model. With batch norm they have the statistics of E, which differ until the last
// mask, D = 0 and N:M, is reached.
// Masked are weights of matrices, kernels (along their input channels) and attention; a block whose number of inputs
// is no multiple of M, and every other block, stays dense. Where kM does not divide it, the largest k that fits counts.
// Differs: the authors' groups may run across rows where M does not divide them. Ties go to the earlier weight.
// State: none of its own; two scratch vectors. Traffic per question: 1 read, 1 write per parameter (a group is read
// from cache), 1 read and 1 write more for sr_ste.
// Observes: mask_decay, D (1 while dense); kept, the N in force; group_factor, the k.

#include <cmath>
#include <utility>

#include "algorithms/transforms/weight_decay.hpp"
#include "harness/algorithm.hpp"
#include "harness/device/elementwise.hpp"
#include "harness/device/memory.hpp"
#include "harness/registry.hpp"
#include "results/error.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

/// Where the groups of a block lie: weight e belongs to input (e / stride) mod inputs.
struct Groups {
  Index first, size;
  Index inputs, stride;
};

/// Whether weight e of a block, w, is among the n largest of its m.
KOKKOS_INLINE_FUNCTION bool is_kept(const Scalar* w, Groups g, Index n, Index m, Index e) {
  const Index place = e / g.stride % g.inputs % m;
  const Scalar* group = w + (e - place * g.stride);
  const Scalar own = std::fabs(w[e]);
  Index above = 0;
  for (Index j = 0; j < m; ++j) {
    const Scalar other = std::fabs(group[j * g.stride]);
    if (other > own || (other == own && j < place)) ++above;
  }
  return above < n;
}

void mask_pass(Groups g, Index n, Index m, Scalar decay, const Scalar* weights, Scalar* effective) {
  const Scalar* w = weights + g.first;
  Scalar* out = effective + g.first;
  for_each(
      "velo::update::nm_masks", g.size,
      KOKKOS_LAMBDA(const Index e) { out[e] = is_kept(w, g, n, m, e) ? w[e] : decay * w[e]; });
}

void regularise_pass(Groups g, Index n, Index m, Scalar lambda, const Scalar* weights, Scalar* gradient) {
  const Scalar* w = weights + g.first;
  Scalar* out = gradient + g.first;
  for_each(
      "velo::update::nm_masks_sr_ste", g.size,
      KOKKOS_LAMBDA(const Index e) { out[e] = is_kept(w, g, n, m, e) ? out[e] : out[e] + lambda * w[e]; });
}

bool has_groups(const ParameterBlock& block, Index m) {
  const bool is_matrix = block.kind != ParameterKind::embedding && !is_norm_or_bias(block.kind);
  return is_matrix && block.shape.rank >= 2 && block.shape[1] % m == 0;
}

class NmMasks : public Wrapper {
 public:
  NmMasks(std::unique_ptr<TrainingAlgorithm> inner, const Parameters& parameters)
      : Wrapper(std::move(inner)),
        n_(parameters.integer("n")),
        m_(parameters.integer("m")),
        method_(parameters.choice("method")),
        dense_(parameters.real("dense")),
        fine_tune_(parameters.real("fine_tune")),
        beta_(parameters.real("beta")),
        sr_ste_(parameters.real("sr_ste")) {
    if (n_ > m_) throw Error(cat("nm_masks: of ", m_, " weights ", n_, " cannot be kept; n must not be above m"));
    if (method_ == "structure_decay")
      for (Index n = m_ - 1; n > n_; n = n == m_ - 1 ? m_ / 2 : n / 2) frames_.push_back({.n = n, .times = 1});
    if (method_ == "structure_decay_geometric")
      for (Index times = 8; times > 1; times /= 2) frames_.push_back({.n = n_, .times = times});
    frames_.push_back({.n = n_, .times = 1});
  }

  void declare(StateArena& state) override {
    groups_.clear();
    for (const ParameterBlock& block : state.layout().blocks())
      if (has_groups(block, m_))
        groups_.push_back(
            {block.offset, block.size(), block.shape[1], block.size() / (block.shape[0] * block.shape[1])});
    effective_ = zeros("nm_masks::effective", state.layout().size());
    Wrapper::declare(state);
  }

  void init(Oracle& oracle, Vector params) override {
    Masked masked(oracle, *this, params, mask_at(oracle.progress()));
    Wrapper::init(masked, params);
  }
  void step(Oracle& oracle, Vector params) override {
    last_ = mask_at(oracle.progress());
    Masked masked(oracle, *this, params, last_);
    Wrapper::step(masked, params);
  }
  void prepare_for_eval(Oracle& oracle, ConstVector params) override {
    const Mask shipped{.pattern = {.n = n_}, .decay = 0.0, .regularisation = 0.0};
    Masked masked(oracle, *this, params, shipped);
    Wrapper::prepare_for_eval(masked, params);
    if (evaluated_.extent(0) != params.extent(0))
      evaluated_ = zeros("nm_masks::evaluated", static_cast<Index>(params.extent(0)));
    apply(shipped, Wrapper::evaluation_params(params), evaluated_);
  }
  [[nodiscard]] ConstVector evaluation_params(ConstVector params) const override {
    return evaluated_.extent(0) > 0 ? ConstVector(evaluated_) : Wrapper::evaluation_params(params);
  }

  void observe(Observer& observer) const override {
    observer.scalar("mask_decay", last_.decay);
    observer.scalar("kept", static_cast<double>(last_.pattern.n));
    observer.scalar("group_factor", static_cast<double>(last_.pattern.times));
    Wrapper::observe(observer);
  }

 private:
  /// The times * n largest of times * m weights.
  struct Pattern {
    Index n = 0;
    Index times = 1;
  };
  /// The pattern's weights as they are, the others times `decay`.
  struct Mask {
    Pattern pattern;
    double decay = 1.0;
    double regularisation = 0.0;
    [[nodiscard]] bool is_dense() const { return decay == 1.0; }
  };

  class Masked : public OracleDecorator {
   public:
    Masked(Oracle& base, NmMasks& owner, ConstVector params, Mask mask)
        : OracleDecorator(base), owner_(&owner), params_(std::move(params)), mask_(mask) {}
    double loss(const Query& query) override { return base_->loss(at_effective(query)); }
    double gradient(Vector out, const Query& query) override {
      const double loss = base_->gradient(out, at_effective(query));
      owner_->regularise(mask_, point(query), out);
      return loss;
    }
    double example_gradients(Vector out, const Query& query) override {
      const double loss = base_->example_gradients(out, at_effective(query));
      const auto size = static_cast<Index>(owner_->effective_.extent(0));
      for (Index e = 0; e < static_cast<Index>(out.extent(0)) / size; ++e)
        owner_->regularise(mask_, point(query), Kokkos::subview(out, std::pair(e * size, (e + 1) * size)));
      return loss;
    }
    void hessian_vector_product(ConstVector direction, Vector out, const Query& query) override {
      base_->hessian_vector_product(direction, out, at_effective(query));
    }

   private:
    [[nodiscard]] ConstVector point(const Query& query) const { return query.at.extent(0) > 0 ? query.at : params_; }
    [[nodiscard]] Query at_effective(const Query& query) const {
      if (mask_.is_dense()) return query;
      Query masked = query;
      owner_->apply(mask_, point(query), owner_->effective_);
      masked.at = owner_->effective_;
      return masked;
    }

    NmMasks* owner_;
    ConstVector params_;
    Mask mask_;
  };

  [[nodiscard]] Mask mask_at(const Progress& progress) const {
    const auto total = static_cast<double>(progress.step_hint);
    const auto dense = static_cast<std::int64_t>(dense_.at(progress) * total);
    const std::int64_t tuning = progress.step_hint - static_cast<std::int64_t>(fine_tune_.at(progress) * total);
    const std::int64_t since = progress.step - dense - 1;
    Mask out{.pattern = {.n = n_}, .decay = 0.0, .regularisation = method_ == "sr_ste" ? sr_ste_.at(progress) : 0.0};
    if (since < 0) return {.pattern = {.n = m_}};
    if (progress.step > tuning) return out;
    const double decayed = beta_.at(progress) * static_cast<double>(since);
    if (method_ == "mask_decay_linear") out.decay = decayed < 1.0 ? 1.0 - decayed : 0.0;
    if (method_ == "mask_decay_exponential") out.decay = std::exp(-decayed);
    const auto frames = static_cast<std::int64_t>(frames_.size());
    out.pattern = frames_[static_cast<std::size_t>(since * frames / (tuning - dense))];
    return out;
  }

  void apply(const Mask& mask, const ConstVector& weights, const Vector& out) const {
    copy(weights, out);
    for (const Groups& g : groups_) {
      Index times = mask.pattern.times;
      while (g.inputs % (times * m_) != 0) times /= 2;
      mask_pass(g, times * mask.pattern.n, times * m_, static_cast<Scalar>(mask.decay), weights.data(), out.data());
    }
  }
  void regularise(const Mask& mask, const ConstVector& weights, const Vector& gradient) const {
    if (mask.regularisation == 0.0) return;
    for (const Groups& g : groups_)
      regularise_pass(g, mask.pattern.n, m_, static_cast<Scalar>(mask.regularisation), weights.data(), gradient.data());
  }

  Index n_;
  Index m_;
  std::string method_;
  Schedule dense_;
  Schedule fine_tune_;
  Schedule beta_;
  Schedule sr_ste_;
  std::vector<Pattern> frames_;  ///< between dense training and fine tuning, each as long as the others
  std::vector<Groups> groups_;
  Vector effective_;
  Vector evaluated_;
  Mask last_;
};

}  // namespace

AlgorithmInfo nm_masks_info() {
  AlgorithmInfo info;
  info.name = "nm_masks";
  info.summary = "N:M sparse weights, reached by decaying masks or patterns or by SR-STE, around any algorithm";
  info.paper = "Bambhaniya et al., arXiv:2402.04744; Zhou et al., ICLR 2021, arXiv:2102.04010";
  info.parameters = {
      inner_algorithm("inner", "the algorithm that trains the dense weights"),
      integer("n", 2, {1, 64}, "weights of a group that are kept"),
      integer("m", 4, {2, 64}, "weights of a group"),
      choice("method", "mask_decay_exponential",
             {"sr_ste", "mask_decay_linear", "mask_decay_exponential", "structure_decay", "structure_decay_geometric"},
             "how the others go"),
      real("dense", 0.1, Range::fraction(), "share of the steps before the first mask"),
      real("fine_tune", 0.1, Range::fraction(), "share of the steps at the end with the final mask"),
      real("beta", 1e-2, Range::non_negative(), "speed of mask_decay_linear and mask_decay_exponential", "1/steps"),
      real("sr_ste", 2e-4, Range::non_negative(), "pull of sr_ste on masked weights, towards 0"),
  };
  info.make = [](const Parameters& parameters, const Registry& registry) {
    return std::make_unique<NmMasks>(registry.make(parameters.algorithm("inner")), parameters);
  };
  return info;
}

}  // namespace velo
