#include "workloads/nn/normalisation.hpp"

#include <cmath>
#include <stdexcept>

#include "results/text.hpp"
#include "workloads/nn/costs.hpp"
#include "workloads/nn/launch.hpp"
#include "workloads/nn/row_sums.hpp"

namespace velo::nn {

namespace {

constexpr Scalar epsilon = Scalar(1e-5);
constexpr Scalar rms_epsilon = Scalar(1e-6);
constexpr double default_statistics_rate = 0.1;
constexpr Index max_groups = 16;
/// A device has threads for finer parts: of at least so many rows, and at most so many to a group.
constexpr Index least_rows = 32, most_parts = 64;

/// x as [examples][blocks][positions][b], channel = block b + lane. Sums over its rows (example, position) are taken in
/// parts, which are added up to groups. On the host a part is a group of whole examples.
struct Extents {
  Index examples, blocks, positions, b;

  explicit Extents(const Shape& s)
      : examples(s[0]),
        blocks(s.rank == 5 ? s[1] : 1),
        positions(s.rank == 5 ? s[2] * s[3] : 1),
        b(s.rank == 5 ? s[4] : s.size() / s[0]) {}

  [[nodiscard]] KOKKOS_INLINE_FUNCTION Index channels() const { return blocks * b; }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION Index at(Index n, Index block) const {
    return (n * blocks + block) * positions * b;
  }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION Index size() const { return examples * blocks * positions * b; }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION Index groups() const { return examples < max_groups ? examples : max_groups; }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION Index rows() const { return examples * positions; }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION Index parts() const {
    if constexpr (device_is_host) return groups();
    const Index wanted = rows() / (groups() * least_rows);
    return groups() * (wanted < 1 ? 1 : wanted < most_parts ? wanted : most_parts);
  }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION Index first_row(Index part) const {
    if constexpr (device_is_host) return examples * part / parts() * positions;
    return rows() * part / parts();
  }

  /// Calls function(n, p, end) for the stretches of a part's rows: positions [p, end) of example n.
  template <typename Function>
  KOKKOS_FORCEINLINE_FUNCTION void for_each_stretch(Index part, const Function& function) const {
    Index left = first_row(part + 1) - first_row(part), n = first_row(part) / positions;
    for (Index p = first_row(part) - n * positions; left > 0; p = 0, ++n) {
      const Index end = left < positions - p ? p + left : positions;
      function(n, p, end);
      left -= end - p;
    }
  }
};

/// Calls task.columns<width>(place, c) for stretches [c, c + width) of the b channels that lie together. On the host all
/// of a place by one thread, with widths that the compiler knows, from task.widest down: what belongs to a channel stays in
/// registers while positions go by. On a device a thread a channel: neighbours read neighbours.
template <typename Task>
struct ByColumns {
  Task task;
  Index b;

  KOKKOS_INLINE_FUNCTION void operator()(Index place) const {
    if constexpr (device_is_host) {
      stretches<Task::widest>(place, 0);
    } else {
      task.template columns<1>(place / b, place % b);
    }
  }

  template <Index width>
  void stretches(Index place, Index c) const {
    for (; c + width <= b; c += width) task.template columns<width>(place, c);
    if constexpr (width > 1) stretches<(width > 8 ? width / 2 : 1)>(place, c);
  }
};

template <typename Task>
void for_each_column(const char* label, Index places, const Extents& e, const Task& task) {
  for_each_task(label, device_is_host ? places : places * e.b, e.size(), ByColumns<Task>{task, e.b});
}

/// Sums over the rows of one part, per channel: partial[part][2][channels].
template <bool centred, bool of_gradient>
struct BatchSums {
  Extents e;
  const Scalar* x;
  const Scalar* mean;  ///< per channel; zero where not centred
  const Scalar* dy;    ///< the sums are of dy and dy (x - mean), or else of (x - mean) and its square
  const std::int32_t* sequence;
  Scalar* partial;
  static constexpr Index widest = 16;

  /// Several sums a channel, of every second or fourth position: one would wait for its last addition each time.
  template <Index width>
  KOKKOS_FORCEINLINE_FUNCTION void columns(Index task, Index first_column) const {
    constexpr Index ways = width > 8 ? 2 : 4;
    const Index part = task / e.blocks, block = task % e.blocks, channel = block * e.b + first_column;
    Scalar first[ways][width], second[ways][width], middle[width];
    for (Index w = 0; w < ways; ++w)
      for (Index c = 0; c < width; ++c) first[w][c] = second[w][c] = 0;
    for (Index c = 0; c < width; ++c) middle[c] = centred ? mean[channel + c] : Scalar(0);
    e.for_each_stretch(part, [&](Index n, Index p, Index end) {
      if (sequence != nullptr && sequence[n] < 0) return;
      const Index start = e.at(n, block) + first_column;
      for (; p + ways <= end; p += ways)
        for (Index w = 0; w < ways; ++w) add<width>(start + (p + w) * e.b, middle, first[w], second[w]);
      for (; p < end; ++p) add<width>(start + p * e.b, middle, first[0], second[0]);
    });
    Scalar* to = partial + part * 2 * e.channels() + channel;
    for (Index c = 0; c < width; ++c) {
      for (Index w = 1; w < ways; ++w) {
        first[0][c] += first[w][c];
        second[0][c] += second[w][c];
      }
      to[c] = first[0][c];
      to[e.channels() + c] = second[0][c];
    }
  }

  template <Index width>
  KOKKOS_FORCEINLINE_FUNCTION void add(Index at, const Scalar* middle, Scalar* first, Scalar* second) const {
    for (Index c = 0; c < width; ++c) {
      const Scalar d = x[at + c] - middle[c];
      const Scalar weight = of_gradient ? dy[at + c] : d;
      first[c] += weight;
      second[c] += weight * d;
    }
  }
};

/// Adds the groups' partial sums, in order.
KOKKOS_INLINE_FUNCTION Scalar add_groups(const Scalar* partial, Index groups, Index stride) {
  Scalar sum = 0;
  for (Index g = 0; g < groups; ++g) sum += partial[g * stride];
  return sum;
}

/// Shape of what group_sums needs: [groups][2][channels] sums, and behind them a device's finer parts.
Shape sums_shape(const Extents& e) { return {e.groups() + (device_is_host ? 0 : e.parts()), 2, e.channels()}; }

void add_parts(const Extents& e, const Scalar* parts, Scalar* sums) {
  const Index row = 2 * e.channels(), each = e.parts() / e.groups();
  for_each(
      "velo::nn::add_parts", e.groups() * row,
      KOKKOS_LAMBDA(const Index i) { sums[i] = add_groups(parts + i / row * each * row + i % row, each, row); });
}

/// Calls launch(to) to fill to[part][2][channels], and adds the parts up to sums[groups][2][channels].
template <typename Launch>
void group_sums(const Extents& e, Scalar* sums, const Launch& launch) {
  Scalar* parts = device_is_host ? sums : sums + e.groups() * 2 * e.channels();
  launch(parts);
  if (!device_is_host) add_parts(e, parts, sums);
}

template <bool centred, bool of_gradient>
void batch_sums(const char* label, const Extents& e, const Scalar* x, const Scalar* mean, const Scalar* dy,
                const RowFilter& rows, Scalar* sums) {
  group_sums(e, sums, [&](Scalar* partial) {
    for_each_column(label, e.parts() * e.blocks, e,
                    BatchSums<centred, of_gradient>{e, x, mean, dy, rows.sequence, partial});
  });
}

/// Numbers of a channel that statistics are taken over.
Scalar count_of(const Extents& e, const RowFilter& rows) {
  return static_cast<Scalar>((rows.sequence == nullptr ? e.examples : rows.count) * e.positions);
}

/// y = a_c x + b_c
struct Affine {
  Extents e;
  const Scalar *x, *a, *b;
  Scalar* y;
  static constexpr Index widest = 16;

  template <Index width>
  KOKKOS_FORCEINLINE_FUNCTION void columns(Index task, Index first_column) const {
    const Index block = task % e.blocks, channel = block * e.b + first_column;
    const Index start = e.at(task / e.blocks, block) + first_column;
    Scalar slope[width], offset[width];
    for (Index c = 0; c < width; ++c) {
      slope[c] = a[channel + c];
      offset[c] = b[channel + c];
    }
    for (Index p = 0; p < e.positions; ++p)
      elementwise::run([&](Index c) { y[start + p * e.b + c] = slope[c] * x[start + p * e.b + c] + offset[c]; }, 0,
                       width);
  }
};

// --- batch norm: per channel [mean, 1 / deviation] ---

/// From the sums of x: means. From the sums around the means: variances; so small variances beside large means are
/// exact.
void batch_means(const Extents& e, Scalar count, const Scalar* partial, Scalar* mean) {
  for_each(
      "velo::nn::batch_means", e.channels(),
      KOKKOS_LAMBDA(const Index c) { mean[c] = add_groups(partial + c, e.groups(), 2 * e.channels()) / count; });
}

void batch_deviations(const Extents& e, Scalar count, const Scalar* partial, const Scalar* mean, Scalar* inverse,
                      Scalar rate, const Scalar* running, Scalar* new_running) {
  const Scalar unbiased = count > 1 ? count / (count - 1) : Scalar(1);
  const Index channels = e.channels();
  for_each(
      "velo::nn::batch_deviations", channels, KOKKOS_LAMBDA(const Index c) {
        const Scalar variance = add_groups(partial + channels + c, e.groups(), 2 * channels) / count;
        inverse[c] = 1 / std::sqrt(variance + epsilon);
        if (new_running == nullptr) return;
        new_running[c] = (1 - rate) * running[c] + rate * mean[c];
        new_running[channels + c] = (1 - rate) * running[channels + c] + rate * unbiased * variance;
      });
}

void running_statistics(Index channels, const Scalar* running, Scalar* mean, Scalar* inverse) {
  for_each(
      "velo::nn::running_statistics", channels, KOKKOS_LAMBDA(const Index c) {
        mean[c] = running[c];
        inverse[c] = 1 / std::sqrt(running[channels + c] + epsilon);
      });
}

/// a = scale / deviation, b = shift - mean a
void batch_coefficients(Index channels, const Scalar* scale, const Scalar* shift, const Scalar* mean,
                        const Scalar* inverse, Scalar* a, Scalar* b) {
  for_each(
      "velo::nn::batch_coefficients", channels, KOKKOS_LAMBDA(const Index c) {
        a[c] = scale[c] * inverse[c];
        b[c] = shift[c] - mean[c] * a[c];
      });
}

/// Gradients of scale and shift, and the coefficients of dx = a dy + s (x - mean) + t: with batch statistics
///   a = scale / deviation,  s = -a mean(dy xhat) / deviation,  t = -a mean(dy);  with running ones s = t = 0.
void batch_backward_coefficients(const Extents& e, Scalar count, const Scalar* partial, const Scalar* scale,
                                 const Scalar* inverse, bool batch_statistics, Scalar* dscale, Scalar* dshift,
                                 Scalar* slope, Scalar* offset) {
  const Index channels = e.channels();
  for_each(
      "velo::nn::batch_backward_coefficients", channels, KOKKOS_LAMBDA(const Index c) {
        const Scalar sum = add_groups(partial + c, e.groups(), 2 * channels);
        const Scalar product = add_groups(partial + channels + c, e.groups(), 2 * channels) * inverse[c];
        dshift[c] = sum;
        dscale[c] = product;
        const Scalar a = scale[c] * inverse[c];
        slope[c] = batch_statistics ? -a * product / count * inverse[c] : Scalar(0);
        offset[c] = batch_statistics ? -a * sum / count : Scalar(0);
      });
}

struct BatchBackward {
  Extents e;
  const Scalar *x, *mean, *scale, *inverse, *slope, *offset;
  const std::int32_t* sequence;
  Scalar* gradient;  ///< dy, becomes dx
  static constexpr Index widest = 16;

  template <Index width>
  KOKKOS_FORCEINLINE_FUNCTION void columns(Index task, Index first_column) const {
    const Index n = task / e.blocks, block = task % e.blocks, channel = block * e.b + first_column;
    const Index start = e.at(n, block) + first_column;
    if (sequence != nullptr && sequence[n] < 0) {
      for (Index p = 0; p < e.positions; ++p)
        for (Index c = 0; c < width; ++c) gradient[start + p * e.b + c] = 0;
      return;
    }
    Scalar factor[width], middle[width], along[width], rest[width];
    for (Index c = 0; c < width; ++c) {
      factor[c] = scale[channel + c] * inverse[channel + c];
      middle[c] = mean[channel + c];
      along[c] = slope[channel + c];
      rest[c] = offset[channel + c];
    }
    for (Index p = 0; p < e.positions; ++p)
      elementwise::run(
          [&](Index c) {
            const Index i = start + p * e.b + c;
            gradient[i] = factor[c] * gradient[i] + along[c] * (x[i] - middle[c]) + rest[c];
          },
          0, width);
  }
};

// --- layer and rms norm: per example [mean, 1 / deviation], mean = 0 for rms ---

struct LayerForward {
  Extents e;
  bool centred;
  const Scalar *x, *scale, *shift;  ///< no shift without centring
  Scalar *y, *statistics;

  KOKKOS_INLINE_FUNCTION void operator()(Index n) const {
    const Index size = e.blocks * e.positions * e.b;
    const Scalar* from = x + n * size;
    const Scalar mean =
        centred ? row_sum(size, [from](Index i) { return from[i]; }) / static_cast<Scalar>(size) : Scalar(0);
    const Scalar squares = row_sum(size, [from, mean](Index i) { return (from[i] - mean) * (from[i] - mean); });
    const Scalar inverse = 1 / std::sqrt(squares / static_cast<Scalar>(size) + (centred ? epsilon : rms_epsilon));
    statistics[2 * n] = mean;
    statistics[2 * n + 1] = inverse;
    for (Index block = 0; block < e.blocks; ++block)
      for (Index p = 0; p < e.positions; ++p) {
        const Index first = e.at(n, block) + p * e.b, channel = block * e.b;
        elementwise::run(
            [&](Index c) {
              const Scalar normed = scale[channel + c] * ((x[first + c] - mean) * inverse);
              y[first + c] = centred ? normed + shift[channel + c] : normed;
            },
            0, e.b);
      }
  }
};

/// partial[part][2][channels]: sums of dy and of dy xhat over the part's rows.
struct LayerSums {
  Extents e;
  const Scalar *x, *dy, *statistics;
  Scalar* partial;
  static constexpr Index widest = 64;  ///< one addition a row waits for the last: there must be others meanwhile

  template <Index width>
  KOKKOS_FORCEINLINE_FUNCTION void columns(Index task, Index first_column) const {
    const Index part = task / e.blocks, block = task % e.blocks;
    Scalar sum[width], product[width];
    for (Index c = 0; c < width; ++c) sum[c] = product[c] = 0;
    e.for_each_stretch(part, [&](Index n, Index p, Index end) {
      const Scalar mean = statistics[2 * n], inverse = statistics[2 * n + 1];
      for (; p < end; ++p) {
        const Index at = e.at(n, block) + p * e.b + first_column;
        for (Index c = 0; c < width; ++c) {
          sum[c] += dy[at + c];
          product[c] += dy[at + c] * ((x[at + c] - mean) * inverse);
        }
      }
    });
    Scalar* to = partial + part * 2 * e.channels() + block * e.b + first_column;
    for (Index c = 0; c < width; ++c) {
      to[c] = sum[c];
      to[e.channels() + c] = product[c];
    }
  }
};

/// dx = (g - mean(g) - xhat mean(g xhat)) / deviation, g = scale dy; without centring mean(g) falls away.
struct LayerBackward {
  Extents e;
  bool centred;
  const Scalar *x, *scale, *statistics;
  Scalar* gradient;  ///< dy, becomes dx

  KOKKOS_INLINE_FUNCTION void operator()(Index n) const {
    const Scalar mean = statistics[2 * n], inverse = statistics[2 * n + 1];
    const Scalar size = static_cast<Scalar>(e.blocks * e.positions * e.b);
    Scalar sum = 0, product = 0;
    for (Index block = 0; block < e.blocks; ++block)
      for (Index p = 0; p < e.positions; ++p) {
        const Scalar* from = x + e.at(n, block) + p * e.b;
        const Scalar* dy = gradient + e.at(n, block) + p * e.b;
        const Scalar* a = scale + block * e.b;
        if (centred) sum += row_sum(e.b, [dy, a](Index c) { return a[c] * dy[c]; });
        product +=
            row_sum(e.b, [dy, a, from, mean, inverse](Index c) { return a[c] * dy[c] * ((from[c] - mean) * inverse); });
      }
    const Scalar offset = sum / size, slope = product / size;
    for (Index block = 0; block < e.blocks; ++block)
      for (Index p = 0; p < e.positions; ++p) {
        const Index first = e.at(n, block) + p * e.b, channel = block * e.b;
        elementwise::run(
            [&](Index c) {
              const Scalar g = scale[channel + c] * gradient[first + c];
              gradient[first + c] = inverse * (g - offset - (x[first + c] - mean) * inverse * slope);
            },
            0, e.b);
      }
  }
};

/// What the scale multiplies and the gradient of the output, [examples positions, channels] each. Statistics are
/// [mean, 1 / deviation] per channel, in two vectors, or per example, in pairs.
struct ShownRows {
  Extents e;
  const Scalar *x, *dy, *statistics;
  bool per_channel;
  Scalar *inputs, *output_gradients;

  KOKKOS_INLINE_FUNCTION void operator()(Index place) const {
    const Index channels = e.channels(), row = place / channels, channel = place % channels;
    const Index n = row / e.positions;
    const Index i = e.at(n, channel / e.b) + row % e.positions * e.b + channel % e.b;
    const Scalar mean = per_channel ? statistics[channel] : statistics[2 * n];
    const Scalar inverse = per_channel ? statistics[channels + channel] : statistics[2 * n + 1];
    inputs[place] = (x[i] - mean) * inverse;
    output_gradients[place] = dy[i];
  }
};

/// Adds up the groups; a null `first` is not wanted.
void add_group_sums(const Extents& e, const Scalar* partial, Scalar* first, Scalar* second) {
  const Index channels = e.channels();
  for_each(
      "velo::nn::add_group_sums", channels, KOKKOS_LAMBDA(const Index c) {
        if (first != nullptr) first[c] = add_groups(partial + c, e.groups(), 2 * channels);
        second[c] = add_groups(partial + channels + c, e.groups(), 2 * channels);
      });
}

}  // namespace

NormKind norm_kind(std::string_view name) {
  if (name == "none") return NormKind::none;
  if (name == "batch") return NormKind::batch;
  if (name == "layer") return NormKind::layer;
  if (name == "rms") return NormKind::rms;
  throw std::logic_error(cat("no normalisation is called '", name, "'"));
}

Normalisation::Normalisation(ModelPlan& plan, const std::string& name, NormKind kind, Index channels)
    : kind_(kind), channels_(channels) {
  if (kind_ == NormKind::none) return;
  const bool batch = kind_ == NormKind::batch;
  scale_ = plan.layout.add({name + "/scale",
                            batch ? ParameterKind::batch_norm_scale : ParameterKind::layer_norm_scale,
                            {channels},
                            channels,
                            channels,
                            Initialiser::constant(1.0)});
  if (kind_ == NormKind::rms) return;
  bias_ = plan.layout.add({name + "/bias",
                           batch ? ParameterKind::batch_norm_bias : ParameterKind::layer_norm_bias,
                           {channels},
                           channels,
                           channels,
                           Initialiser::constant(0.0)});
  if (!batch) return;
  state_ = plan.add_state(channels, 0.0);
  static_cast<void>(plan.add_state(channels, 1.0));
}

Value Normalisation::operator()(Tape& tape, Value x, const RowFilter& rows) const {
  switch (kind_) {
    case NormKind::none:
      return x;
    case NormKind::batch:
      return batch(tape, x, rows);
    case NormKind::layer:
    case NormKind::rms:
      return layer(tape, x);
  }
  return x;
}

Value Normalisation::batch(Tape& tape, Value x, const RowFilter& rows) const {
  const Tensor in = tape[x];
  const Extents e(in.shape);
  const Scalar count = count_of(e, rows);
  const ForwardPass& pass = tape.pass();
  tape.operation("batch norm", scale_, [&] {
    // Statistics need x before the output can be written: it is read twice, and back x and dy are.
    return OperationCosts{elementwise_cost(in.size(), 7, 3), elementwise_cost(in.size(), 9, 5)};
  });
  const Value y = tape.output(in.shape);
  const Tensor statistics = tape.keep({2, channels_});
  Scalar* mean = statistics.data;
  Scalar* inverse = mean + channels_;
  const Scalar* running = pass.model_state.data() + state_;
  if (pass.train_mode) {
    const Tensor partial = tape.borrow(sums_shape(e));
    Scalar* new_running = pass.new_model_state.extent(0) == 0 ? nullptr : pass.new_model_state.data() + state_;
    batch_sums<false, false>("velo::nn::batch_sums", e, in.data, nullptr, nullptr, rows, partial.data);
    batch_means(e, count, partial.data, mean);
    batch_sums<true, false>("velo::nn::batch_sums", e, in.data, mean, nullptr, rows, partial.data);
    const double rate = pass.statistics_rate.value_or(default_statistics_rate);
    batch_deviations(e, count, partial.data, mean, inverse, static_cast<Scalar>(rate), running, new_running);
    tape.give_back(partial);
  } else {
    running_statistics(channels_, running, mean, inverse);
  }
  const Tensor coefficients = tape.borrow({2, channels_});
  Scalar* a = coefficients.data;
  batch_coefficients(channels_, tape.parameter(scale_), tape.parameter(bias_), mean, inverse, a, a + channels_);
  for_each_column("velo::nn::batch_norm", e.examples * e.blocks, e, Affine{e, in.data, a, a + channels_, tape[y].data});
  tape.give_back(coefficients);
  tape.record([this, &tape, e, rows, count, x, y, mean, inverse] {
    const Tensor dy = tape.gradient(y);
    if (!dy) return;
    if (tape.shows_layers()) show(tape, x, dy, mean);
    const Tensor partial = tape.scratch(sums_shape(e));
    Scalar* slope = tape.scratch({2, channels_}).data;
    const Scalar* scale = tape.parameter(scale_);
    batch_sums<true, true>("velo::nn::batch_backward_sums", e, tape[x].data, mean, dy.data, rows, partial.data);
    batch_backward_coefficients(e, count, partial.data, scale, inverse, tape.pass().train_mode,
                                tape.parameter_gradient(scale_), tape.parameter_gradient(bias_), slope,
                                slope + channels_);
    if (!tape.differentiable(x)) return;
    for_each_column(
        "velo::nn::batch_backward", e.examples * e.blocks, e,
        BatchBackward{e, tape[x].data, mean, scale, inverse, slope, slope + channels_, rows.sequence, dy.data});
    tape.pass_gradient(y, x);
  });
  return y;
}

Value Normalisation::layer(Tape& tape, Value x) const {
  const Tensor in = tape[x];
  const Extents e(in.shape);
  const bool centred = kind_ == NormKind::layer;
  tape.operation(centred ? "layer norm" : "rms norm", scale_, [&] {
    return OperationCosts{elementwise_cost(in.size(), centred ? 7 : 4, 2),
                          elementwise_cost(in.size(), centred ? 12 : 10, 3)};
  });
  const Value y = tape.output(in.shape);
  Scalar* statistics = tape.keep({e.examples, 2}).data;
  for_each_task("velo::nn::layer_norm", e.examples, e.size() * 3,
                LayerForward{e, centred, in.data, tape.parameter(scale_), centred ? tape.parameter(bias_) : nullptr,
                             tape[y].data, statistics});
  tape.record([this, &tape, e, centred, x, y, statistics] {
    const Tensor dy = tape.gradient(y);
    if (!dy) return;
    if (tape.shows_layers()) show(tape, x, dy, statistics);
    const Tensor partial = tape.scratch(sums_shape(e));
    group_sums(e, partial.data, [&](Scalar* to) {
      for_each_column("velo::nn::layer_backward_sums", e.parts() * e.blocks, e,
                      LayerSums{e, tape[x].data, dy.data, statistics, to});
    });
    add_group_sums(e, partial.data, centred ? tape.parameter_gradient(bias_) : nullptr,
                   tape.parameter_gradient(scale_));
    if (!tape.differentiable(x)) return;
    for_each_task("velo::nn::layer_backward", e.examples, e.size() * 3,
                  LayerBackward{e, centred, tape[x].data, tape.parameter(scale_), statistics, dy.data});
    tape.pass_gradient(y, x);
  });
  return y;
}

void Normalisation::show(Tape& tape, Value x, const Tensor& dy, const Scalar* statistics) const {
  const Extents e(tape[x].shape);
  const Shape shape = {e.examples * e.positions, channels_};
  const Tensor inputs = tape.scratch(shape), output_gradients = tape.scratch(shape);
  for_each(
      "velo::nn::show_normalisation", shape.size(),
      ShownRows{e, tape[x].data, dy.data, statistics, kind_ == NormKind::batch, inputs.data, output_gradients.data});
  tape.show_layer(scale_, kind_ == NormKind::rms ? std::nullopt : std::optional(bias_), inputs, output_gradients);
}

}  // namespace velo::nn
