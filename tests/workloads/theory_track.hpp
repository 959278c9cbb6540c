// tests/workloads/theory_track.hpp
//
// A theory workload with one point and one batch, and the questions its tests ask.
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

class TheoryTrack {
 public:
  using Settings = std::vector<std::pair<std::string, Parameters::Value>>;

  explicit TheoryTrack(const WorkloadInfo& info, const Settings& settings = {}, std::uint64_t seed = 3) {
    Parameters parameters = Parameters::defaults(info.parameters);
    for (const auto& [name, value] : settings) parameters.set(name, value);
    workload_ = info.make(parameters, {});
    examples_.resize(static_cast<std::size_t>(workload_->batch_size()));
    params = vector();
    workload_->init(RandomStream(seed, Purpose::initialisation), params, Vector());
    next_batch();
  }

  [[nodiscard]] Workload& workload() { return *workload_; }
  [[nodiscard]] Vector vector() const { return Vector("v", static_cast<std::size_t>(workload_->layout().size())); }
  [[nodiscard]] Batch batch() const { return {.id = batches_, .split = Split::train, .examples = examples_}; }
  /// The next examples in order, from the first again behind the last.
  void next_batch() {
    for (Index& e : examples_) e = next_++ % workload_->examples(Split::train);
    ++batches_;
  }

  [[nodiscard]] ForwardPass pass(std::uint64_t step = 1) const {
    ForwardPass out;
    out.params = params;
    out.random = RandomStream(3, Purpose::workload, step);
    return out;
  }
  [[nodiscard]] double loss() { return workload_->loss(pass(), batch()); }
  [[nodiscard]] Vector gradient() {
    const Vector out = vector();
    static_cast<void>(workload_->gradient(pass(), batch(), out));
    return out;
  }
  [[nodiscard]] Vector times_hessian(const Vector& direction) {
    const Vector out = vector();
    workload_->hessian_vector_product(pass(), batch(), direction, out);
    return out;
  }
  [[nodiscard]] double metric(std::size_t number = 0) {
    return workload_->evaluate(params, {}, Split::validation).at(number).value;
  }

  void check_gradient() {
    velo::test::check_gradient(workload_->layout(), params, gradient(), [this] { return loss(); });
  }
  /// Hessian-vector products against central differences of gradients, with the tolerance of the gradients' own check.
  void check_hessian() {
    const Vector direction = vector();
    fill_normal(RandomStream(9, Purpose::algorithm), 0.0, 1.0, direction);
    const Vector product = times_hessian(direction);
    axpy(difference_step, direction, params);
    const Vector above = gradient();
    axpy(-2 * difference_step, direction, params);
    const Vector below = gradient();
    axpy(difference_step, direction, params);
    for (Index i = 0; i < workload_->layout().size(); ++i) {
      INFO(i << ": product " << product(i));
      REQUIRE(std::abs(product(i) - (above(i) - below(i)) / (2 * difference_step)) <=
              difference_tolerance(std::abs(above(i)) + std::abs(product(i))));
    }
  }

  Vector params;

 private:
  std::unique_ptr<Workload> workload_;
  std::vector<Index> examples_;
  Index next_ = 0;
  std::uint64_t batches_ = 0;
};

}  // namespace velo::test
