#include "workloads/nn/rotary.hpp"

#include <cmath>
#include <stdexcept>

#include "harness/device/lanes.hpp"
#include "workloads/nn/costs.hpp"
#include "workloads/nn/launch.hpp"
#include "workloads/nn/row_sums.hpp"

namespace velo::nn {

namespace {

constexpr Scalar norm_epsilon = Scalar(1e-6);

/// Where things lie; shared by both directions.
struct Places {
  Index sequences, length, heads, size, padded;
  const Scalar* table;

  [[nodiscard]] KOKKOS_INLINE_FUNCTION Index width() const { return heads * size; }
  /// First number of a head's row: part 0 queries, 1 keys, 2 values.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION Index head(Index part, Index row, Index h) const {
    return (((part * sequences + row / length) * heads + h) * length + row % length) * padded;
  }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION const Scalar* cosines(Index row) const { return table + row % length * size; }
  [[nodiscard]] Index rows() const { return sequences * length; }
};

KOKKOS_INLINE_FUNCTION Scalar inverse_norm(const Scalar* x, Index size) {
  return 1 / std::sqrt(row_sum(size, [x](Index c) { return x[c] * x[c]; }) + norm_epsilon);
}

struct RotaryForward {
  Places at;
  const Scalar* x;
  Scalar* y;

  KOKKOS_INLINE_FUNCTION void operator()(Index row) const {
    const Index half = at.size / 2;
    const Scalar* cosine = at.cosines(row);
    const Scalar* sine = cosine + half;
    for (Index part = 0; part < 3; ++part)
      for (Index h = 0; h < at.heads; ++h) {
        const Scalar* from = x + row * 3 * at.width() + part * at.width() + h * at.size;
        Scalar* to = y + at.head(part, row, h);
        if (part == 2) {
          for (Index c = 0; c < at.size; ++c) to[c] = from[c];
        } else {
          const Scalar inverse = inverse_norm(from, at.size);
          elementwise::run(
              [&](Index c) {
                const Scalar a = from[c] * inverse, b = from[c + half] * inverse;
                to[c] = a * cosine[c] - b * sine[c];
                to[c + half] = a * sine[c] + b * cosine[c];
              },
              0, half);
        }
        for (Index c = at.size; c < at.padded; ++c) to[c] = 0;
      }
  }
};

/// du = dy turned back; dx = (du - u (u . du)) / sqrt(|x|^2 + epsilon). The dot product is that of y and dy too.
struct RotaryBackward {
  Places at;
  const Scalar *x, *y, *dy;
  Scalar* dx;

  KOKKOS_INLINE_FUNCTION void operator()(Index row) const {
    const Index half = at.size / 2;
    const Scalar* cosine = at.cosines(row);
    const Scalar* sine = cosine + half;
    for (Index part = 0; part < 3; ++part)
      for (Index h = 0; h < at.heads; ++h) {
        const Index place = row * 3 * at.width() + part * at.width() + h * at.size, head = at.head(part, row, h);
        const Scalar* u = y + head;
        const Scalar* g = dy + head;
        Scalar* to = dx + place;
        if (part == 2) {
          for (Index c = 0; c < at.size; ++c) to[c] = g[c];
          continue;
        }
        const Scalar inverse = inverse_norm(x + place, at.size);
        const Scalar along = row_sum(at.size, [u, g](Index c) { return u[c] * g[c]; });
        elementwise::run(
            [&](Index c) {
              const Scalar a = g[c] - along * u[c], b = g[c + half] - along * u[c + half];
              to[c] = inverse * (a * cosine[c] + b * sine[c]);
              to[c + half] = inverse * (b * cosine[c] - a * sine[c]);
            },
            0, half);
      }
  }
};

}  // namespace

Index padded_head(Index head_size) {
  constexpr Index unit = device_is_host ? lanes::count : 1;
  return (head_size + unit - 1) / unit * unit;
}

Rotary::Rotary(Index length, Index head_size, double base) : length_(length), head_size_(head_size) {
  if (head_size < 2 || head_size % 2 != 0) throw std::logic_error("rotary positions turn pairs: heads have even sizes");
  const Index half = head_size / 2;
  table_ = Vector("velo::nn::rotary", static_cast<std::size_t>(length * head_size));
  const auto host = Kokkos::create_mirror_view(table_);
  for (Index t = 0; t < length; ++t)
    for (Index c = 0; c < half; ++c) {
      const double angle =
          static_cast<double>(t) * std::pow(base, -2.0 * static_cast<double>(c) / static_cast<double>(head_size));
      host(t * head_size + c) = static_cast<Scalar>(std::cos(angle));
      host(t * head_size + half + c) = static_cast<Scalar>(std::sin(angle));
    }
  Kokkos::deep_copy(table_, host);
}

Value Rotary::operator()(Tape& tape, Value x, Index heads, Index length) const {
  const Tensor in = tape[x];
  const Index rows = in.size() / (3 * heads * head_size_);
  if (length > length_ || rows % length != 0) throw std::logic_error("rotary positions do not fit their sequences");
  const Places at{rows / length, length, heads, head_size_, padded_head(head_size_), table_.data()};
  tape.operation("rotary", {}, [&] {
    return OperationCosts{elementwise_cost(in.size(), 4, 2), elementwise_cost(in.size(), 8, 4)};
  });
  const Value y = tape.output({3, at.sequences * heads, length, at.padded}, tape.differentiable(x));
  for_each_task("velo::nn::rotary", rows, in.size() * 2, RotaryForward{at, in.data, tape[y].data});
  if (tape.differentiable(x))
    tape.record([&tape, at, x, y, rows] {
      const Tensor dy = tape.gradient(y);
      if (!dy) return;
      const Tensor dx = tape.gradient_target(x);
      for_each_task("velo::nn::rotary_backward", rows, dx.size() * 2,
                    RotaryBackward{at, tape[x].data, tape[y].data, dy.data, dx.data});
    });
  return y;
}

}  // namespace velo::nn
