// workloads/nn/tape.hpp
//
// Reverse-mode differentiation. A layer computes its output at once, and records how to carry a gradient back through
// it; backward() runs what was recorded in reverse order (Griewank & Walther, "Evaluating Derivatives", 2nd ed., SIAM
// 2008, section 3.2). Activations and their gradients lie in one arena and return to it as soon as the reverse sweep
// has passed them; gradients of parameters are written straight to their place in the flat gradient vector.
//
//   tape.begin(layout, pass, Recording::on);
//   const Value x = tape.input(images);
//   const Value logits = output(tape, hidden(tape, x));
//   softmax_cross_entropy(tape, logits, ...);     // sets the gradient of its input: the seed
//   tape.backward(gradient);
//
// Layers keep no state of a pass, so one model may be asked at several points and batches in any order. A tape serves
// one pass at a time. After the first pass of a kind nothing is allocated, neither device nor host memory.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "harness/operations.hpp"
#include "harness/workload.hpp"
#include "workloads/nn/arena.hpp"

namespace velo::nn {

/// A tensor on the tape, by number.
struct Value {
  int slot = -1;
};

/// Of a layer, on the way there and back.
struct OperationCosts {
  OperationCost forward, backward;
};

enum class Recording {
  off,  ///< forward only
  on,   ///< backward() follows
};

class Tape {
 public:
  Tape() = default;
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  /// Starts a pass; everything of the last one is gone. `layout` and the vectors of `pass` must outlive it. `examples`
  /// in the batch: told to the visitor of layers, without which it may be left out.
  void begin(const ParameterLayout& layout, const ForwardPass& pass, Recording recording, Index examples = 0);
  /// Ends a pass without a reverse sweep.
  void end();

  [[nodiscard]] const ForwardPass& pass() const { return pass_; }
  [[nodiscard]] bool recording() const { return recording_ == Recording::on; }

  // --- for layers, forward ---

  /// A tensor that is not differentiated and that the caller owns.
  Value input(const Tensor& tensor);
  /// A new tensor, not initialised, owned by the next node. `differentiable`: whether backward() shall come here.
  Value output(const Shape& shape, bool differentiable = true);
  /// The same memory under another shape; gradients are shared too.
  Value reshape(Value value, const Shape& shape);
  /// Memory that the next node keeps for its way back.
  [[nodiscard]] Tensor keep(const Shape& shape);
  [[nodiscard]] std::uint8_t* keep_bytes(Index count);
  /// Memory for the running layer alone: give it back before the node is closed.
  [[nodiscard]] Tensor borrow(const Shape& shape) { return {arena_.allocate(shape.size()), shape}; }
  void give_back(const Tensor& tensor) { arena_.release(tensor.data); }
  [[nodiscard]] Tensor operator[](Value value) const { return slots_[static_cast<std::size_t>(value.slot)].tensor; }
  [[nodiscard]] bool differentiable(Value value) const { return root(value).differentiable; }

  /// For profiles: what the layer does from here on, and on their way back the nodes that it closes, is `name`, of the
  /// layer that `block` belongs to, if any. `costs()` gives OperationCosts and is called only when someone listens.
  template <typename Costs>
  void operation(const char* name, std::optional<Index> block, const Costs& costs) {
    if (listener_ != nullptr) [[unlikely]]
      announce({name, block, costs()});
  }

  /// The parameters of a block, at the point of this pass.
  [[nodiscard]] const Scalar* parameter(Index block) const;

  /// Closes a node. `backward()` is called by the reverse sweep, later nodes before earlier ones. Its captures are
  /// copied byte by byte. Without recording nothing is stored.
  template <typename Backward>
  void record(const Backward& backward) {
    static_assert(std::is_trivially_copyable_v<Backward> && std::is_trivially_destructible_v<Backward>);
    if (!recording()) return;
    void* place = store(sizeof(Backward), alignof(Backward));
    new (place) Backward(backward);
    close_node([](const void* closure) { (*static_cast<const Backward*>(closure))(); }, place);
  }

  // --- for layers, backward ---

  /// The gradient that arrived at a value; empty when nothing did, and the node has nothing to do.
  [[nodiscard]] Tensor gradient(Value value) const { return {root(value).gradient.data, (*this)[value].shape}; }
  /// Where to write the gradient of a value: every element, without reading. Contributions of several nodes are added.
  [[nodiscard]] Tensor gradient_target(Value value);
  /// Hands the gradient of `from`, after it was changed in place, to `to`; saves a copy where a node works in place.
  void pass_gradient(Value from, Value to);
  /// Where to write the gradient of a parameter block: every element, without reading. A block that is used several
  /// times gets the sum.
  [[nodiscard]] Scalar* parameter_gradient(Index block);
  /// Memory for the running node alone.
  [[nodiscard]] Tensor scratch(const Shape& shape);
  /// Whether the pass has a visitor of layers. A layer makes what it shows only then, and shows the gradient of its
  /// output before it changes it in place.
  [[nodiscard]] bool shows_layers() const { return pass_.layers != nullptr; }
  /// [rows, fan_in] and [rows, fan_out], as LayerRecord says; `bias` empty where the layer has none.
  void show_layer(Index weight, std::optional<Index> bias, const Tensor& inputs, const Tensor& output_gradients) const;

  // --- for workloads ---

  /// Runs the reverse sweep and ends the pass. Blocks that no node reached get zeros.
  void backward(const Vector& gradient);

  [[nodiscard]] const Arena& arena() const { return arena_; }

 private:
  struct Slot {
    Tensor tensor;
    Tensor gradient;
    bool differentiable = false;
    int root = -1;  ///< of a reshaped value: the slot that has the gradient
  };
  struct Node {
    void (*run)(const void*);
    const void* closure;
    std::size_t owned_end;  ///< what was owned when the node was closed
    std::size_t announced;  ///< operations when the node was closed: the last one is its own
  };
  struct Operation {
    const char* name = nullptr;
    std::optional<Index> block;
    OperationCosts costs;
  };
  struct Owned {
    Scalar* data;  ///< null: the gradient of `slot`
    int slot;
  };
  struct Addition {
    Scalar* from;
    Scalar* to;
    Index size;
  };

  [[nodiscard]] const Slot& root(Value value) const;
  [[nodiscard]] Slot& root(Value value) { return const_cast<Slot&>(std::as_const(*this).root(value)); }
  void* store(std::size_t size, std::size_t alignment);
  void close_node(void (*run)(const void*), const void* closure);
  void announce(const Operation& operation);
  void tell(const Operation& operation, bool backward) const;
  void add_pending();
  void release_scratch();
  void release_owned(std::size_t first);

  static constexpr std::size_t closure_page = std::size_t{1} << 16;

  const ParameterLayout* layout_ = nullptr;
  ForwardPass pass_;
  Recording recording_ = Recording::off;
  Index examples_ = 0;
  Index inputs_ = 0;  ///< numbers in the inputs of the pass
  Scalar* gradient_ = nullptr;
  Arena arena_;
  std::vector<Slot> slots_;
  std::vector<Node> nodes_;
  std::vector<Owned> owned_;
  std::vector<Scalar*> scratch_;
  std::vector<Addition> pending_;
  OperationListener* listener_ = nullptr;
  std::vector<Operation> operations_;  ///< empty where nobody listens
  std::vector<char> written_;
  std::vector<std::unique_ptr<std::byte[]>> closures_;
  std::size_t closure_bytes_ = 0;  ///< used of all pages before and including the current one
};

}  // namespace velo::nn
