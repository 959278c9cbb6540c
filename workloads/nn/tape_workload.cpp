#include "workloads/nn/tape_workload.hpp"

#include <utility>

namespace velo::nn {

TapeWorkload::TapeWorkload(ModelPlan plan, Index batch_size, double initial_scale)
    : plan_(std::move(plan)), batch_size_(batch_size), initial_scale_(initial_scale) {}

void TapeWorkload::init(const RandomStream& stream, Vector params, Vector model_state) {
  initialise(layout(), stream, params, initial_scale_);
  plan_.initialise_state(model_state);
}

void TapeWorkload::load(const Batch& batch) {
  if (batch.id == loaded_ && loaded_ != 0) return;
  OperationListener* listener = operation_listener();
  if (listener != nullptr) listener->begin({.operation = "load batch", .layer = {}, .backward = false, .cost = {}});
  gather(batch);
  if (listener != nullptr) listener->end();
  loaded_ = batch.id;
}

double TapeWorkload::run(const ForwardPass& pass, const Batch& batch, Recording recording) {
  load(batch);
  tape_.begin(layout(), pass, recording, batch.size());
  return forward(pass, batch);
}

double TapeWorkload::loss(const ForwardPass& pass, const Batch& batch) {
  const double value = run(pass, batch, Recording::off);
  tape_.end();
  return value;
}

double TapeWorkload::gradient(const ForwardPass& pass, const Batch& batch, Vector gradient) {
  const double value = run(pass, batch, Recording::on);
  tape_.backward(gradient);
  return value;
}

void TapeWorkload::begin_evaluation(ConstVector params, ConstVector model_state) {
  ForwardPass pass;
  pass.params = params;
  pass.model_state = model_state;
  pass.train_mode = false;
  tape_.begin(layout(), pass, Recording::off);
}

void declare_offers(WorkloadInfo& info, const Capabilities& always) {
  Capabilities most = always;
  most |= {Capability::per_example_gradients};
  info.offers = most;
  info.variant_offers = [always, most](const Parameters& variant) {
    return variant.choice("normalisation") == "batch" ? always : most;
  };
}

}  // namespace velo::nn
