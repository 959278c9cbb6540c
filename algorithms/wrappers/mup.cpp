// algorithms/wrappers/mup.cpp
//
// The maximal-update parametrisation (muP) around a rule of Adam's type, whose updates have a size of their own,
// whatever the gradient's: what a step changes in every layer's activations does not depend on the width, so a
// learning rate tuned at one width holds at another. With r = base_width / fan_in:
//   layer                                              initial weights     update
//   input: embeddings, or else the first matrix        as they are         as it is
//   output: the last matrix                            times sqrt(r)       times r
//   hidden: every matrix between                       as they are         times r
//   biases, normalisations' scales                     as they are         as it is
// A matrix is any block of weights with inputs: of a linear layer, a convolution, an attention, in the order of the
// layout. The workloads draw weights with a variance of 1 / fan_in, which is what hidden and input layers want and
// times r what the output wants (1 / fan_in^2). A model of one matrix and no embedding has no width and stays as it is.
// An update times r:  x <- x_old + r (x_new - x_old)  around the inner step, weight decay included.
// Papers: Yang & Littwin, "Tensor Programs IVb", ICLR 2024, arXiv:2308.01814; Yang et al., "Tensor Programs V",
// NeurIPS 2021, arXiv:2203.03466, table 3 (Adam).
// Differs: width is what fan_in says, not the comparison of two models, so constants that do not depend on it (kernel
// sizes) act on rates as well; eps is not scaled: keep it small beside the gradients.
// For inner rules that keep no copy of the parameters in their state: averages and slow weights (schedule_free,
// lookahead, swa) belong around this wrapper, not inside. Open division: it changes initialisation and parametrisation.
// State: none of its own; one scratch vector. Traffic per step: 3 reads, 2 writes per parameter of scaled layers.

#include <cmath>
#include <utility>

#include "algorithms/transforms/weight_decay.hpp"
#include "harness/algorithm.hpp"
#include "harness/device/elementwise.hpp"
#include "harness/device/memory.hpp"
#include "harness/registry.hpp"

namespace velo {

namespace {

void rescale_pass(Index first, Index size, Scalar factor, const Scalar* old, Scalar* params) {
  for_each(
      "velo::update::mup", size, KOKKOS_LAMBDA(const Index k) {
        const Index i = first + k;
        params[i] = old[i] + factor * (params[i] - old[i]);
      });
}

bool is_matrix(ParameterKind kind) { return kind != ParameterKind::embedding && !is_norm_or_bias(kind); }

class Mup : public Wrapper {
 public:
  Mup(std::unique_ptr<TrainingAlgorithm> inner, const Parameters& parameters)
      : Wrapper(std::move(inner)), base_width_(parameters.integer("base_width")) {}

  void declare(StateArena& state) override {
    scaled_.clear();
    bool embeds = false;
    for (const ParameterBlock& block : state.layout().blocks()) {
      embeds = embeds || block.kind == ParameterKind::embedding;
      if (is_matrix(block.kind))
        scaled_.push_back(
            {block.offset, block.size(), static_cast<double>(base_width_) / static_cast<double>(block.fan_in)});
    }
    const bool has_input = !embeds && !scaled_.empty();
    if (has_input) scaled_.erase(scaled_.begin());
    old_ = zeros("mup::old", state.layout().size());
    Wrapper::declare(state);
  }

  void init(Oracle& oracle, Vector params) override {
    if (!scaled_.empty()) {
      const Layer& output = scaled_.back();
      const std::pair<Index, Index> range(output.first, output.first + output.size);
      scale(Kokkos::subview(params, range), std::sqrt(output.factor));
    }
    Wrapper::init(oracle, params);
  }

  void step(Oracle& oracle, Vector params) override {
    copy(params, old_);
    Wrapper::step(oracle, params);
    for (const Layer& layer : scaled_)
      if (layer.factor != 1.0)
        rescale_pass(layer.first, layer.size, static_cast<Scalar>(layer.factor), old_.data(), params.data());
  }

 private:
  struct Layer {
    Index first;
    Index size;
    double factor;
  };

  Index base_width_;
  std::vector<Layer> scaled_;  ///< hidden layers, the output last
  Vector old_;
};

}  // namespace

AlgorithmInfo mup_info() {
  AlgorithmInfo info;
  info.name = "mup";
  info.summary =
      "muP: initial weights and updates scaled so that learning rates hold at every width, around Adam's kind";
  info.paper = "Yang & Littwin, ICLR 2024, arXiv:2308.01814; Yang et al., NeurIPS 2021, arXiv:2203.03466";
  info.division = Division::open;
  info.parameters = {
      inner_algorithm("inner", "the algorithm of Adam's type that trains"),
      integer("base_width", 128, Range::at_least(1), "inputs of a layer at which nothing changes"),
  };
  info.make = [](const Parameters& parameters, const Registry& registry) {
    return std::make_unique<Mup>(registry.make(parameters.algorithm("inner")), parameters);
  };
  return info;
}

}  // namespace velo
