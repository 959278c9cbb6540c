// algorithms/multi_loss/conflict_free.cpp
//
// ConFIG: of a loss that is a sum of terms, every gradient the inner algorithm asks for is replaced by the direction
// that agrees equally with the gradients of all terms, so that none of them rises
// (algorithms/transforms/conflict_free_direction.hpp has the formula).
// Paper: Liu, Chu, Thuerey, ICLR 2025, arXiv:2408.11104. There the inner algorithm is Adam.
// Every gradient costs one of each term. The first of them treats the model state as the inner algorithm asked; the
// others discard it. The loss handed on is the sum. A question about one term alone is handed on as it is; so are
// losses, single examples and Hessians. Of a loss of one term nothing changes.
// State: none of its own; m scratch vectors for m terms. Traffic per gradient: m (m + 5) / 2 reads, m + 1 writes per
// parameter, beside the gradients.

#include <utility>

#include "algorithms/transforms/conflict_free_direction.hpp"
#include "harness/algorithm.hpp"
#include "harness/device/memory.hpp"
#include "harness/registry.hpp"

namespace velo {

namespace {

class ConflictFree : public Wrapper {
 public:
  using Wrapper::Wrapper;

  void init(Oracle& oracle, Vector params) override {
    Agreeing agreeing(oracle, *this);
    Wrapper::init(agreeing, params);
  }
  void step(Oracle& oracle, Vector params) override {
    Agreeing agreeing(oracle, *this);
    Wrapper::step(agreeing, params);
  }
  void prepare_for_eval(Oracle& oracle, ConstVector params) override {
    Agreeing agreeing(oracle, *this);
    Wrapper::prepare_for_eval(agreeing, params);
  }

 private:
  class Agreeing : public OracleDecorator {
   public:
    Agreeing(Oracle& base, ConflictFree& owner) : OracleDecorator(base), owner_(&owner) {}
    double gradient(Vector out, const Query& query) override {
      if (query.loss_term || loss_terms() == 1) return base_->gradient(out, query);
      return owner_->agree(*base_, query, out);
    }

   private:
    ConflictFree* owner_;
  };

  /// Writes the direction to `out` and returns the loss.
  double agree(Oracle& oracle, const Query& query, const Vector& out) {
    const auto terms = static_cast<std::size_t>(oracle.loss_terms());
    while (gradients_.size() < terms) gradients_.push_back(zeros("conflict_free::gradient", oracle.layout().size()));
    scales_.assign(terms, 1.0);
    double loss = 0.0;
    Query part = query;
    for (std::size_t k = 0; k < terms; ++k) {
      part.loss_term = static_cast<Index>(k);
      loss += oracle.gradient(gradients_[k], part);
      part.model_state = ModelStateUse::discard;
    }
    combine(gradients_, direction_.coefficients(gradients_, scales_), out);
    return loss;
  }

  std::vector<Vector> gradients_;
  std::vector<double> scales_;
  ConflictFreeDirection direction_;
};

}  // namespace

AlgorithmInfo conflict_free_info() {
  AlgorithmInfo info;
  info.name = "conflict_free";
  info.summary = "ConFIG: the direction that agrees with every term of the loss, for another algorithm to descend by";
  info.paper = "Liu, Chu, Thuerey, ICLR 2025, arXiv:2408.11104";
  info.needs = {Capability::loss_terms};
  info.parameters = {inner_algorithm("inner", "the algorithm that gets the direction as its gradient")};
  info.make = [](const Parameters& parameters, const Registry& registry) {
    return std::make_unique<ConflictFree>(registry.make(parameters.algorithm("inner")));
  };
  return info;
}

}  // namespace velo
