// workloads/nn/residual.hpp
//
// y = a + b: where a shortcut joins the layers that it went around (He et al., CVPR 2016, arXiv:1512.03385, section
// 3.2). The gradient of y is the gradient of both.
#pragma once

#include "workloads/nn/tape.hpp"

namespace velo::nn {

/// a and b have one shape, blocking included, and may be the same value. Throws std::logic_error otherwise.
[[nodiscard]] Value add(Tape& tape, Value a, Value b);

}  // namespace velo::nn
