#include "workloads/theory/least_squares.hpp"

#include <numeric>

#include "results/error.hpp"
#include "results/text.hpp"
#include "workloads/nn/launch.hpp"

namespace velo::theory {

namespace {

using nn::column_block;

/// a' w in eight lanes, so that it vectorises and has the same bits everywhere: at w = w* residuals are exactly zero.
KOKKOS_INLINE_FUNCTION double dot(const Scalar* a, const Scalar* w, Index n) {
  constexpr Index lanes = 8;
  double sum[lanes] = {};
  Index i = 0;
  for (; i + lanes <= n; i += lanes)
    for (Index l = 0; l < lanes; ++l) sum[l] += static_cast<double>(a[i + l]) * static_cast<double>(w[i + l]);
  for (Index l = 0; i + l < n; ++l) sum[l] += static_cast<double>(a[i + l]) * static_cast<double>(w[i + l]);
  return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

/// Row k from example examples[k].
struct Draw {
  RandomStream rows_stream, noise_stream;
  const Index* examples;
  const Scalar *deviations, *optimum;
  Scalar *rows, *targets;
  Index n;
  double noise;

  KOKKOS_INLINE_FUNCTION void operator()(Index k) const {
    const auto example = static_cast<std::uint64_t>(examples[k]);
    const auto first = example * static_cast<std::uint64_t>(n);
    Scalar* row = rows + k * n;
    for (Index i = 0; i < n; ++i)
      row[i] = deviations[i] * static_cast<Scalar>(rows_stream.normal(first + static_cast<std::uint64_t>(i)));
    double target = dot(row, optimum, n);
    if (noise > 0) target += noise * noise_stream.normal(example);
    targets[k] = static_cast<Scalar>(target);
  }
};

struct Residual {
  const Index* chosen;  ///< null: rows lie in order
  const Scalar *rows, *targets, *w;
  Scalar* residuals;
  Index n;

  KOKKOS_INLINE_FUNCTION void operator()(Index k) const {
    const Index row = chosen == nullptr ? k : chosen[k];
    // Rounded like the target, so that equal products leave nothing.
    const Scalar product = static_cast<Scalar>(dot(rows + row * n, w, n));
    residuals[k] = targets == nullptr ? product : product - targets[row];
  }
};

/// out = A' r / b: a task reads the rows in order and sums a block of columns.
struct Transposed {
  const Index* chosen;
  const Scalar *rows, *residuals;
  Scalar* out;
  Index batch, n;

  KOKKOS_INLINE_FUNCTION void operator()(Index block) const {
    const Index first = block * column_block;
    const Index width = n - first < column_block ? n - first : column_block;
    double sum[column_block];
    for (Index j = 0; j < column_block; ++j) sum[j] = 0;
    for (Index k = 0; k < batch; ++k) {
      const Scalar* row = rows + (chosen == nullptr ? k : chosen[k]) * n + first;
      const double r = residuals[k];
      for (Index j = 0; j < width; ++j) sum[j] += r * static_cast<double>(row[j]);
    }
    for (Index j = 0; j < width; ++j) out[first + j] = static_cast<Scalar>(sum[j] / static_cast<double>(batch));
  }
};

template <typename View>
void grow(View& view, const char* label, Index size) {
  if (static_cast<Index>(view.extent(0)) < size) view = View(std::string(label), static_cast<std::size_t>(size));
}

}  // namespace

LeastSquares::LeastSquares(const RandomStream& stream, Vector deviations, Vector optimum, double noise, Index kept)
    : rows_stream_(stream.fork(0)),
      noise_stream_(stream.fork(1)),
      deviations_(std::move(deviations)),
      optimum_(std::move(optimum)),
      noise_(noise),
      kept_(kept) {
  if (kept_ == 0) return;
  all_.resize(static_cast<std::size_t>(kept_));
  std::iota(all_.begin(), all_.end(), Index{0});
  load_all();
  draw(kept_);
}

void LeastSquares::load(const Batch& batch) {
  if (loaded_ == batch.id) return;
  choose(batch.examples);
  if (kept_ == 0) draw(batch_);
  loaded_ = batch.id;
}

void LeastSquares::load_all() {
  choose(all_);
  loaded_.reset();
}

void LeastSquares::choose(std::span<const Index> examples) {
  batch_ = static_cast<Index>(examples.size());
  grow(chosen_, "theory::chosen", batch_);
  grow(residuals_, "theory::residuals", batch_);
  if constexpr (device_is_host) {
    std::copy(examples.begin(), examples.end(), chosen_.data());
    return;
  }
  grow(staging_, "theory::staging", batch_);
  Kokkos::fence();  // the last choice may still be on its way
  std::copy(examples.begin(), examples.end(), staging_.data());
  const std::pair<Index, Index> part(0, batch_);
  Kokkos::deep_copy(Kokkos::subview(chosen_, part), Kokkos::subview(staging_, part));
}

void LeastSquares::draw(Index rows) {
  const auto n = static_cast<Index>(optimum_.extent(0));
  grow(rows_, "theory::rows", rows * n);
  grow(targets_, "theory::targets", rows);
  nn::for_each_task("theory::draw", rows, rows * n * 16,
                    Draw{rows_stream_, noise_stream_, chosen_.data(), deviations_.data(), optimum_.data(), rows_.data(),
                         targets_.data(), n, noise_});
}

double LeastSquares::loss(const ConstVector& w) {
  const auto n = static_cast<Index>(optimum_.extent(0));
  nn::for_each_task("theory::residuals", batch_, batch_ * n,
                    Residual{chosen(), rows_.data(), targets_.data(), w.data(), residuals_.data(), n});
  const Vector r = residuals_;
  const double squares = reduction_.sum(
      "theory::loss", batch_,
      KOKKOS_LAMBDA(const Index k) { return static_cast<double>(r(k)) * static_cast<double>(r(k)); });
  return 0.5 * squares / static_cast<double>(batch_);
}

void LeastSquares::gradient(const Vector& out) {
  const auto n = static_cast<Index>(optimum_.extent(0));
  nn::for_each_task("theory::transposed", (n + column_block - 1) / column_block, batch_ * n,
                    Transposed{chosen(), rows_.data(), residuals_.data(), out.data(), batch_, n});
}

void LeastSquares::curvature(const ConstVector& direction, const Vector& out) {
  const auto n = static_cast<Index>(optimum_.extent(0));
  nn::for_each_task("theory::curvature", batch_, batch_ * n,
                    Residual{chosen(), rows_.data(), nullptr, direction.data(), residuals_.data(), n});
  gradient(out);
}

ParameterSpec batch_parameter() {
  return integer("batch_size", 0, {0, 1e6}, "examples in a training batch; 0: all measurements", "examples");
}

Index batch_of(const Parameters& parameters, Index measurements) {
  const Index size = parameters.integer("batch_size");
  if (size > measurements) throw Error(cat("batch_size = ", size, " is more than the ", measurements, " measurements"));
  return size == 0 ? measurements : size;
}

}  // namespace velo::theory
