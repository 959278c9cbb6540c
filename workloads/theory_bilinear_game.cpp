// workloads/theory_bilinear_game.cpp
//
// A bilinear zero-sum game: the smallest problem on which descent is wrong. Player 0 owns x and wants f low, player 1
// owns y and wants it high.
//
//   f(x, y) = (x - x*)' A (y - y*),   A = Q_x diag(l) Q_y'
//   gradient: player 0's  A (y - y*)  and player 1's, of its loss -f,  -A' (x - x*)
//
//   l         1 ... 1 / condition, by workloads/theory/spectrum.hpp; A is square
//   rotated   Q_x and Q_y are dense (workloads/theory/rotation.hpp); else the identity
//   optimum   (x*, y*), the only equilibrium, is normal with deviation `optimum_scale`, the same for every trial
//   start     away from the equilibrium by Q d:  ones d_i = 1 · normal d_i ~ N(0, 1), by the trial's seed
//   metric    distance |(x, y) - (x*, y*)|, optimum 0; its floor is the rounding of x - x*
//
// The field turns around the equilibrium. With a_i, b_i the coordinates of x - x* and y - y* along singular vector i,
//   simultaneous descent with the rate r multiplies a_i^2 + b_i^2 by 1 + r^2 l_i^2 a step: it leaves, at any rate;
//   alternating descent, x first, keeps a_i^2 - r l_i a_i b_i + b_i^2: it circles (r l_i < 2).
// Real momentum, of either sign, leaves or circles too when simultaneous (Gidel et al., AISTATS 2019,
// arXiv:1807.04740); complex momentum arrives (Lorraine, Acuna, Vicol, Duvenaud, AISTATS 2022, arXiv:2102.08431).
// The loss that is handed out is player 0's. Examples are a formality: one for training, one for evaluation.
#include <cmath>

#include "harness/device/elementwise.hpp"
#include "harness/device/reduce.hpp"
#include "harness/workload.hpp"
#include "workloads/theory/rotation.hpp"
#include "workloads/theory/spectrum.hpp"

namespace velo {

namespace {

/// (a, b) <- (l b, -l a)
void turn(const Vector& v, const Vector& l) {
  const auto n = static_cast<Index>(l.extent(0));
  for_each(
      "bilinear_game::turn", n, KOKKOS_LAMBDA(const Index i) {
        const Scalar a = v(i);
        v(i) = l(i) * v(n + i);
        v(n + i) = -l(i) * a;
      });
}

class BilinearGame final : public Workload {
 public:
  explicit BilinearGame(const Parameters& parameters)
      : layout_(two_players(parameters.integer("dimension"))),
        normal_start_(parameters.choice("start") == "normal"),
        singular_values_(theory::on_device(
            "bilinear_game::singular_values",
            theory::eigenvalues(parameters.choice("spectrum"), layout_[0].size(), parameters.real("condition").base))),
        optimum_("bilinear_game::optimum", static_cast<std::size_t>(layout_.size())),
        difference_("bilinear_game::difference", static_cast<std::size_t>(layout_.size())),
        field_("bilinear_game::field", static_cast<std::size_t>(layout_.size())),
        rotation_(layout_) {
    const RandomStream problem(0, Purpose::workload);
    fill_normal(problem.fork(0), 0.0, parameters.real("optimum_scale").base, optimum_);
    if (parameters.boolean("rotated")) rotation_ = theory::Rotation(layout_, problem);
  }

  [[nodiscard]] const ParameterLayout& layout() const override { return layout_; }
  [[nodiscard]] Index examples(Split) const override { return 1; }
  [[nodiscard]] Index batch_size() const override { return 1; }
  void load(const Batch&) override {}

  void init(const RandomStream& stream, Vector params, Vector) override {
    if (normal_start_)
      fill_normal(stream, 0.0, 1.0, params);
    else
      fill(params, 1.0);
    rotation_.to_parameters(params);
    axpy(1.0, optimum_, params);
  }

  double loss(const ForwardPass& pass, const Batch& batch) override { return gradient(pass, batch, field_); }

  double gradient(const ForwardPass& pass, const Batch&, Vector gradient) override {
    theory::subtract(pass.params, optimum_, difference_);
    copy(difference_, gradient);
    rotation_.to_eigenbasis(gradient);
    turn(gradient, singular_values_);
    rotation_.to_parameters(gradient);
    return reduction_.dot(layout_.part(0, difference_), layout_.part(0, gradient));
  }

  std::vector<Metric> evaluate(ConstVector params, ConstVector, Split) override {
    theory::subtract(params, optimum_, difference_);
    return {{"distance", std::sqrt(reduction_.squared_norm(difference_))}};
  }

 private:
  [[nodiscard]] static ParameterLayout two_players(Index dimension) {
    ParameterLayout out;
    out.add({.name = "x", .shape = {dimension}, .player = 0});
    out.add({.name = "y", .shape = {dimension}, .player = 1});
    return out;
  }

  ParameterLayout layout_;
  bool normal_start_;
  Vector singular_values_;
  Vector optimum_;
  Vector difference_;
  Vector field_;
  theory::Rotation rotation_;
  Reduction reduction_;
};

}  // namespace

WorkloadInfo theory_bilinear_game_workload_info() {
  WorkloadInfo info;
  info.name = "theory_bilinear_game";
  info.summary = "a bilinear zero-sum game of two players with chosen singular values";
  info.loss_type = LossType::mean_squared_error;
  info.metrics = {{"distance", "", false}};
  info.offers = {Capability::players};
  info.parameters = {
      integer("dimension", 16, {1, 1e6}, "parameters of each player"),
      theory::condition_parameter(4.0, "largest over smallest singular value; the largest is 1"),
      theory::spectrum_parameter("how the singular values lie"),
      boolean("rotated", true, "singular vectors are dense instead of the coordinates"),
      choice("start", "ones", {"ones", "normal"}, "initial distance from the equilibrium, per singular vector"),
      real("optimum_scale", 1.0, Range::non_negative(), "standard deviation of the equilibrium's coordinates"),
  };
  info.make = [](const Parameters& parameters, const DataSource&) {
    return std::make_unique<BilinearGame>(parameters);
  };
  info.data_version = [](const Parameters&, const DataSource&) { return std::string("none"); };
  return info;
}

}  // namespace velo
