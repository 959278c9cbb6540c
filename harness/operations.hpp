// harness/operations.hpp
//
// What a training step consists of, for `velo profile`. Whoever computes says which operation it is at and what that
// cannot do without; a listener, if there is one, takes the time. Without a listener an announcement is one comparison.
//
//   if (OperationListener* listener = operation_listener()) listener->begin({.operation = "linear", ...});
//
// Counted are additions, multiplications, divisions and functions, one each, and bytes as if every array that goes in
// or out were read or written once: what no implementation can save, not what this one does. Plain C++.
#pragma once

#include <cstdint>
#include <string_view>

namespace velo {

struct OperationCost {
  double flops = 0.0;
  double bytes = 0.0;

  friend OperationCost operator+(OperationCost a, OperationCost b) { return {a.flops + b.flops, a.bytes + b.bytes}; }
  friend OperationCost operator*(double n, OperationCost a) { return {n * a.flops, n * a.bytes}; }
};

struct OperationStart {
  std::string_view operation;  ///< "linear": what kinds of layer there are
  std::string_view layer;      ///< "block1/attention/qkv"; empty where the operation has no parameters
  bool backward = false;
  OperationCost cost;
};

/// Bytes of a pass.
struct PassMemory {
  std::int64_t batch = 0;   ///< what the model reads of the examples: images, features
  std::int64_t needed = 0;  ///< intermediate results: the most that lived at once
  std::int64_t held = 0;    ///< what is held for them
};

class OperationListener {
 public:
  virtual ~OperationListener() = default;
  /// What follows, up to the next call, is this operation's. The views live for the call.
  virtual void begin(const OperationStart& start) = 0;
  /// What follows is no announced operation's.
  virtual void end() = 0;
  /// At the end of a pass.
  virtual void memory(const PassMemory& memory) = 0;
};

namespace operations {
inline OperationListener* listener = nullptr;
}

/// Null unless a profile is being taken. One thread computes and announces.
[[nodiscard]] inline OperationListener* operation_listener() { return operations::listener; }

/// Listens for as long as it lives.
class ListenToOperations {
 public:
  explicit ListenToOperations(OperationListener& listener) : before_(operations::listener) {
    operations::listener = &listener;
  }
  ~ListenToOperations() { operations::listener = before_; }
  ListenToOperations(const ListenToOperations&) = delete;
  ListenToOperations& operator=(const ListenToOperations&) = delete;

 private:
  OperationListener* before_;
};

}  // namespace velo
