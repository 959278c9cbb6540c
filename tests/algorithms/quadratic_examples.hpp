// tests/algorithms/quadratic_examples.hpp
//
// A loss that depends on the point and on the batch: every example pulls towards a centre of its own.
//   L(x, batch) = mean over examples e of sum_i a_i / 2 (x_i - c_ei)^2
// It records what is asked, for rules that draw batches, cut them, or ask for several losses.
#pragma once

#include <deque>
#include <numeric>
#include <vector>

#include "tests/algorithms/given_gradients.hpp"

namespace velo::test {

class QuadraticExamples : public GivenGradients {
 public:
  QuadraticExamples(const ParameterLayout& layout, Index batch_size, double spread = 1.0)
      : GivenGradients(layout), batch_size_(batch_size), spread_(spread) {}

  /// The parameters that a query without a point means.
  void follow(const ConstVector& params) { params_ = params; }

  [[nodiscard]] double curvature(std::size_t i) const { return 1.0 + 0.5 * scattered(200, i); }
  [[nodiscard]] double centre(Index example, std::size_t i) const {
    return 2.0 * scattered(201, i) + spread_ * scattered(300 + static_cast<std::uint64_t>(example), i);
  }
  [[nodiscard]] double loss_at(const std::vector<double>& x, std::span<const Index> examples) const {
    double sum = 0.0;
    for (const Index e : examples)
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double distance = x[i] - centre(e, i);
        sum += 0.5 * curvature(i) * distance * distance;
      }
    return sum / static_cast<double>(examples.size());
  }
  [[nodiscard]] std::vector<double> gradient_at(const std::vector<double>& x, std::span<const Index> examples) const {
    std::vector<double> out(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      for (const Index e : examples) out[i] += curvature(i) * (x[i] - centre(e, i));
      out[i] /= static_cast<double>(examples.size());
    }
    return out;
  }

  [[nodiscard]] Index batch_size() const override { return batch_size_; }
  const Batch& batch() override {
    if (batch_step_ != progress().step) batch_ = draw(0);
    batch_step_ = progress().step;
    return batch_;
  }
  Batch draw(Index size) override {
    std::vector<Index>& examples = drawn_.emplace_back(static_cast<std::size_t>(size > 0 ? size : batch_size_));
    std::iota(examples.begin(), examples.end(), next_);
    next_ += static_cast<Index>(examples.size());
    return {.id = drawn_.size(), .split = Split::train, .examples = examples};
  }
  double loss(const Query& query) override {
    losses_asked.push_back(query);
    return loss_at(point(query), examples(query));
  }
  double gradient(Vector out, const Query& query) override {
    ++gradients_asked;
    Kokkos::deep_copy(out, to_device(gradient_at(point(query), examples(query))));
    return loss_at(point(query), examples(query));
  }
  double example_gradients(Vector out, const Query& query) override {
    const std::vector<double> x = point(query);
    const std::span<const Index> asked = examples(query);
    example_gradients_asked += static_cast<Index>(asked.size());
    for (std::size_t e = 0; e < asked.size(); ++e)
      Kokkos::deep_copy(Kokkos::subview(out, std::pair(e * x.size(), (e + 1) * x.size())),
                        to_device(gradient_at(x, asked.subspan(e, 1))));
    return loss_at(x, asked);
  }
  void hessian_vector_product(ConstVector direction, Vector out, const Query&) override {
    std::vector<double> product = to_host(direction);
    for (std::size_t i = 0; i < product.size(); ++i) product[i] *= curvature(i);
    Kokkos::deep_copy(out, to_device(product));
  }

  /// All batches, in the order in which they were drawn.
  [[nodiscard]] const std::deque<std::vector<Index>>& drawn() const { return drawn_; }

  std::vector<Query> losses_asked;
  int gradients_asked = 0;
  Index example_gradients_asked = 0;

 private:
  [[nodiscard]] std::vector<double> point(const Query& query) const {
    return to_host(query.at.extent(0) > 0 ? query.at : params_);
  }
  [[nodiscard]] std::span<const Index> examples(const Query& query) {
    return query.batch != nullptr ? query.batch->examples : batch().examples;
  }

  Index batch_size_;
  double spread_;
  ConstVector params_;
  std::deque<std::vector<Index>> drawn_;
  Index next_ = 0;
  Batch batch_;
  std::int64_t batch_step_ = 0;
};

/// Keeps every batch that a rule chose, and where it asked for gradients of single examples.
class ChosenExamples : public QuadraticExamples {
 public:
  using QuadraticExamples::QuadraticExamples;
  Batch choose(std::span<const Index> chosen) override {
    batches.emplace_back(chosen.begin(), chosen.end());
    return {.id = batches.size(), .split = Split::train, .examples = chosen};
  }
  double example_gradients(Vector out, const Query& query) override {
    points.push_back(query.at.extent(0) > 0 ? to_host(query.at) : std::vector<double>());
    return QuadraticExamples::example_gradients(out, query);
  }

  std::vector<std::vector<Index>> batches;
  std::vector<std::vector<double>> points;  ///< empty: at the parameters
};

}  // namespace velo::test
