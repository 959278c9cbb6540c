// harness/run/trial_oracle.hpp
//
// The oracle of a real trial: answers an algorithm's questions from a workload, keeps the model state, counts the
// work, and switches the clock between "data" and the phase that asked.
#pragma once

#include <cstdint>
#include <vector>

#include "harness/algorithm.hpp"
#include "harness/run/batch_stream.hpp"
#include "harness/run/phase_clock.hpp"
#include "results/record.hpp"

namespace velo {

class TrialOracle : public Oracle {
 public:
  TrialOracle(Workload& workload, Capabilities offers, std::uint64_t seed, PhaseClock& clock);

  /// Sets the step about to be made; the next batch() draws anew.
  void begin_step(const Progress& progress);
  /// Until the next step, examples come from the order kept for evaluations: a function of the seed and the step.
  void begin_prepare();
  void add_evaluation(Evaluation evaluation) { evaluations_.push_back(std::move(evaluation)); }

  [[nodiscard]] const Vector& params() const { return params_; }
  [[nodiscard]] const Vector& mutable_model_state() const { return model_state_; }
  [[nodiscard]] Work& work() { return work_; }
  [[nodiscard]] BatchStream& stream() { return stream_; }
  /// What the training curve shows: loss of the step's first gradient or loss call. Where an algorithm asks term by
  /// term, the sum of every term's latest loss, each the first of its step. NaN while that is not known.
  [[nodiscard]] double step_loss() const { return step_loss_; }
  [[nodiscard]] bool asked() const { return asked_; }
  /// Latest loss of every term [loss_terms()], NaN for one not asked for yet; empty for a loss of one term.
  [[nodiscard]] std::vector<double>& term_losses() { return term_losses_; }
  [[nodiscard]] const std::vector<double>& term_losses() const { return term_losses_; }
  [[nodiscard]] const Work& work() const { return work_; }

  // Oracle
  [[nodiscard]] const ParameterLayout& layout() const override { return workload_->layout(); }
  [[nodiscard]] ConstVector model_state() const override { return model_state_; }
  [[nodiscard]] const Progress& progress() const override { return progress_; }
  [[nodiscard]] RandomStream random() const override;
  [[nodiscard]] std::span<const Evaluation> evaluations() const override { return evaluations_; }
  [[nodiscard]] Capabilities capabilities() const override { return offers_; }
  [[nodiscard]] Index examples() const override { return workload_->examples(Split::train); }
  [[nodiscard]] Index batch_size() const override { return workload_->batch_size(); }
  [[nodiscard]] Index loss_terms() const override { return workload_->loss_terms(); }
  const Batch& batch() override;
  Batch draw(Index size) override;
  Batch choose(std::span<const Index> examples) override;
  double loss(const Query& query) override;
  double gradient(Vector out, const Query& query) override;
  double example_gradients(Vector out, const Query& query) override;
  void hessian_vector_product(ConstVector direction, Vector out, const Query& query) override;

 private:
  /// Resolves a query's defaults and loads its batch, on the "data" phase.
  const Batch& prepare(const Query& query);
  [[nodiscard]] BatchStream& order() { return preparing_ ? evaluation_stream_ : stream_; }
  [[nodiscard]] ForwardPass pass(const Query& query, const Batch& batch, bool commit) const;
  double note_loss(double loss, const Query& query);
  void note_term(std::size_t term, double loss);

  Workload* workload_;
  Capabilities offers_;
  std::uint64_t seed_;
  PhaseClock* clock_;
  BatchStream stream_;
  BatchStream evaluation_stream_;
  bool preparing_ = false;
  Vector params_;
  Vector model_state_;
  Progress progress_;
  Batch batch_;
  bool drawn_ = false;
  bool committed_ = false;
  bool asked_ = false;
  double step_loss_ = 0.0;
  bool whole_ = false;  ///< the step's loss was asked for as a whole
  std::vector<double> term_losses_;
  std::vector<bool> term_asked_;  ///< in this step
  Work work_;
  std::vector<Evaluation> evaluations_;
};

}  // namespace velo
