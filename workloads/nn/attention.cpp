#include "workloads/nn/attention.hpp"

#include <cmath>
#include <limits>
#include <stdexcept>

#include "harness/device/lanes.hpp"
#include "workloads/nn/costs.hpp"
#include "workloads/nn/launch.hpp"
#include "workloads/nn/math.hpp"
#include "workloads/nn/row_sums.hpp"

namespace velo::nn {

namespace {

constexpr Scalar no_score = -std::numeric_limits<Scalar>::infinity();

/// One pass over all sequences and heads. Queries, keys and values are [count, length, padded] each, outputs
/// [sequences, length, heads, size].
struct Attention {
  Index count, length, heads, size, padded;
  Scalar temperature;
  const Scalar* scale;
  const Scalar* parts;  ///< queries, keys, values
  Scalar* output;
  Scalar* log_sums;  ///< [count, length]

  [[nodiscard]] KOKKOS_INLINE_FUNCTION Index part_size() const { return count * length * padded; }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION const Scalar* part(Index which, Index n) const {
    return parts + which * part_size() + n * length * padded;
  }
  /// Where head n has its numbers at position t, in an output or its gradient.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION Index place(Index n, Index t) const {
    return ((n / heads * length + t) * heads + n % heads) * size;
  }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION Scalar slope() const { return temperature * scale[0]; }
};

struct AttentionGradients {
  const Scalar* output;  ///< do
  Scalar* parts;         ///< dq, dk, dv
  Scalar* dots;          ///< [count, length]: do . o
  Scalar* scale;         ///< [count]: sum dS q . k, what the slope gets
};

KOKKOS_INLINE_FUNCTION Scalar dot(const Scalar* a, const Scalar* b, Index n) {
  return row_sum(n, [a, b](Index c) { return a[c] * b[c]; });
}

// --- one row a task ---

/// One query, its keys in order.
struct ForwardRow {
  Attention at;

  KOKKOS_INLINE_FUNCTION void operator()(Index task) const {
    const Index n = task / at.length, i = task % at.length;
    const Scalar* q = at.part(0, n) + i * at.padded;
    const Scalar slope = at.slope();
    Scalar sum[CausalAttention::largest_head];
    for (Index c = 0; c < at.size; ++c) sum[c] = 0;
    Scalar largest = no_score, total = 0;
    for (Index j = 0; j <= i; ++j) {
      const Scalar score = slope * dot(q, at.part(1, n) + j * at.padded, at.size);
      const Scalar* v = at.part(2, n) + j * at.padded;
      const Scalar before = largest;
      largest = score > largest ? score : largest;
      const Scalar shrink = math::exp(before - largest), weight = math::exp(score - largest);
      total = total * shrink + weight;
      for (Index c = 0; c < at.size; ++c) sum[c] = sum[c] * shrink + weight * v[c];
    }
    for (Index c = 0; c < at.size; ++c) at.output[at.place(n, i) + c] = sum[c] / total;
    at.log_sums[task] = largest + static_cast<Scalar>(::log(static_cast<double>(total)));
  }
};

/// One query: do . o, dq, and in `row_scale` its share of the slope's gradient.
struct QueryRow {
  Attention at;
  AttentionGradients g;
  Scalar* row_scale;  ///< [count, length]

  KOKKOS_INLINE_FUNCTION void operator()(Index task) const {
    const Index n = task / at.length, i = task % at.length;
    const Scalar* q = at.part(0, n) + i * at.padded;
    const Scalar* dout = g.output + at.place(n, i);
    Scalar* dq = g.parts + task * at.padded;
    const Scalar slope = at.slope(), through = dot(dout, at.output + at.place(n, i), at.size);
    Scalar of_slope = 0;
    for (Index c = 0; c < at.size; ++c) dq[c] = 0;
    for (Index j = 0; j <= i; ++j) {
      const Scalar* k = at.part(1, n) + j * at.padded;
      const Scalar product = dot(q, k, at.size);
      const Scalar weight = math::exp(slope * product - at.log_sums[task]);
      const Scalar ds = weight * (dot(dout, at.part(2, n) + j * at.padded, at.size) - through);
      of_slope += ds * product;
      for (Index c = 0; c < at.size; ++c) dq[c] += slope * ds * k[c];
    }
    g.dots[task] = through;
    row_scale[task] = of_slope;
  }
};

/// One key and its value: dk, dv.
struct KeyRow {
  Attention at;
  AttentionGradients g;

  KOKKOS_INLINE_FUNCTION void operator()(Index task) const {
    const Index n = task / at.length, j = task % at.length;
    const Scalar* k = at.part(1, n) + j * at.padded;
    const Scalar* v = at.part(2, n) + j * at.padded;
    Scalar* dk = g.parts + at.part_size() + task * at.padded;
    Scalar* dv = dk + at.part_size();
    const Scalar slope = at.slope();
    for (Index c = 0; c < at.size; ++c) dk[c] = dv[c] = 0;
    for (Index i = j; i < at.length; ++i) {
      const Scalar* q = at.part(0, n) + i * at.padded;
      const Scalar* dout = g.output + at.place(n, i);
      const Index row = n * at.length + i;
      const Scalar weight = math::exp(slope * dot(q, k, at.size) - at.log_sums[row]);
      const Scalar ds = slope * weight * (dot(dout, v, at.size) - g.dots[row]);
      for (Index c = 0; c < at.size; ++c) {
        dk[c] += ds * q[c];
        dv[c] += weight * dout[c];
      }
    }
  }
};

void sum_rows(const Scalar* rows, Scalar* sums, Index count, Index length) {
  for_each_task(
      "velo::nn::attention_scale_rows", count, count * length, KOKKOS_LAMBDA(const Index n) {
        const Scalar* row = rows + n * length;
        sums[n] = row_sum(length, [row](Index i) { return row[i]; });
      });
}

/// out[0] = factor (sums[0] + ... + sums[count - 1])
void sum_scale(const Scalar* sums, Scalar* out, Index count, Scalar factor) {
  for_each(
      "velo::nn::attention_scale", 1,
      KOKKOS_LAMBDA(const Index) { out[0] = factor * row_sum(count, [sums](Index i) { return sums[i]; }); });
}

// --- tiles ---

#ifndef __CUDACC__

constexpr Index tile_queries = 16, tile_keys = 32;
constexpr Index largest_padded = (CausalAttention::largest_head + lanes::count - 1) / lanes::count * lanes::count;
static_assert(tile_keys % lanes::count == 0);

/// A matrix of which any row and column may be a stretch in memory.
struct Strided {
  const Scalar* data;
  Index row, column;
};

/// Rows x (vectors of lanes) of C (+)= A B in registers; B [inner, ldb] and C [., ldc].
template <int rows, int vectors>
void tile_product(const Strided& a, const Scalar* b, Index ldb, Index inner, Scalar* c, Index ldc, bool accumulate) {
  lanes::Scalars sum[rows][vectors] = {};
  if (accumulate)
    for (int r = 0; r < rows; ++r)
      for (int v = 0; v < vectors; ++v) lanes::load(c + r * ldc + v * lanes::count, sum[r][v]);
  for (Index k = 0; k < inner; ++k) {
    lanes::Scalars from[vectors];
    for (int v = 0; v < vectors; ++v) lanes::load(b + k * ldb + v * lanes::count, from[v]);
    for (int r = 0; r < rows; ++r) {
      const Scalar factor = a.data[r * a.row + k * a.column];
      for (int v = 0; v < vectors; ++v) sum[r][v] += factor * from[v];
    }
  }
  for (int r = 0; r < rows; ++r)
    for (int v = 0; v < vectors; ++v) lanes::store(sum[r][v], c + r * ldc + v * lanes::count);
}

template <int vectors>
void column_product(Index rows, const Strided& a, const Scalar* b, Index ldb, Index inner, Scalar* c, Index ldc,
                    bool accumulate) {
  Index r = 0;
  const auto from = [&](Index row) { return Strided{a.data + row * a.row, a.row, a.column}; };
  for (; r + 4 <= rows; r += 4) tile_product<4, vectors>(from(r), b, ldb, inner, c + r * ldc, ldc, accumulate);
  for (; r < rows; ++r) tile_product<1, vectors>(from(r), b, ldb, inner, c + r * ldc, ldc, accumulate);
}

/// C (+)= A B, C [rows, columns], columns a multiple of lanes::count.
void product(Index rows, Index columns, Index inner, const Strided& a, const Scalar* b, Index ldb, Scalar* c, Index ldc,
             bool accumulate) {
  Index n = 0;
  for (; n + 2 * lanes::count <= columns; n += 2 * lanes::count)
    column_product<2>(rows, a, b + n, ldb, inner, c + n, ldc, accumulate);
  for (; n < columns; n += lanes::count) column_product<1>(rows, a, b + n, ldb, inner, c + n, ldc, accumulate);
}

/// to[c][j] = from[j][c], columns j up to tile_keys filled with zeros.
void transpose(const Scalar* from, Index rows, Index padded, Scalar* to) {
  for (Index c = 0; c < padded; ++c) {
    for (Index j = 0; j < rows; ++j) to[c * tile_keys + j] = from[j * padded + c];
    for (Index j = rows; j < tile_keys; ++j) to[c * tile_keys + j] = 0;
  }
}

[[nodiscard]] Index at_most(Index a, Index b) { return a < b ? a : b; }

/// One sequence and head: a block of queries meets its keys block by block.
struct ForwardTiles {
  Attention at;
  Scalar* keys;  ///< [count, tiles of keys, padded, tile_keys]: transposed

  [[nodiscard]] Index key_tiles() const { return (at.length + tile_keys - 1) / tile_keys; }

  void operator()(Index n) const {
    const Scalar* q = at.part(0, n);
    const Scalar* v = at.part(2, n);
    Scalar* turned = keys + n * key_tiles() * at.padded * tile_keys;
    for (Index j = 0; j < at.length; j += tile_keys)
      transpose(at.part(1, n) + j * at.padded, at_most(tile_keys, at.length - j), at.padded, turned + j * at.padded);
    for (Index i = 0; i < at.length; i += tile_queries) block(n, i, q + i * at.padded, turned, v);
  }

  void block(Index n, Index i, const Scalar* q, const Scalar* turned, const Scalar* v) const {
    alignas(64) Scalar sum[tile_queries * largest_padded];
    alignas(64) Scalar scores[tile_queries * tile_keys];
    Scalar largest[tile_queries], total[tile_queries];
    const Index rows = at_most(tile_queries, at.length - i);
    const Scalar slope = at.slope();
    for (Index r = 0; r < rows; ++r) {
      largest[r] = no_score;
      total[r] = 0;
      for (Index c = 0; c < at.padded; ++c) sum[r * at.padded + c] = 0;
    }
    for (Index j = 0; j < i + rows; j += tile_keys) {
      product(rows, tile_keys, at.padded, {q, at.padded, 1}, turned + j * at.padded, tile_keys, scores, tile_keys,
              false);
      for (Index r = 0; r < rows; ++r)
        add_row(scores + r * tile_keys, i + r - j + 1, slope, largest[r], total[r], sum + r * at.padded);
      product(rows, at.padded, at_most(tile_keys, at.length - j), {scores, tile_keys, 1}, v + j * at.padded, at.padded,
              sum, at.padded, true);
    }
    for (Index r = 0; r < rows; ++r) {
      Scalar* to = at.output + at.place(n, i + r);
      const Scalar inverse = 1 / total[r];
      for (Index c = 0; c < at.size; ++c) to[c] = sum[r * at.padded + c] * inverse;
      at.log_sums[n * at.length + i + r] = largest[r] + static_cast<Scalar>(::log(static_cast<double>(total[r])));
    }
  }

  /// Products become weights relative to the largest score so far; what was summed before shrinks to fit. The first
  /// `visible` keys are not in the query's future.
  void add_row(Scalar* row, Index visible, Scalar slope, Scalar& largest, Scalar& total, Scalar* sum) const {
    if (visible < tile_keys)
      for (Index j = visible < 0 ? 0 : visible; j < tile_keys; ++j) row[j] = 0;
    if (visible <= 0) return;
    visible >= tile_keys ? add_keys(row, tile_keys, slope, largest, total, sum)
                         : add_keys(row, visible, slope, largest, total, sum);
  }

  [[gnu::always_inline]] void add_keys(Scalar* row, Index count, Scalar slope, Scalar& largest, Scalar& total,
                                       Scalar* sum) const {
    elementwise::run([=](Index j) { row[j] *= slope; }, 0, count);
    const Scalar here = row_max(count, [row](Index j) { return row[j]; });
    if (here > largest) {
      const Scalar shrink = math::exp(largest - here);
      largest = here;
      total *= shrink;
      elementwise::run([=](Index c) { sum[c] *= shrink; }, 0, at.padded);
    }
    const Scalar most = largest;
    elementwise::run([=](Index j) { row[j] = math::exp(row[j] - most); }, 0, count);
    total += row_sum(count, [row](Index j) { return row[j]; });
  }
};

/// One sequence and head: a block of keys meets the queries from its own on.
struct BackwardTiles {
  Attention at;
  AttentionGradients g;
  Scalar* outputs;  ///< [count, length, padded]: do, head by head

  void operator()(Index n) const {
    const Index area = at.length * at.padded;
    Scalar* dout = outputs + n * area;
    Scalar* dq = g.parts + n * area;
    for (Index t = 0; t < at.length; ++t) {
      const Scalar* from = g.output + at.place(n, t);
      for (Index c = 0; c < at.padded; ++c) dout[t * at.padded + c] = c < at.size ? from[c] : Scalar(0);
      g.dots[n * at.length + t] = dot(from, at.output + at.place(n, t), at.size);
    }
    for (Index k = 0; k < area; ++k) dq[k] = 0;
    for (Index j = 0; j < at.length; j += tile_keys) block(n, j, dout, dq);
    const Scalar slope = at.slope();
    const Scalar* q = at.part(0, n);
    g.scale[n] = dot(dq, q, area);
    elementwise::run([=](Index k) { dq[k] *= slope; }, 0, area);
  }

  void block(Index n, Index j, const Scalar* dout, Scalar* dq) const {
    alignas(64) Scalar turned_keys[largest_padded * tile_keys], turned_values[largest_padded * tile_keys];
    alignas(64) Scalar weights[tile_queries * tile_keys], slopes[tile_queries * tile_keys];
    const Index columns = at_most(tile_keys, at.length - j), padded = at.padded;
    const Scalar* q = at.part(0, n);
    const Scalar* k = at.part(1, n) + j * padded;
    transpose(k, columns, padded, turned_keys);
    transpose(at.part(2, n) + j * padded, columns, padded, turned_values);
    Scalar* dk = g.parts + at.part_size() + (n * at.length + j) * padded;
    Scalar* dv = dk + at.part_size();
    const Index first = j / tile_queries * tile_queries;
    for (Index i = first; i < at.length; i += tile_queries) {
      const Index rows = at_most(tile_queries, at.length - i);
      const bool more = i != first;
      product(rows, tile_keys, padded, {q + i * padded, padded, 1}, turned_keys, tile_keys, weights, tile_keys, false);
      product(rows, tile_keys, padded, {dout + i * padded, padded, 1}, turned_values, tile_keys, slopes, tile_keys,
              false);
      for (Index r = 0; r < rows; ++r)
        slope_row(n * at.length + i + r, i + r - j + 1, weights + r * tile_keys, slopes + r * tile_keys);
      product(columns, padded, rows, {weights, 1, tile_keys}, dout + i * padded, padded, dv, padded, more);
      product(columns, padded, rows, {slopes, 1, tile_keys}, q + i * padded, padded, dk, padded, more);
      product(rows, padded, columns, {slopes, tile_keys, 1}, k, padded, dq + i * padded, padded, true);
    }
    const Scalar slope = at.slope();
    elementwise::run([=](Index c) { dk[c] *= slope; }, 0, columns * padded);
  }

  /// Of one query: products become weights P, and dP becomes dS; both are zero for keys in its future.
  void slope_row(Index query, Index visible, Scalar* weight, Scalar* ds) const {
    if (visible < tile_keys)
      for (Index j = visible < 0 ? 0 : visible; j < tile_keys; ++j) weight[j] = ds[j] = 0;
    visible >= tile_keys ? slope_keys(query, tile_keys, weight, ds) : slope_keys(query, visible, weight, ds);
  }

  [[gnu::always_inline]] void slope_keys(Index query, Index count, Scalar* weight, Scalar* ds) const {
    const Scalar slope = at.slope(), log_sum = at.log_sums[query], through = g.dots[query];
    elementwise::run(
        [=](Index j) {
          weight[j] = math::exp(slope * weight[j] - log_sum);
          ds[j] = weight[j] * (ds[j] - through);
        },
        0, count);
  }
};

#endif

void forward(Tape& tape, AttentionKernels kernels, const Attention& at) {
  const Index rows = at.count * at.length, work = rows * at.length;
#ifndef __CUDACC__
  if (kernels == AttentionKernels::tiles) {
    const Index tiles = (at.length + tile_keys - 1) / tile_keys;
    const Tensor keys = tape.borrow({at.count, tiles * tile_keys, at.padded});
    for_each_task("velo::nn::attention", at.count, work, ForwardTiles{at, keys.data});
    tape.give_back(keys);
    return;
  }
#endif
  static_cast<void>(tape);
  static_cast<void>(kernels);
  for_each_task("velo::nn::attention", rows, work, ForwardRow{at});
}

/// Everything but the sum over `g.scale`.
void backward(Tape& tape, AttentionKernels kernels, const Attention& at, const AttentionGradients& g) {
  const Index rows = at.count * at.length, work = rows * at.length;
#ifndef __CUDACC__
  if (kernels == AttentionKernels::tiles) {
    const Tensor outputs = tape.scratch({rows, at.padded});
    for_each_task("velo::nn::attention_backward", at.count, work, BackwardTiles{at, g, outputs.data});
    return;
  }
#endif
  static_cast<void>(kernels);
  Scalar* row_scale = tape.scratch({rows}).data;
  for_each_task("velo::nn::attention_queries", rows, work, QueryRow{at, g, row_scale});
  for_each_task("velo::nn::attention_keys", rows, work, KeyRow{at, g});
  sum_rows(row_scale, g.scale, at.count, at.length);
}

}  // namespace

CausalAttention::CausalAttention(ParameterLayout& layout, const std::string& name, Index heads, const Rotary& rotary,
                                 const AttentionOptions& options)
    : heads_(heads),
      rotary_(rotary),
      options_(options),
      in_(layout, name + "/qkv", heads * rotary.head_size(), 3 * heads * rotary.head_size(),
          {.bias = false, .kind = ParameterKind::attention_qkv, .weight_start = options.in_start}),
      scale_(layout.add(
          {name + "/scale", ParameterKind::layer_norm_scale, {1}, 1, 1, Initialiser::constant(options.initial_scale)})),
      out_(layout, name + "/out", heads * rotary.head_size(), heads * rotary.head_size(),
           {.bias = false, .kind = ParameterKind::attention_out, .weight_start = options.out_start}) {
  if (rotary.head_size() > largest_head) throw std::logic_error("an attention head is larger than largest_head");
}

Value CausalAttention::operator()(Tape& tape, Value x, Index length) const {
  return out_(tape, attend(tape, rotary_(tape, in_(tape, x), heads_, length), length));
}

Value CausalAttention::attend(Tape& tape, Value parts, Index length) const {
  const Shape& shape = tape[parts].shape;
  const Index count = shape[1], size = rotary_.head_size();
  tape.operation("attention", scale_, [&] {
    // Of every query and key that it sees: two products of heads forward, five back, and the softmax.
    const Index pairs = count * length * (length + 1) / 2, numbers = count * length * size;
    const auto heads = static_cast<double>(size);
    return OperationCosts{elementwise_cost(pairs, 4 * heads + 4, 0) + elementwise_cost(numbers, 1, 4),
                          elementwise_cost(pairs, 10 * heads + 5, 0) + elementwise_cost(numbers, 2, 8)};
  });
  const Value y = tape.output({count / heads_ * length, heads_ * size});
  const Attention at{.count = count,
                     .length = length,
                     .heads = heads_,
                     .size = size,
                     .padded = shape[3],
                     .temperature = static_cast<Scalar>(options_.temperature),
                     .scale = tape.parameter(scale_),
                     .parts = tape[parts].data,
                     .output = tape[y].data,
                     .log_sums = tape.keep({count, length}).data};
  forward(tape, options_.kernels, at);
  tape.record([this, &tape, parts, y, at] {
    const Tensor dy = tape.gradient(y);
    if (!dy) return;
    const AttentionGradients g{.output = dy.data,
                               .parts = tape.gradient_target(parts).data,
                               .dots = tape.scratch({at.count, at.length}).data,
                               .scale = tape.scratch({at.count}).data};
    backward(tape, options_.kernels, at, g);
    sum_scale(g.scale, tape.parameter_gradient(scale_), at.count, at.temperature);
  });
  return y;
}

}  // namespace velo::nn
