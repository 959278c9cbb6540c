#include "workloads/nn/pooling.hpp"

#include <stdexcept>

#include "harness/device/lanes.hpp"
#include "workloads/nn/costs.hpp"
#include "workloads/nn/launch.hpp"

namespace velo::nn {

namespace {

/// A task is one output row of one plane (example and channel block).
struct Rows {
  Shape in, out;
  Window window;

  [[nodiscard]] Index count() const { return out[0] * out[1] * out[2]; }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION Index plane(Index task) const { return task / out[2]; }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION Index row(Index task) const { return task % out[2]; }
  /// Place of the first channel of (plane, i, j).
  [[nodiscard]] KOKKOS_INLINE_FUNCTION Index in_at(Index plane, Index i, Index j) const {
    return ((plane * in[2] + i) * in[3] + j) * in[4];
  }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION Index out_at(Index plane, Index i, Index j) const {
    return ((plane * out[2] + i) * out[3] + j) * out[4];
  }
};

struct MaxForward {
  Rows rows;
  const Scalar* x;
  Scalar* y;
  std::uint8_t* places;
  bool relu;

  KOKKOS_INLINE_FUNCTION void operator()(Index task) const {
    const Index plane = rows.plane(task), i = rows.row(task);
    const Index stride = rows.window.stride, b = rows.out[4];
    for (Index j = 0; j < rows.out[3]; ++j) {
      const Scalar* from = x + rows.in_at(plane, i * stride, j * stride);
      const Index to = rows.out_at(plane, i, j);
      Index c = 0;
#ifndef __CUDACC__
      for (; c + lanes::count <= b; c += lanes::count)
        rows.window.size == 2 ? several(from + c, to + c, 2) : several(from + c, to + c, rows.window.size);
#endif
      for (; c < b; ++c) one(from + c, to + c);
    }
  }

  KOKKOS_INLINE_FUNCTION void one(const Scalar* from, Index to) const {
    const Index size = rows.window.size;
    Scalar best = from[0];
    Index place = 0;
    for (Index k = 0; k < size; ++k)
      for (Index l = 0; l < size; ++l)
        if (const Scalar value = from[(k * rows.in[3] + l) * rows.in[4]]; value > best) {
          best = value;
          place = k * size + l;
        }
    y[to] = best;
    places[to] = relu && !(best > 0) ? nowhere : static_cast<std::uint8_t>(place);
  }

#ifndef __CUDACC__
  [[gnu::always_inline]] void several(const Scalar* from, Index to, Index size) const {
    lanes::Scalars best, value;
    lanes::load(from, best);
    lanes::Masks place = {};
    for (Index k = 0; k < size; ++k)
      for (Index l = 0; l < size; ++l) {
        lanes::load(from + (k * rows.in[3] + l) * rows.in[4], value);
        const lanes::Masks better = value > best;
        best = better ? value : best;
        place = better ? lanes::Masks{} + static_cast<int>(k * size + l) : place;
      }
    if (relu) place = best > lanes::Scalars{} ? place : lanes::Masks{} + nowhere;
    lanes::store(best, y + to);
    lanes::narrow(place, places + to);
  }
#endif
};

/// Windows do not overlap: every element of dx belongs to one window, or to the border that no window covers.
struct MaxBackward {
  Rows rows;
  const Scalar* dy;
  const std::uint8_t* places;
  Scalar* dx;

  KOKKOS_INLINE_FUNCTION void operator()(Index task) const {
    const Index plane = rows.plane(task), i = rows.row(task);
    const Index size = rows.window.size, b = rows.in[4];
    const Index last = i + 1 == rows.out[2] ? rows.in[2] - i * size : size;
    for (Index k = size; k < last; ++k) clear(plane, i * size + k, 0);
    for (Index k = 0; k < size; ++k) clear(plane, i * size + k, rows.out[3] * size);
    for (Index j = 0; j < rows.out[3]; ++j) {
      const Index from = rows.out_at(plane, i, j);
      Scalar* to = dx + rows.in_at(plane, i * size, j * size);
      Index c = 0;
#ifndef __CUDACC__
      for (; c + lanes::count <= b; c += lanes::count)
        size == 2 ? several(from + c, to + c, 2) : several(from + c, to + c, size);
#endif
      for (; c < b; ++c) one(from + c, to + c);
    }
  }

  /// Zeros from column `first` on.
  KOKKOS_INLINE_FUNCTION void clear(Index plane, Index i, Index first) const {
    for (Index at = rows.in_at(plane, i, first); at < rows.in_at(plane, i, rows.in[3]); ++at) dx[at] = 0;
  }

  KOKKOS_INLINE_FUNCTION void one(Index from, Scalar* to) const {
    const Index size = rows.window.size, place = places[from];
    for (Index k = 0; k < size; ++k)
      for (Index l = 0; l < size; ++l)
        to[(k * rows.in[3] + l) * rows.in[4]] = place == k * size + l ? dy[from] : Scalar(0);
  }

#ifndef __CUDACC__
  [[gnu::always_inline]] void several(Index from, Scalar* to, Index size) const {
    lanes::Masks place;
    lanes::widen(places + from, place);
    lanes::Scalars gradient;
    lanes::load(dy + from, gradient);
    for (Index k = 0; k < size; ++k)
      for (Index l = 0; l < size; ++l) {
        const lanes::Scalars here = place == static_cast<int>(k * size + l) ? gradient : lanes::Scalars{};
        lanes::store(here, to + (k * rows.in[3] + l) * rows.in[4]);
      }
  }
#endif
};

/// Windows overlap: one task per plane adds them up in order.
struct MaxBackwardOverlapping {
  Rows rows;
  const Scalar* dy;
  const std::uint8_t* places;
  Scalar* dx;

  KOKKOS_INLINE_FUNCTION void operator()(Index plane) const {
    for (Index at = rows.in_at(plane, 0, 0); at < rows.in_at(plane + 1, 0, 0); ++at) dx[at] = 0;
    for (Index i = 0; i < rows.out[2]; ++i)
      for (Index j = 0; j < rows.out[3]; ++j)
        for (Index c = 0; c < rows.out[4]; ++c) {
          const Index from = rows.out_at(plane, i, j) + c;
          if (places[from] == nowhere) continue;
          const Index k = places[from] / rows.window.size, l = places[from] % rows.window.size;
          dx[rows.in_at(plane, i * rows.window.stride + k, j * rows.window.stride + l) + c] += dy[from];
        }
  }
};

struct AverageForward {
  Rows rows;
  const Scalar* x;
  Scalar* y;

  KOKKOS_INLINE_FUNCTION void operator()(Index task) const {
    const Index plane = rows.plane(task), i = rows.row(task);
    const Index size = rows.window.size, stride = rows.window.stride;
    const Scalar weight = 1 / static_cast<Scalar>(size * size);
    for (Index j = 0; j < rows.out[3]; ++j)
      for (Index c = 0; c < rows.out[4]; ++c) {
        Scalar sum = 0;
        for (Index k = 0; k < size; ++k)
          for (Index l = 0; l < size; ++l) sum += x[rows.in_at(plane, i * stride + k, j * stride + l) + c];
        y[rows.out_at(plane, i, j) + c] = weight * sum;
      }
  }
};

struct AverageBackward {
  Rows rows;
  const Scalar* dy;
  Scalar* dx;

  KOKKOS_INLINE_FUNCTION void operator()(Index plane) const {
    for (Index at = rows.in_at(plane, 0, 0); at < rows.in_at(plane + 1, 0, 0); ++at) dx[at] = 0;
    const Index size = rows.window.size, stride = rows.window.stride;
    const Scalar weight = 1 / static_cast<Scalar>(size * size);
    for (Index i = 0; i < rows.out[2]; ++i)
      for (Index j = 0; j < rows.out[3]; ++j)
        for (Index k = 0; k < size; ++k)
          for (Index l = 0; l < size; ++l)
            for (Index c = 0; c < rows.out[4]; ++c)
              dx[rows.in_at(plane, i * stride + k, j * stride + l) + c] += weight * dy[rows.out_at(plane, i, j) + c];
  }
};

/// Mean over a plane, one task per example: y[n, channels].
struct GlobalForward {
  Shape in;
  const Scalar* x;
  Scalar* y;

  KOKKOS_INLINE_FUNCTION void operator()(Index n) const {
    const Index channels = in[1] * in[4], positions = in[2] * in[3];
    const Scalar weight = 1 / static_cast<Scalar>(positions);
    for (Index block = 0; block < in[1]; ++block)
      for (Index c = 0; c < in[4]; ++c) {
        Scalar sum = 0;
        for (Index at = 0; at < positions; ++at) sum += x[((n * in[1] + block) * positions + at) * in[4] + c];
        y[n * channels + block * in[4] + c] = weight * sum;
      }
  }
};

struct GlobalBackward {
  Shape in;
  const Scalar* dy;
  Scalar* dx;

  KOKKOS_INLINE_FUNCTION void operator()(Index n) const {
    const Index channels = in[1] * in[4], positions = in[2] * in[3];
    const Scalar weight = 1 / static_cast<Scalar>(positions);
    for (Index block = 0; block < in[1]; ++block)
      for (Index at = 0; at < positions; ++at)
        for (Index c = 0; c < in[4]; ++c)
          dx[((n * in[1] + block) * positions + at) * in[4] + c] = weight * dy[n * channels + block * in[4] + c];
  }
};

/// Between blocked images and channels-last rows, one task per example.
struct Reblock {
  Shape in;
  const Scalar* from;
  Scalar* to;
  bool to_last;

  KOKKOS_INLINE_FUNCTION void operator()(Index n) const {
    const Index channels = in[1] * in[4], positions = in[2] * in[3];
    for (Index block = 0; block < in[1]; ++block)
      for (Index at = 0; at < positions; ++at)
        for (Index c = 0; c < in[4]; ++c) {
          const Index blocked = ((n * in[1] + block) * positions + at) * in[4] + c;
          const Index last = (n * positions + at) * channels + block * in[4] + c;
          to_last ? to[last] = from[blocked] : to[blocked] = from[last];
        }
  }
};

}  // namespace

Shape pooled_shape(const Shape& images, const Window& window) {
  if (window.size < 1 || window.size > 15 || window.stride < 1 || window.size > images[2] || window.size > images[3])
    throw std::logic_error("a pooling window does not fit its images");
  return {images[0], images[1], (images[2] - window.size) / window.stride + 1,
          (images[3] - window.size) / window.stride + 1, images[4]};
}

void max_pool(const Tensor& x, const Window& window, bool relu, const Tensor& y, std::uint8_t* places) {
  const Rows rows{x.shape, y.shape, window};
  for_each_task("velo::nn::max_pool", rows.count(), x.size(), MaxForward{rows, x.data, y.data, places, relu});
}

void max_pool_backward(const Tensor& dy, const std::uint8_t* places, const Window& window, const Tensor& dx) {
  const Rows rows{dx.shape, dy.shape, window};
  if (window.size == window.stride)
    for_each_task("velo::nn::max_pool_backward", rows.count(), dx.size(), MaxBackward{rows, dy.data, places, dx.data});
  else
    for_each_task("velo::nn::max_pool_backward", dx.shape[0] * dx.shape[1], dx.size(),
                  MaxBackwardOverlapping{rows, dy.data, places, dx.data});
}

Value max_pool(Tape& tape, Value x, const Window& window) {
  const Tensor in = tape[x];
  tape.operation("max pool", {}, [&] {
    return OperationCosts{elementwise_cost(in.size(), 1, 1), elementwise_cost(in.size(), 0, 1)};
  });
  const Value y = tape.output(pooled_shape(in.shape, window), tape.differentiable(x));
  std::uint8_t* places = tape.keep_bytes(tape[y].size());
  max_pool(in, window, false, tape[y], places);
  if (tape.differentiable(x))
    tape.record([&tape, x, y, window, places] {
      const Tensor dy = tape.gradient(y);
      if (dy) max_pool_backward(dy, places, window, tape.gradient_target(x));
    });
  return y;
}

Value average_pool(Tape& tape, Value x, const Window& window) {
  const Tensor in = tape[x];
  tape.operation("average pool", {}, [&] {
    return OperationCosts{elementwise_cost(in.size(), 1, 1), elementwise_cost(in.size(), 1, 1)};
  });
  const Value y = tape.output(pooled_shape(in.shape, window), tape.differentiable(x));
  const Rows rows{in.shape, tape[y].shape, window};
  for_each_task("velo::nn::average_pool", rows.count(), in.size(), AverageForward{rows, in.data, tape[y].data});
  if (tape.differentiable(x))
    tape.record([&tape, x, y, rows] {
      const Tensor dy = tape.gradient(y);
      if (!dy) return;
      const Tensor dx = tape.gradient_target(x);
      for_each_task("velo::nn::average_pool_backward", dx.shape[0] * dx.shape[1], dx.size(),
                    AverageBackward{rows, dy.data, dx.data});
    });
  return y;
}

Value global_average_pool(Tape& tape, Value x) {
  const Tensor in = tape[x];
  tape.operation("global average pool", {}, [&] {
    return OperationCosts{elementwise_cost(in.size(), 1, 1), elementwise_cost(in.size(), 1, 1)};
  });
  const Value y = tape.output({in.shape[0], in.shape[1] * in.shape[4]}, tape.differentiable(x));
  for_each_task("velo::nn::global_average_pool", in.shape[0], in.size(),
                GlobalForward{in.shape, in.data, tape[y].data});
  if (tape.differentiable(x))
    tape.record([&tape, x, y] {
      const Tensor dy = tape.gradient(y);
      if (!dy) return;
      const Tensor dx = tape.gradient_target(x);
      for_each_task("velo::nn::global_average_pool_backward", dx.shape[0], dx.size(),
                    GlobalBackward{dx.shape, dy.data, dx.data});
    });
  return y;
}

Value flatten(Tape& tape, Value x) {
  const Tensor in = tape[x];
  const Shape flat{in.shape[0], in.size() / in.shape[0]};
  if (in.shape[1] == 1) return tape.reshape(x, flat);
  tape.operation("flatten", {}, [&] {
    return OperationCosts{elementwise_cost(in.size(), 0, 2), elementwise_cost(in.size(), 0, 2)};
  });
  const Value y = tape.output(flat, tape.differentiable(x));
  for_each_task("velo::nn::flatten", in.shape[0], in.size(), Reblock{in.shape, in.data, tape[y].data, true});
  if (tape.differentiable(x))
    tape.record([&tape, x, y] {
      const Tensor dy = tape.gradient(y);
      if (!dy) return;
      const Tensor dx = tape.gradient_target(x);
      for_each_task("velo::nn::flatten_backward", dx.shape[0], dx.size(), Reblock{dx.shape, dy.data, dx.data, false});
    });
  return y;
}

}  // namespace velo::nn
