// workloads/null.cpp
//
// Nothing to train: one parameter, loss always 1, gradient always 0. With the `null` algorithm a trial of it measures
// what the harness itself costs.
#include "harness/registry.hpp"

namespace velo {

namespace {

class NullWorkload final : public Workload {
 public:
  NullWorkload() {
    ParameterBlock block;
    block.name = "x";
    block.shape = {1};
    layout_.add(block);
  }

  [[nodiscard]] const ParameterLayout& layout() const override { return layout_; }
  [[nodiscard]] Index examples(Split) const override { return 1; }
  [[nodiscard]] Index batch_size() const override { return 1; }
  void load(const Batch&) override {}
  double loss(const ForwardPass&, const Batch&) override { return 1.0; }
  double gradient(const ForwardPass&, const Batch&, Vector gradient) override {
    Kokkos::deep_copy(gradient, Scalar(0));
    return 1.0;
  }
  std::vector<Metric> evaluate(ConstVector, ConstVector, Split) override { return {{"loss", 1.0}}; }

 private:
  ParameterLayout layout_;
};

}  // namespace

WorkloadInfo null_workload_info() {
  WorkloadInfo info;
  info.name = "null";
  info.summary = "nothing to train: measures the harness";
  info.loss_type = LossType::mean_squared_error;
  info.metrics = {{"loss", "", false}};
  info.make = [](const Parameters&, const DataSource&) { return std::make_unique<NullWorkload>(); };
  info.data_version = [](const Parameters&, const DataSource&) { return std::string("none"); };
  return info;
}

}  // namespace velo
