#include "harness/algorithm.hpp"

#include "harness/device/memory.hpp"
#include "results/text.hpp"

namespace velo {

std::string_view name(Division division) { return division == Division::closed ? "closed" : "open"; }

void GradientRule::declare(StateArena& state) { declare_state(state); }

void GradientRule::step(Oracle& oracle, Vector params) {
  if (gradient_.extent(0) != params.extent(0)) gradient_ = zeros("gradient", static_cast<Index>(params.extent(0)));
  oracle.gradient(gradient_, {});
  update(oracle.progress(), gradient_, params);
}

void Wrapper::declare(StateArena& state) {
  state.scope("inner", [&] { inner_->declare(state); });
}

void Wrapper::observe(Observer& observer) const {
  class Prefixed : public Observer {
   public:
    explicit Prefixed(Observer& base) : base_(base) {}
    void scalar(std::string_view name, double value) override { base_.scalar("inner/" + std::string(name), value); }

   private:
    Observer& base_;
  } prefixed(observer);
  inner_->observe(prefixed);
}

}  // namespace velo
