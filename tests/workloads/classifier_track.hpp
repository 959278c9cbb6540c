// tests/workloads/classifier_track.hpp
//
// An image classification workload in synthetic mode with one point, and the questions its tests ask.
#pragma once

#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "harness/device/elementwise.hpp"
#include "harness/workload.hpp"
#include "tests/nn/gradient_check.hpp"

namespace velo::test {

class ClassifierTrack {
 public:
  using Settings = std::vector<std::pair<std::string, Parameters::Value>>;

  explicit ClassifierTrack(const WorkloadInfo& info, const Settings& settings = {}) {
    Parameters parameters = Parameters::defaults(info.parameters);
    for (const auto& [name, value] : settings) parameters.set(name, value);
    workload_ = info.make(parameters, {.directory = "", .synthetic = true});
    params = Vector("params", length(workload_->layout().size()));
    model_state = Vector("model_state", length(workload_->model_state_size()));
    workload_->init(RandomStream(7, Purpose::initialisation), params, model_state);
  }

  [[nodiscard]] Workload& workload() { return *workload_; }

  /// Training examples first, first + 37, first + 74, ..., from the first again behind the last.
  [[nodiscard]] Batch batch(Index size, Index first = 0) {
    auto& examples = examples_.emplace_back(std::make_unique<std::vector<Index>>(length(size)));
    for (Index i = 0; i < size; ++i) (*examples)[length(i)] = (first + 37 * i) % workload_->examples(Split::train);
    return {.id = ++batches_, .split = Split::train, .examples = *examples};
  }
  [[nodiscard]] ForwardPass pass() const {
    ForwardPass out;
    out.params = params;
    out.model_state = model_state;
    out.random = RandomStream(11, Purpose::workload, 1);
    return out;
  }
  double loss(const Batch& batch) { return workload_->loss(pass(), batch); }
  double gradient(const Batch& batch, const Vector& out) { return workload_->gradient(pass(), batch, out); }
  [[nodiscard]] Vector gradient(const Batch& batch) {
    Vector out("gradient", params.extent(0));
    static_cast<void>(gradient(batch, out));
    return out;
  }
  void check_gradient(Index batch_size, Index stride) {
    const Batch b = batch(batch_size);
    velo::test::check_gradient(
        workload_->layout(), params, gradient(b), [&] { return loss(b); }, stride);
  }
  /// Steps of plain gradient descent on one batch.
  void descend(const Batch& batch, int steps, double rate) {
    for (int i = 0; i < steps; ++i) axpy(-rate, gradient(batch), params);
  }

  Vector params, model_state;

 private:
  static std::size_t length(Index n) { return static_cast<std::size_t>(n); }

  std::unique_ptr<Workload> workload_;
  std::vector<std::unique_ptr<std::vector<Index>>> examples_;
  std::uint64_t batches_ = 0;
};

}  // namespace velo::test
