// algorithms/matrix/shampoo.cpp
//
// Shampoo: a preconditioner for each side of every matrix. For G [out, in] (convolutions: [out, in height width]), cut
// into tiles of at most block_size rows and columns, each with its own
//   L <- b2 L + w G G'      R <- b2 R + w G' G          w = 1 - b2, corrected for the start at zero; w = 1 for b2 = 1
//   every precondition_frequency steps from start_step on:  Lr = (L + eps tr(L) I)^(-1/root),  Rr likewise
//   D <- Lr G Rr
// One-dimensional blocks keep the diagonal alone:  v <- b2 v + w g^2,  d = g / (sqrt(v) + graft_eps).
// Grafting gives every block the length of another rule's step d', and before start_step takes that step:
//   D <- D |d'| / |D|,  d' = g (sgd),  g / (sqrt(sum g^2) + graft_eps) (adagrad),  d above for every block (rmsprop)
// Then, for all blocks:
//   m <- mu m + D           x <- (1 - lr wd) x - lr (nesterov ? D + mu m : m)
// Papers: Gupta, Koren, Singer, ICML 2018, arXiv:1802.09568, Algorithm 1 (b2 = 1, root = 4); Anil et al.,
// arXiv:2002.09018 (tiles, delayed roots, grafting, coupled Newton); Agarwal et al., arXiv:2002.11803 (grafting).
// Differs: the ridge is relative to the trace, as small as eps whatever the scale of the gradients (Gupta et al. start
// at eps I); convolutions are matrices, not tensors of order 4; a block is grafted as a whole, not tile by tile. A root
// that fails (statistics that overflowed) leaves the one before in use.
// State: 1 value per parameter (2 with adagrad or rmsprop), 1 more per element of one-dimensional blocks otherwise, and
// 2 (rows^2 + columns^2) per tile. Traffic per step: 7 reads, 4 writes per parameter, and 4 products per tile; all
// linear algebra on one thread.

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "algorithms/transforms/bias_correction.hpp"
#include "algorithms/transforms/weight_decay.hpp"
#include "harness/algorithm.hpp"
#include "harness/device/elementwise.hpp"
#include "harness/device/linear_algebra.hpp"
#include "harness/device/memory.hpp"
#include "harness/device/runtime.hpp"

namespace velo {

namespace {

struct DiagonalFactors {
  Scalar keep, add;   ///< v <- keep v + add g^2
  Scalar root_scale;  ///< 1 / sqrt of the weight that v holds
  Scalar eps;
};

void diagonal_pass(Index size, DiagonalFactors f, const Scalar* gradient, Scalar* square, Scalar* direction) {
  for_each(
      "velo::update::shampoo_diagonal", size, KOKKOS_LAMBDA(const Index i) {
        const Scalar g = gradient[i];
        const Scalar v = f.keep * square[i] + f.add * g * g;
        square[i] = v;
        direction[i] = g / (std::sqrt(v) * f.root_scale + f.eps);
      });
}

void identity_pass(Index n, Scalar* matrix) {
  for_each(
      "velo::update::shampoo_identity", n * n,
      KOKKOS_LAMBDA(const Index i) { matrix[i] = i / n == i % n ? Scalar(1) : Scalar(0); });
}

void correct_pass(Index size, Scalar factor, Scalar* root) {
  for_each(
      "velo::update::shampoo_correct", size, KOKKOS_LAMBDA(const Index i) { root[i] *= factor; });
}

struct StepFactors {
  Scalar length;  ///< what the direction is multiplied with
  Scalar momentum;
  bool nesterov;
  Scalar keep;
  Scalar lr;
};

void step_pass(Index size, StepFactors f, const Scalar* direction, Scalar* velocity, Scalar* params) {
  for_each(
      "velo::update::shampoo_step", size, KOKKOS_LAMBDA(const Index i) {
        const Scalar d = f.length * direction[i];
        const Scalar m = f.momentum * velocity[i] + d;
        velocity[i] = m;
        params[i] = f.keep * params[i] - f.lr * (f.nesterov ? d + f.momentum * m : m);
      });
}

enum class Graft { none, sgd, adagrad, rmsprop };

Graft graft_named(const std::string& name) {
  if (name == "sgd") return Graft::sgd;
  if (name == "adagrad") return Graft::adagrad;
  return name == "rmsprop" ? Graft::rmsprop : Graft::none;
}

class Shampoo : public GradientRule {
 public:
  explicit Shampoo(const Parameters& parameters)
      : lr_(parameters.real("lr")),
        momentum_(parameters.real("momentum")),
        beta2_(parameters.real("beta2")),
        eps_(parameters.real("eps")),
        graft_eps_(parameters.real("graft_eps")),
        nesterov_(parameters.boolean("nesterov")),
        graft_(graft_named(parameters.choice("graft"))),
        solver_(parameters.choice("root_solver") == "newton" ? RootSolver::newton : RootSolver::eigen),
        root_(parameters.integer("root")),
        block_size_(parameters.integer("block_size")),
        frequency_(parameters.integer("precondition_frequency")),
        start_step_(parameters.integer("start_step")),
        weight_decay_(parameters.real("weight_decay")),
        decay_norms_and_biases_(parameters.boolean("decay_norms_and_biases")) {}

  void init(Oracle& /*oracle*/, Vector /*params*/) override {
    for (const Tile& tile : tiles_) {
      identity_pass(tile.rows, left_root_.data() + tile.left);
      identity_pass(tile.columns, right_root_.data() + tile.right);
    }
  }

  void observe(Observer& observer) const override {
    observer.scalar("lr", last_lr_);
    observer.scalar("failed_roots", static_cast<double>(failed_roots_));
  }

 protected:
  void declare_state(StateArena& state) override {
    const ParameterLayout& layout = state.layout();
    blocks_.clear();
    tiles_.clear();
    diagonals_.clear();
    tile_state_ = {};
    for (const ParameterBlock& block : layout.blocks()) {
      blocks_.push_back({block.offset, block.size(), decay_norms_and_biases_ || !is_norm_or_bias(block.kind)});
      if (block.shape.rank >= 2)
        cut(block);
      else
        diagonals_.push_back({block.offset, block.size(), block.offset});
    }
    Index diagonal_size = layout.size();
    if (diagonal_graft()) {
      diagonals_ = {{0, layout.size(), 0}};
    } else {
      diagonal_size = 0;
      for (Diagonal& diagonal : diagonals_) {
        diagonal.state = diagonal_size;
        diagonal_size += diagonal.size;
      }
    }
    state.vector("velocity", velocity_);
    state.buffer("v", diagonal_size, square_);
    state.buffer("left", tile_state_.left, left_);
    state.buffer("right", tile_state_.right, right_);
    state.buffer("left_root", tile_state_.left, left_root_);
    state.buffer("right_root", tile_state_.right, right_root_);
    correction_.declare(state, "beta2_product");

    direction_ = zeros("shampoo::direction", layout.size());
    half_ = zeros("shampoo::half", tile_state_.largest);
    inverse_root_.reserve(tile_state_.largest_side);
    reduction_ = std::make_unique<BlockReduction>(layout);
    lengths_.assign(blocks_.size(), 1.0);
  }

  void update(const Progress& progress, ConstVector gradient, Vector params) override {
    last_lr_ = lr_.at(progress);
    const double beta2 = beta2_.at(progress);
    const double held = correction_.advance(beta2);
    const Average average = {beta2, beta2 < 1.0 ? 1.0 - beta2 : 1.0, held > 0.0 ? held : 1.0};

    plain_directions(progress, average, gradient);
    if (graft_ != Graft::none)
      lengths_ = reduction_->squared_norm(graft_ == Graft::sgd ? gradient : ConstVector(direction_));
    precondition(progress, average, gradient.data());
    if (graft_ != Graft::none) {
      const std::vector<double>& own = reduction_->squared_norm(direction_);
      for (std::size_t b = 0; b < own.size(); ++b) lengths_[b] = own[b] > 0.0 ? std::sqrt(lengths_[b] / own[b]) : 0.0;
    }
    move(progress, params.data());
  }

 private:
  struct Block {
    Index offset, size;
    bool decayed;
  };
  struct Tile {
    Index offset;         ///< of the first element, in the flat vector
    Index stride;         ///< from row to row
    Index rows, columns;  ///< of the tile
    Index left, right;    ///< in the statistics of either side
  };
  struct Diagonal {
    Index offset, size;
    Index state;  ///< in v
  };
  struct TileState {
    Index left = 0, right = 0;  ///< scalars in all tiles
    Index largest = 0, largest_side = 0;
  };
  /// statistics <- beta statistics + weight (new), which then hold the weight `held` in all.
  struct Average {
    double beta, weight, held;
  };

  [[nodiscard]] bool diagonal_graft() const { return graft_ == Graft::adagrad || graft_ == Graft::rmsprop; }

  /// Tiles of a matrix, as equal as whole numbers allow.
  void cut(const ParameterBlock& block) {
    const Index rows = block.shape[0], columns = block.size() / rows;
    const Index down = (rows + block_size_ - 1) / block_size_, across = (columns + block_size_ - 1) / block_size_;
    for (Index i = 0; i < down; ++i)
      for (Index j = 0; j < across; ++j) {
        const Index top = rows * i / down, first = columns * j / across;
        const Index high = rows * (i + 1) / down - top, wide = columns * (j + 1) / across - first;
        tiles_.push_back(
            {block.offset + top * columns + first, columns, high, wide, tile_state_.left, tile_state_.right});
        tile_state_.left += high * high;
        tile_state_.right += wide * wide;
        tile_state_.largest = std::max(tile_state_.largest, high * wide);
        tile_state_.largest_side = std::max({tile_state_.largest_side, high, wide});
      }
  }

  /// The direction of every block without matrices: the grafted rule's, and the diagonal one of one-dimensional blocks.
  void plain_directions(const Progress& progress, Average average, ConstVector gradient) {
    if (!diagonal_graft()) copy(gradient, direction_);
    if (graft_ == Graft::adagrad) average = {1.0, 1.0, 1.0};
    const DiagonalFactors f = {.keep = static_cast<Scalar>(average.beta),
                               .add = static_cast<Scalar>(average.weight),
                               .root_scale = static_cast<Scalar>(1.0 / std::sqrt(average.held)),
                               .eps = static_cast<Scalar>(graft_eps_.at(progress))};
    for (const Diagonal& d : diagonals_)
      diagonal_pass(d.size, f, gradient.data() + d.offset, square_.data() + d.state, direction_.data() + d.offset);
  }

  void precondition(const Progress& progress, Average average, const Scalar* gradient) {
    const std::int64_t since = progress.step - start_step_;
    const bool active = since >= 0, refresh = active && since % frequency_ == 0;
    const double ridge = eps_.at(progress);
    if (refresh) failed_roots_ = 0;
    const LibraryThreads one(1);  // once for all products
    for (const Tile& tile : tiles_) {
      gather(tile, average, gradient + tile.offset);
      if (refresh) take_root(tile.rows, ridge, average.held, left_.data() + tile.left, left_root_.data() + tile.left);
      if (refresh)
        take_root(tile.columns, ridge, average.held, right_.data() + tile.right, right_root_.data() + tile.right);
      if (active) apply(tile, gradient + tile.offset);
    }
  }

  void gather(const Tile& tile, Average average, const Scalar* gradient) {
    Multiplication form = {.rows = tile.rows,
                           .columns = tile.rows,
                           .inner = tile.columns,
                           .transpose_b = true,
                           .alpha = average.weight,
                           .beta = average.beta,
                           .stride_a = tile.stride,
                           .stride_b = tile.stride};
    multiply(form, gradient, gradient, left_.data() + tile.left);
    form.rows = form.columns = tile.columns;
    form.inner = tile.rows;
    form.transpose_a = true;
    form.transpose_b = false;
    multiply(form, gradient, gradient, right_.data() + tile.right);
  }

  void take_root(Index n, double ridge, double held, const Scalar* statistics, Scalar* root) {
    if (!inverse_root_(n, root_, ridge, solver_, statistics, root))
      ++failed_roots_;
    else if (held != 1.0)  // (L / held)^(-1/p)
      correct_pass(n * n, static_cast<Scalar>(std::pow(held, 1.0 / static_cast<double>(root_))), root);
  }

  void apply(const Tile& tile, const Scalar* gradient) {
    multiply({.rows = tile.rows, .columns = tile.columns, .inner = tile.rows, .stride_b = tile.stride},
             left_root_.data() + tile.left, gradient, half_.data());
    multiply({.rows = tile.rows, .columns = tile.columns, .inner = tile.columns, .stride_c = tile.stride}, half_.data(),
             right_root_.data() + tile.right, direction_.data() + tile.offset);
  }

  void move(const Progress& progress, Scalar* params) {
    const auto keep = static_cast<Scalar>(1.0 - last_lr_ * weight_decay_.at(progress));
    StepFactors f = {.length = 1,
                     .momentum = static_cast<Scalar>(momentum_.at(progress)),
                     .nesterov = nesterov_,
                     .keep = 1,
                     .lr = static_cast<Scalar>(last_lr_)};
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      const Block& block = blocks_[b];
      f.length = static_cast<Scalar>(lengths_[b]);
      f.keep = block.decayed ? keep : Scalar(1);
      step_pass(block.size, f, direction_.data() + block.offset, velocity_.data() + block.offset,
                params + block.offset);
    }
  }

  Schedule lr_;
  Schedule momentum_;
  Schedule beta2_;
  Schedule eps_;
  Schedule graft_eps_;
  bool nesterov_;
  Graft graft_;
  RootSolver solver_;
  std::int64_t root_;
  Index block_size_;
  std::int64_t frequency_;
  std::int64_t start_step_;
  Schedule weight_decay_;
  bool decay_norms_and_biases_;

  std::vector<Block> blocks_;
  std::vector<Tile> tiles_;
  std::vector<Diagonal> diagonals_;
  TileState tile_state_;

  Vector velocity_;
  Vector square_;
  Vector left_;
  Vector right_;
  Vector left_root_;
  Vector right_root_;
  BiasCorrection correction_;

  // Work memory.
  Vector direction_;
  Vector half_;  ///< Lr G of one tile
  InverseRoot inverse_root_;
  std::unique_ptr<BlockReduction> reduction_;
  std::vector<double> lengths_;  ///< per block: first the squared norm to graft, then the factor
  double last_lr_ = 0.0;
  std::int64_t failed_roots_ = 0;  ///< at the last refresh
};

}  // namespace

AlgorithmInfo shampoo_info() {
  AlgorithmInfo info;
  info.name = "shampoo";
  info.summary = "a preconditioner for the rows and one for the columns of every matrix, grafted on a diagonal rule";
  info.paper = "Gupta, Koren, Singer, ICML 2018, arXiv:1802.09568; Anil et al., arXiv:2002.09018";
  info.parameters = {
      real("lr", 1e-3, Range::non_negative(), "learning rate"),
      real("momentum", 0.9, Range::decay(), "share of the last velocity in the next"),
      boolean("nesterov", false, "look ahead along the velocity"),
      real("beta2", 0.99, Range::fraction(), "decay of the statistics; 1 sums them up, as Gupta et al. do"),
      real("eps", 1e-6, Range::positive(), "added to the diagonal of the statistics, times their trace"),
      integer("root", 4, Range::at_least(1), "statistics to the power of -1/root; Gupta et al.: 4"),
      choice("root_solver", "eigen", {"eigen", "newton"}, "eigenvalues, or coupled Newton iteration"),
      integer("block_size", 128, Range::at_least(1), "largest side of a tile", "elements"),
      integer("precondition_frequency", 10, Range::at_least(1), "steps from one root to the next", "steps"),
      integer("start_step", 10, Range::at_least(1), "first preconditioned step", "steps"),
      choice("graft", "rmsprop", {"none", "sgd", "adagrad", "rmsprop"},
             "the rule that gives every block's step its length"),
      real("graft_eps", 1e-8, Range::positive(), "added to the roots of the diagonal"),
  };
  WeightDecay::declare(info.parameters, 0.0);
  info.make = [](const Parameters& parameters, const Registry&) { return std::make_unique<Shampoo>(parameters); };
  return info;
}

}  // namespace velo
