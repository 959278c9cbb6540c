// workloads/nn/tape_workload.hpp
//
// What every workload with a model on a tape is: parameters and model state by a plan, one loaded batch, and a loss that
// is computed forward, with or without the sweep back. A workload adds its data, its model with the loss, and its
// metrics.
#pragma once

#include <cstdint>

#include "harness/device/reduce.hpp"
#include "harness/workload.hpp"
#include "workloads/nn/model.hpp"
#include "workloads/nn/tape.hpp"

namespace velo::nn {

class TapeWorkload : public Workload {
 public:
  [[nodiscard]] const ParameterLayout& layout() const final { return plan_.layout; }
  [[nodiscard]] Index model_state_size() const final { return plan_.state_size(); }
  [[nodiscard]] Index batch_size() const final { return batch_size_; }
  void init(const RandomStream& stream, Vector params, Vector model_state) final;
  void load(const Batch& batch) final;
  double loss(const ForwardPass& pass, const Batch& batch) final;
  double gradient(const ForwardPass& pass, const Batch& batch, Vector gradient) final;

 protected:
  /// `initial_scale` multiplies every random initial value.
  TapeWorkload(ModelPlan plan, Index batch_size, double initial_scale);

  /// Brings a batch to the device, in place of the one before.
  virtual void gather(const Batch& batch) = 0;
  /// Runs the model and the loss on the gathered batch; the tape has begun. Returns the mean loss, and seeds the sweep
  /// where the tape records.
  virtual double forward(const ForwardPass& pass, const Batch& batch) = 0;

  /// Begins a pass as evaluations have them: running statistics, no dropout, no recording.
  void begin_evaluation(ConstVector params, ConstVector model_state);
  [[nodiscard]] Tape& tape() { return tape_; }
  [[nodiscard]] Reduction& reduction() { return reduction_; }

 private:
  double run(const ForwardPass& pass, const Batch& batch, Recording recording);

  ModelPlan plan_;
  Index batch_size_;
  double initial_scale_;
  std::uint64_t loaded_ = 0;  ///< id of the gathered batch; 0: none
  Tape tape_;
  Reduction reduction_;
};

/// Declares that a workload offers `always`, usually what any model of matrix products and norms can answer, and the
/// gradients of single examples (the default of harness/workload.hpp) but in variants whose `normalisation` is "batch":
/// batch norm mixes the examples of a batch, so there is no loss of one alone.
void declare_offers(WorkloadInfo& info,
                    const Capabilities& always = {Capability::hessian_vector_products, Capability::layer_statistics,
                                                  Capability::micro_batches});

}  // namespace velo::nn
