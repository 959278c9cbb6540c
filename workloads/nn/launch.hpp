// workloads/nn/launch.hpp
//
// Passes whose tasks are rows, column blocks or images: larger than an element, fewer than a vector has.
#pragma once

#include "harness/device/elementwise.hpp"

namespace velo::nn {

/// Calls task(0) ... task(count - 1), which must be independent. `work`: elements touched by all tasks together; little
/// work is done by the calling thread (elementwise.hpp). Bits never depend on who does a task.
template <typename Task>
void for_each_task(const char* label, Index count, Index work, const Task& task) {
  if constexpr (device_is_host) {
    if (work <= elementwise::serial_limit) {
      for (Index i = 0; i < count; ++i) task(i);
      return;
    }
  }
  elementwise::launch(label, count, task);
}

/// Columns that one task sums: on the host a vector register's worth, so that rows are read in order.
inline constexpr Index column_block = device_is_host ? 32 : 1;

}  // namespace velo::nn
