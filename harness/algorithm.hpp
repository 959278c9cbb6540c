// harness/algorithm.hpp
//
// A training algorithm is the rider: it owns the step. The harness hands it an Oracle, through which it asks for
// batches, losses and gradients, and the parameters as one flat vector. It sees no workload and draws no random
// numbers except from the oracle's stream.
//
// Conventions, fixed for every algorithm:
//   gradient   mean over the batch (not the sum), laid out like the parameters
//   step       1 for the first update, so bias corrections read 1 - beta^step
//   schedules  multiply the base rate; decoupled weight decay is multiplied by the scheduled learning rate
//   decay      applies to every block (norms and biases included) unless the algorithm's parameters say otherwise
//   clock      init, step and prepare_for_eval are timed, every oracle call inside them too; evaluation is not
//   bits       for given gradients the update has the same bits on any number of threads: elementwise passes, and
//              reductions through harness/device/reduce.hpp only
//
// Most rules derive from GradientRule: one gradient per step, one fused pass over the flat vector.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/hyperparameters.hpp"
#include "harness/layout.hpp"
#include "harness/state_arena.hpp"
#include "harness/workload.hpp"

namespace velo {

/// What becomes of the model state that a forward pass in training mode produces.
enum class ModelStateUse {
  automatic,  ///< the first gradient of a step commits, later ones discard
  commit,     ///< replaces the current model state
  discard,
};

/// One question to the oracle. The default is the ordinary one: this step's batch at the current parameters.
struct Query {
  ConstVector at = {};           ///< empty: the current parameters
  const Batch* batch = nullptr;  ///< null: this step's batch
  ModelStateUse model_state = ModelStateUse::automatic;
  /// A model state of the algorithm's own, which is read and, unless the query discards, replaced in place of the
  /// trial's: what goes with averaged parameters. Empty: the trial's.
  Vector own_model_state = {};
  /// Share of this batch in new running statistics. Empty: the model's own.
  std::optional<double> statistics_rate = {};
  std::optional<double> dropout_rate = {};     ///< empty: the model's own
  std::optional<double> label_smoothing = {};  ///< empty: the loss's own
  std::optional<Index> loss_term = {};         ///< this term of the loss alone (Capability::loss_terms)
  /// Is shown what every layer saw (Capability::layer_statistics).
  LayerVisitor* layers = nullptr;
  /// Labels are drawn from the model's own predictions: the gradients whose second moment is the Fisher matrix
  /// (Capability::layer_statistics). Such a gradient is no estimate of the loss's.
  bool sampled_labels = false;
};

/// One past evaluation, as the algorithm may see it.
struct Evaluation {
  Index step = 0;               ///< updates made before it
  std::vector<Metric> metrics;  ///< validation metrics, the target metric first
};

/// The questions an algorithm may ask. Every call is on the clock and in the work account, where the unit is the
/// gradient of one example (Work::charged in results/record.hpp): scores by work are timed in it.
class Oracle {
 public:
  virtual ~Oracle() = default;

  [[nodiscard]] virtual const ParameterLayout& layout() const = 0;
  /// The model state of the trial [model_state_size]; empty where the model has none.
  [[nodiscard]] virtual ConstVector model_state() const = 0;
  [[nodiscard]] virtual const Progress& progress() const = 0;
  /// A stream of this trial's seed at this step, for the algorithm alone.
  [[nodiscard]] virtual RandomStream random() const = 0;
  /// Past evaluations, oldest first.
  [[nodiscard]] virtual std::span<const Evaluation> evaluations() const = 0;
  [[nodiscard]] virtual Capabilities capabilities() const = 0;
  /// Training examples, numbered from 0; and how many of them a default batch has.
  [[nodiscard]] virtual Index examples() const = 0;
  [[nodiscard]] virtual Index batch_size() const = 0;
  /// Terms of the loss: 1 without Capability::loss_terms.
  [[nodiscard]] virtual Index loss_terms() const = 0;

  /// This step's batch. Drawn on first use; always the same within a step.
  virtual const Batch& batch() = 0;
  /// Draws `size` more examples (0: the workload's batch size) behind this step's batch. Every example drawn counts.
  /// In prepare_for_eval examples come from an order of their own, so that evaluating never changes what training sees.
  virtual Batch draw(Index size) = 0;
  /// A batch of the algorithm's own choice, for rules that order or weigh examples themselves. Every example counts.
  virtual Batch choose(std::span<const Index> examples) = 0;

  /// Mean loss. Costs one third for each example.
  virtual double loss(const Query& query) = 0;
  /// Mean loss; writes its gradient to `out` [layout().size()]. Costs one example-gradient per example.
  virtual double gradient(Vector out, const Query& query) = 0;
  /// Mean loss; row e of `out` [batch size, layout().size()] = gradient of the loss of example e alone. Costs one
  /// example-gradient per example; memory is the caller's affair: slices of a batch bound it. Never commits model state.
  /// Only with Capability::per_example_gradients.
  virtual double example_gradients(Vector out, const Query& query) = 0;
  /// out = Hessian * direction. Costs two for each example. Only with Capability::hessian_vector_products.
  virtual void hessian_vector_product(ConstVector direction, Vector out, const Query& query) = 0;
};

/// Receives the scalars worth logging. Names are stable: "lr", "grad_norm", "inner/lr".
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void scalar(std::string_view name, double value) = 0;
};

class TrainingAlgorithm {
 public:
  virtual ~TrainingAlgorithm() = default;

  /// Names the state. Called once, before init; buffers are allocated and zeroed between the two.
  virtual void declare(StateArena& state) = 0;

  /// Fills state that does not start at zero. `params` are the initial parameters, which only a rule that constrains
  /// them (masks) or one of the open division (parametrisations) changes. Not called on resume.
  virtual void init(Oracle& /*oracle*/, Vector /*params*/) {}

  /// Advances `params` in place by one step.
  virtual void step(Oracle& oracle, Vector params) = 0;

  /// Brings the evaluation parameters up to date. Timed, called before every evaluation; must not change training.
  virtual void prepare_for_eval(Oracle& /*oracle*/, ConstVector /*params*/) {}
  /// The parameters to evaluate, when they differ from those being trained.
  [[nodiscard]] virtual ConstVector evaluation_params(ConstVector params) const { return params; }
  /// The model state to evaluate them with.
  [[nodiscard]] virtual ConstVector evaluation_model_state(ConstVector model_state) const { return model_state; }

  /// True when the algorithm wants to end the run; one last evaluation follows.
  [[nodiscard]] virtual bool finished() const { return false; }

  /// Reports the scalars of the last step. Must not change arithmetic.
  virtual void observe(Observer& /*observer*/) const {}
};

/// One gradient at the current parameters per step, then one update: all that most rules are.
class GradientRule : public TrainingAlgorithm {
 public:
  void declare(StateArena& state) final;
  void step(Oracle& oracle, Vector params) final;

 protected:
  /// Names the rule's own state (the gradient buffer is not state and is not counted).
  virtual void declare_state(StateArena& /*state*/) {}
  /// One fused pass: reads `gradient`, advances `params` and the state.
  virtual void update(const Progress& progress, ConstVector gradient, Vector params) = 0;

 private:
  Vector gradient_;
};

/// Forwards every question; wrappers override the ones they change. `gradient` transforms (clipping, noise) are
/// decorators around the oracle of the inner algorithm, so they compose with rules that ask more than once a step.
class OracleDecorator : public Oracle {
 public:
  explicit OracleDecorator(Oracle& base) : base_(&base) {}

  [[nodiscard]] const ParameterLayout& layout() const override { return base_->layout(); }
  [[nodiscard]] ConstVector model_state() const override { return base_->model_state(); }
  [[nodiscard]] const Progress& progress() const override { return base_->progress(); }
  [[nodiscard]] RandomStream random() const override { return base_->random(); }
  [[nodiscard]] std::span<const Evaluation> evaluations() const override { return base_->evaluations(); }
  [[nodiscard]] Capabilities capabilities() const override { return base_->capabilities(); }
  [[nodiscard]] Index examples() const override { return base_->examples(); }
  [[nodiscard]] Index batch_size() const override { return base_->batch_size(); }
  [[nodiscard]] Index loss_terms() const override { return base_->loss_terms(); }
  const Batch& batch() override { return base_->batch(); }
  Batch draw(Index size) override { return base_->draw(size); }
  Batch choose(std::span<const Index> examples) override { return base_->choose(examples); }
  double loss(const Query& query) override { return base_->loss(query); }
  double gradient(Vector out, const Query& query) override { return base_->gradient(out, query); }
  double example_gradients(Vector out, const Query& query) override { return base_->example_gradients(out, query); }
  void hessian_vector_product(ConstVector direction, Vector out, const Query& query) override {
    base_->hessian_vector_product(direction, out, query);
  }

 protected:
  Oracle* base_;
};

/// Drives another algorithm. Every call is forwarded; the state of the inner one lies in the scope "inner", and its
/// observed scalars carry the prefix "inner/". A wrapper overrides what it changes.
class Wrapper : public TrainingAlgorithm {
 public:
  explicit Wrapper(std::unique_ptr<TrainingAlgorithm> inner) : inner_(std::move(inner)) {}

  void declare(StateArena& state) override;
  void init(Oracle& oracle, Vector params) override { inner_->init(oracle, params); }
  void step(Oracle& oracle, Vector params) override { inner_->step(oracle, params); }
  void prepare_for_eval(Oracle& oracle, ConstVector params) override { inner_->prepare_for_eval(oracle, params); }
  [[nodiscard]] ConstVector evaluation_params(ConstVector params) const override {
    return inner_->evaluation_params(params);
  }
  [[nodiscard]] ConstVector evaluation_model_state(ConstVector model_state) const override {
    return inner_->evaluation_model_state(model_state);
  }
  [[nodiscard]] bool finished() const override { return inner_->finished(); }
  void observe(Observer& observer) const override;

 protected:
  [[nodiscard]] TrainingAlgorithm& inner() { return *inner_; }
  [[nodiscard]] const TrainingAlgorithm& inner() const { return *inner_; }

 private:
  std::unique_ptr<TrainingAlgorithm> inner_;
};

class Registry;

/// Closed: AlgoPerf's rule, model, loss and initialisation are fixed. Open: the algorithm changes them.
enum class Division { closed, open };
[[nodiscard]] std::string_view name(Division division);

/// A registry entry: what exists, what it can be told, how to make one.
struct AlgorithmInfo {
  std::string name;
  std::string summary;  ///< one line
  std::string paper;    ///< authors, venue, identifier; empty for folklore
  int version = 1;      ///< semantic: a change of defaults or of results bumps it
  Division division = Division::closed;
  Capabilities needs;  ///< of the algorithm itself; a wrapper's inner needs are added at plan time
  /// What it needs with these parameters, where some need less than `needs` (psgd's whitening: no Hessian).
  std::function<Capabilities(const Parameters&)> variant_needs = {};
  std::vector<ParameterSpec> parameters;
  /// Makes one from resolved parameters; wrappers make their inner algorithm through the registry. Throws Error where
  /// parameters that are each in range exclude each other: asked when a sweep is planned, before there is any device,
  /// so device memory waits for declare().
  std::function<std::unique_ptr<TrainingAlgorithm>(const Parameters&, const Registry&)> make;

  [[nodiscard]] Capabilities needed_by(const Parameters& variant) const {
    return variant_needs ? variant_needs(variant) : needs;
  }
};

}  // namespace velo
