// tests/contract/landscape.hpp
//
// One loss that answers every question an algorithm may ask, each answer consistent with the others: losses, gradients at
// any point, of batches, micro-batches, single examples and terms, Hessian-vector products, records of layers. At step t
//   f(x) = mean over examples e of sum over i of 10 / n + (g_ti + p_e u_i + q_e v_i) x_i + h_i x_i^2 / 2
// is the sum of three terms that disagree. Batches are drawn in turn from 1000 examples, so an epoch is 16 steps long.
#pragma once

#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "tests/algorithms/given_gradients.hpp"

namespace velo::test {

/// The awkward blocks; a matrix with a bias, fused projections, and a second player.
inline ParameterLayout contract_layout() {
  ParameterLayout layout = awkward_layout();
  layout.add({.name = "output", .kind = ParameterKind::weight, .shape = {3, 8}, .player = 1});
  layout.add({.name = "output_bias", .kind = ParameterKind::bias, .shape = {3}, .player = 1});
  layout.add({.name = "projections", .kind = ParameterKind::attention_qkv, .shape = {6, 4}});
  return layout;
}

class Landscape : public GivenGradients {
 public:
  static constexpr Index terms = 3;

  /// Scattered gradients that differ from example to example and term to term, and change with the point.
  Landscape(const ParameterLayout& layout, std::int64_t step_hint) : GivenGradients(layout, step_hint) {
    for (std::size_t i = 0; i < size(); ++i) {
      first_.push_back(2.0 * scattered(500, i));
      second_.push_back(2.0 * scattered(501, i));
      curvature_.push_back(0.5 + 0.25 * scattered(200, i));
      for (std::uint64_t k = 0; k < terms; ++k) terms_.push_back(scattered(600 + k, i));
    }
  }
  /// The same gradients of every example, everywhere.
  Landscape(const ParameterLayout& layout, Gradients gradients, std::int64_t step_hint)
      : GivenGradients(layout, std::move(gradients), step_hint) {}

  /// A rider's step begins: the parameters that a query without a point means.
  void follow(const ConstVector& params) {
    params_ = params;
    drawn_ = 0;
  }

  [[nodiscard]] Index loss_terms() const override { return terms; }
  const Batch& batch() override {
    if (std::exchange(batch_step_, progress().step) != progress().step)
      batch_ = draw_from(progress().step * given_batch, given_batch);
    return batch_;
  }
  Batch draw(Index count) override {
    if (count == 0) count = given_batch;
    drawn_ += count;
    return draw_from((progress().step + 1) * given_batch + drawn_ - count, count);
  }
  double loss(const Query& query) override { return ask(query, point(query), examples(query), nullptr); }
  double gradient(Vector out, const Query& query) override {
    std::vector<double> gradient(size());
    const double loss = ask(query, point(query), examples(query), &gradient);
    const Vector answer = to_device(gradient);
    Kokkos::deep_copy(out, answer);
    if (query.layers != nullptr) show_layers(answer, *query.layers);
    return loss;
  }
  double example_gradients(Vector out, const Query& query) override {
    const std::vector<double> x = point(query);
    const std::span<const Index> asked = examples(query);
    const auto host = Kokkos::create_mirror_view(out);
    double sum = 0.0;
    std::vector<double> row(size());
    for (std::size_t e = 0; e < asked.size(); ++e) {
      sum += ask(query, x, asked.subspan(e, 1), &row);
      for (std::size_t i = 0; i < size(); ++i) host(e * size() + i) = static_cast<Scalar>(row[i]);
    }
    Kokkos::deep_copy(out, host);
    return sum / static_cast<double>(asked.size());
  }
  void hessian_vector_product(ConstVector direction, Vector out, const Query& query) override {
    if (curvature_.empty()) return GivenGradients::hessian_vector_product(direction, out, query);
    std::vector<double> product = to_host(direction);
    for (std::size_t i = 0; i < size(); ++i) product[i] *= curvature_[i];
    Kokkos::deep_copy(out, to_device(product));
  }

 private:
  static constexpr Index given_batch = static_cast<Index>(given_examples.size());

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(layout().size()); }
  Batch draw_from(Index first, Index count) {
    std::vector<Index>& examples = kept_.emplace_back(static_cast<std::size_t>(count));
    for (Index e = 0; e < count; ++e) examples[static_cast<std::size_t>(e)] = (first + e) % given_training_examples;
    return {.id = ++batches_, .split = Split::train, .examples = examples};
  }
  /// The step's own gradients, which every rider asks for again.
  const std::vector<double>& given() {
    const auto [at, fresh] = given_.try_emplace(progress().step);
    if (fresh) at->second = gradients(progress().step);
    return at->second;
  }

  [[nodiscard]] std::vector<double> point(const Query& query) const {
    return to_host(query.at.extent(0) > 0 ? query.at : params_);
  }
  [[nodiscard]] std::span<const Index> examples(const Query& query) {
    return query.batch != nullptr ? query.batch->examples : batch().examples;
  }

  /// The mean loss of examples at x, and its gradient in `out` unless null.
  double ask(const Query& query, const std::vector<double>& x, std::span<const Index> examples,
             std::vector<double>* out) {
    const std::vector<double>& g = given();
    const bool curved = !curvature_.empty();
    double p = 0.0, q = 0.0;
    for (const Index e : examples) {
      p += scattered(700, static_cast<std::uint64_t>(e)) / static_cast<double>(examples.size());
      q += scattered(701, static_cast<std::uint64_t>(e)) / static_cast<double>(examples.size());
    }
    const double share = query.loss_term ? 1.0 / terms : 1.0;
    const auto term = static_cast<std::size_t>(query.loss_term.value_or(0));
    double loss = 10.0 * share;
    for (std::size_t i = 0; i < x.size(); ++i) {
      double slope = share * g[i], bend = 0.0;
      if (curved) {
        bend = share * curvature_[i] * x[i];
        slope += share * (p * first_[i] + q * second_[i]);
        if (query.loss_term) {
          const double* own = &terms_[terms * i];
          slope += own[term] - (own[0] + own[1] + own[2]) / terms;
        }
      }
      loss += (slope + 0.5 * bend) * x[i];
      if (out != nullptr) (*out)[i] = slope + bend;
    }
    return loss;
  }

  std::vector<double> first_, second_, curvature_, terms_;
  ConstVector params_;
  std::deque<std::vector<Index>> kept_;
  std::uint64_t batches_ = 0;
  Batch batch_;
  Index drawn_ = 0;
  std::map<std::int64_t, std::vector<double>> given_;
  std::int64_t batch_step_ = -1;
};

/// A rider on a landscape that knows where it is.
class LandscapeRider : public Rider {
 public:
  LandscapeRider(const Component& algorithm, const ParameterLayout& layout)
      : Rider(algorithm, layout, builtin_registry(), Landscape::terms) {}

  void start(Landscape& landscape) {
    landscape.at_step(1);
    landscape.follow(params_view());
    Rider::start(landscape);
  }
  void step(Landscape& landscape, std::int64_t step) {
    landscape.follow(params_view());
    Rider::step(landscape, step);
  }
  void steps(Landscape& landscape, std::int64_t first, std::int64_t last) {
    for (std::int64_t t = first; t <= last; ++t) step(landscape, t);
  }
};

}  // namespace velo::test
