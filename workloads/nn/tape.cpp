#include "workloads/nn/tape.hpp"

#include <algorithm>
#include <stdexcept>

#include "harness/device/elementwise.hpp"

namespace velo::nn {

namespace {

void add_to(Scalar* to, const Scalar* from, Index size) {
  for_each(
      "velo::nn::add_gradients", size, KOKKOS_LAMBDA(const Index i) { to[i] += from[i]; });
}

}  // namespace

void Tape::begin(const ParameterLayout& layout, const ForwardPass& pass, Recording recording, Index examples) {
  if (pass.layers != nullptr && examples <= 0)
    throw std::logic_error("a pass that shows its layers must say how many examples the batch has");
  end();
  examples_ = examples;
  layout_ = &layout;
  pass_ = pass;
  recording_ = recording;
  listener_ = operation_listener();
}

void Tape::end() {
  if (listener_ != nullptr && listener_ == operation_listener()) {  // not one that died in the middle of a pass
    listener_->end();
    constexpr Index each = sizeof(Scalar);
    listener_->memory({.batch = inputs_ * each, .needed = arena_.needed() * each, .held = arena_.capacity() * each});
  }
  listener_ = nullptr;
  operations_.clear();
  arena_.finish();
  slots_.clear();
  nodes_.clear();
  owned_.clear();
  scratch_.clear();
  pending_.clear();
  closure_bytes_ = 0;
  inputs_ = 0;
}

const Tape::Slot& Tape::root(Value value) const {
  const Slot& s = slots_[static_cast<std::size_t>(value.slot)];
  return s.root < 0 ? s : slots_[static_cast<std::size_t>(s.root)];
}

Value Tape::input(const Tensor& tensor) {
  slots_.push_back({tensor, {}, false, -1});
  inputs_ += tensor.shape.size();
  return {static_cast<int>(slots_.size()) - 1};
}

Value Tape::output(const Shape& shape, bool differentiable) {
  const Tensor tensor{arena_.allocate(shape.size()), shape};
  slots_.push_back({tensor, {}, differentiable, -1});
  const int number = static_cast<int>(slots_.size()) - 1;
  owned_.push_back({tensor.data, -1});
  owned_.push_back({nullptr, number});
  return {number};
}

Value Tape::reshape(Value value, const Shape& shape) {
  const Slot& s = slots_[static_cast<std::size_t>(value.slot)];
  if (s.tensor.size() != shape.size()) throw std::logic_error("a reshaped value has another number of elements");
  slots_.push_back({{s.tensor.data, shape}, {}, false, s.root < 0 ? value.slot : s.root});
  return {static_cast<int>(slots_.size()) - 1};
}

Tensor Tape::keep(const Shape& shape) {
  const Tensor tensor{arena_.allocate(shape.size()), shape};
  owned_.push_back({tensor.data, -1});
  return tensor;
}

std::uint8_t* Tape::keep_bytes(Index count) {
  constexpr Index size = sizeof(Scalar);
  return reinterpret_cast<std::uint8_t*>(keep({(count + size - 1) / size}).data);
}

const Scalar* Tape::parameter(Index block) const { return pass_.params.data() + (*layout_)[block].offset; }

void* Tape::store(std::size_t size, std::size_t alignment) {
  std::size_t begin = (closure_bytes_ + alignment - 1) / alignment * alignment;
  if (begin / closure_page != (begin + size - 1) / closure_page) begin = (begin / closure_page + 1) * closure_page;
  while (closures_.size() <= begin / closure_page) closures_.push_back(std::make_unique<std::byte[]>(closure_page));
  closure_bytes_ = begin + size;
  return closures_[begin / closure_page].get() + begin % closure_page;
}

void Tape::close_node(void (*run)(const void*), const void* closure) {
  nodes_.push_back({run, closure, owned_.size(), operations_.size()});
}

void Tape::announce(const Operation& operation) {
  operations_.push_back(operation);
  tell(operation, false);
}

void Tape::tell(const Operation& operation, bool backward) const {
  std::string_view layer;
  if (operation.block) {
    layer = (*layout_)[*operation.block].name;
    layer = layer.substr(0, layer.rfind('/'));
  }
  listener_->begin({operation.name, layer, backward, backward ? operation.costs.backward : operation.costs.forward});
}

Tensor Tape::gradient_target(Value value) {
  Slot& s = root(value);
  const Shape& shape = (*this)[value].shape;
  if (!s.gradient) {
    s.gradient = {arena_.allocate(shape.size()), s.tensor.shape};
    return {s.gradient.data, shape};
  }
  const Tensor extra = scratch(shape);
  pending_.push_back({extra.data, s.gradient.data, extra.size()});
  return extra;
}

void Tape::pass_gradient(Value from, Value to) {
  Slot& source = root(from);
  Slot& target = root(to);
  if (!target.gradient) {
    target.gradient = {source.gradient.data, target.tensor.shape};
    source.gradient = {};
  } else {
    add_to(target.gradient.data, source.gradient.data, target.gradient.size());
  }
}

Scalar* Tape::parameter_gradient(Index block) {
  Scalar* place = gradient_ + (*layout_)[block].offset;
  char& written = written_[static_cast<std::size_t>(block)];
  if (written == 0) {
    written = 1;
    return place;
  }
  const Tensor extra = scratch((*layout_)[block].shape);
  pending_.push_back({extra.data, place, extra.size()});
  return extra.data;
}

Tensor Tape::scratch(const Shape& shape) {
  scratch_.push_back(arena_.allocate(shape.size()));
  return {scratch_.back(), shape};
}

void Tape::show_layer(Index weight, std::optional<Index> bias, const Tensor& inputs,
                      const Tensor& output_gradients) const {
  pass_.layers->visit({weight, bias, inputs, output_gradients, examples_});
}

void Tape::add_pending() {
  for (const Addition& a : pending_) add_to(a.to, a.from, a.size);
  pending_.clear();
}

void Tape::release_scratch() {
  for (const Scalar* data : scratch_) arena_.release(data);
  scratch_.clear();
}

void Tape::release_owned(std::size_t first) {
  for (std::size_t i = owned_.size(); i-- > first;) {
    const Owned& own = owned_[i];
    if (own.data != nullptr) {
      arena_.release(own.data);
    } else if (Slot& s = slots_[static_cast<std::size_t>(own.slot)]; s.gradient) {
      arena_.release(s.gradient.data);
      s.gradient = {};
    }
  }
  owned_.resize(first);
}

void Tape::backward(const Vector& gradient) {
  if (!recording()) throw std::logic_error("the pass was not recorded");
  if (static_cast<Index>(gradient.extent(0)) != layout_->size())
    throw std::logic_error("the gradient vector has another length than the parameters");
  gradient_ = gradient.data();
  written_.assign(layout_->blocks().size(), 0);
  while (!nodes_.empty()) {
    const Node node = nodes_.back();
    nodes_.pop_back();
    // What was made after this node was closed belongs to later nodes, which are done.
    release_owned(node.owned_end);
    if (listener_ != nullptr && node.announced > 0) tell(operations_[node.announced - 1], true);
    node.run(node.closure);
    add_pending();
    release_scratch();
  }
  for (std::size_t b = 0; b < written_.size(); ++b)
    if (written_[b] == 0) {
      const ParameterBlock& block = (*layout_)[static_cast<Index>(b)];
      clear(gradient_ + block.offset, block.size());
    }
  end();
}

}  // namespace velo::nn
