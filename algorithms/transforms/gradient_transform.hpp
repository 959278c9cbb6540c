// algorithms/transforms/gradient_transform.hpp
//
// A wrapper that changes every gradient its inner algorithm asks for, and nothing else. It stands between the inner
// algorithm and the oracle, so it also works for rules that ask more than once a step; losses and Hessian-vector
// products pass through unchanged.
#pragma once

#include <memory>
#include <utility>

#include "harness/algorithm.hpp"

namespace velo {

class GradientTransform : public Wrapper {
 public:
  using Wrapper::Wrapper;

  void init(Oracle& oracle, Vector params) override {
    Transformed transformed(oracle, *this);
    inner().init(transformed, params);
  }
  void step(Oracle& oracle, Vector params) override {
    Transformed transformed(oracle, *this);
    inner().step(transformed, params);
  }
  void prepare_for_eval(Oracle& oracle, ConstVector params) override {
    Transformed transformed(oracle, *this);
    inner().prepare_for_eval(transformed, params);
  }

 protected:
  /// Changes a gradient in place.
  virtual void transform(const Progress& progress, Vector gradient) = 0;

 private:
  class Transformed : public OracleDecorator {
   public:
    Transformed(Oracle& base, GradientTransform& owner) : OracleDecorator(base), owner_(&owner) {}
    double gradient(Vector out, const Query& query) override {
      const double loss = base_->gradient(out, query);
      owner_->transform(progress(), out);
      return loss;
    }

   private:
    GradientTransform* owner_;
  };
};

}  // namespace velo
