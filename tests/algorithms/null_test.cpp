#include <catch2/catch_test_macros.hpp>

#include "tests/algorithms/given_gradients.hpp"

namespace velo {
namespace {

/// Refuses to answer.
class SilentOracle final : public test::GivenGradients {
 public:
  using GivenGradients::GivenGradients;
  const Batch& batch() override { throw std::logic_error("a batch was asked for"); }
  Batch draw(Index) override { throw std::logic_error("examples were asked for"); }
  double loss(const Query&) override { throw std::logic_error("a loss was asked for"); }
  double gradient(Vector, const Query&) override { throw std::logic_error("a gradient was asked for"); }
};

TEST_CASE("null asks for nothing, keeps nothing and changes nothing") {
  const ParameterLayout layout = test::awkward_layout();
  SilentOracle oracle(layout);
  test::Rider rider(test::component("null", {}), layout);
  const std::vector<double> before = rider.params();
  rider.start(oracle);
  rider.steps(oracle, 1, 5);

  CHECK(rider.params() == before);
  CHECK(rider.state().bytes() == 0);
}

}  // namespace
}  // namespace velo
