// algorithms/wrappers/grab.cpp
//
// GraB: examples in the order that keeps the running sum of their gradients small, for any rule. In one epoch, which
// visits the examples in the order p, with m the mean of all gradients of the epoch before (0 in the first):
//   for each example e in turn:   c = g_e - m,   sign = +1 if <s, c> < 0 else -1,   s <- s + sign c
//     sign +1: e takes the first free place of the next epoch's order;   -1: the last free one
// so that both halves of the next order balance what this one left over. The first order is random.
// Papers: Lu, Guo, De Sa, "GraB: finding provably better data permutations than random reshuffling", NeurIPS 2022,
// arXiv:2205.10733, Algorithm 4 with the deterministic balancing of Algorithm 5; why it is optimal: Cha, Lee, Yun,
// "Tighter lower bounds for shuffling SGD", ICML 2023, arXiv:2303.07160.
// The inner rule's first plain gradient of a step is the mean of the batch's gradients of single examples, which costs no
// more than the gradient of the batch. Whatever else it asks (losses, other points, micro-batches, HVPs) is about the
// same batch and costs what it costs beside them. draw() and choose() are the trial's own.
// Differs: every batch holds several examples of one point, as the authors' code has it; the last batch of an epoch is
// what is left of it.
// State: 3 values per parameter, 8 bytes per training example, 2 counts. Scratch: `slice` gradients and one more. Traffic
// per example: 7 reads, 3 writes per parameter.

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "harness/algorithm.hpp"
#include "harness/device/elementwise.hpp"
#include "harness/device/memory.hpp"
#include "harness/device/reduce.hpp"
#include "harness/registry.hpp"

namespace velo {

namespace {

double balance_of(Reduction& reduction, Index size, const Scalar* sum, const Scalar* gradient, const Scalar* mean) {
  return reduction.sum(
      "velo::reduce::grab_balance", size, KOKKOS_LAMBDA(const Index i) {
        return static_cast<double>(sum[i]) * (static_cast<double>(gradient[i]) - static_cast<double>(mean[i]));
      });
}

struct GrabFactors {
  Scalar sign;
  Scalar of_epoch;  ///< 1 / examples
  Scalar of_batch;  ///< 1 / batch size
};

void absorb_pass(Index size, GrabFactors f, const Scalar* gradient, const Scalar* mean, Scalar* sum, Scalar* next_mean,
                 Scalar* batch_mean) {
  for_each(
      "velo::update::grab", size, KOKKOS_LAMBDA(const Index i) {
        const Scalar g = gradient[i];
        sum[i] += f.sign * (g - mean[i]);
        next_mean[i] += f.of_epoch * g;
        batch_mean[i] += f.of_batch * g;
      });
}

/// An order of examples in the state, four bytes each.
class Order {
 public:
  void declare(StateArena& state, const char* name) { state.bytes(name, 4 * state.sizes().examples, bytes_); }
  void read(Index first, std::vector<std::uint32_t>& out) const { transfer(first, out, true); }
  void write(Index first, std::vector<std::uint32_t>& in) const { transfer(first, in, false); }
  void copy_from(const Order& other) const { Kokkos::deep_copy(bytes_, other.bytes_); }

 private:
  void transfer(Index first, std::vector<std::uint32_t>& numbers, bool read) const {
    if (numbers.empty()) return;
    const auto begin = 4 * static_cast<std::size_t>(first), size = 4 * numbers.size();
    const Kokkos::View<std::uint8_t*, Kokkos::HostSpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>> host(
        reinterpret_cast<std::uint8_t*>(numbers.data()), size);
    const auto device = Kokkos::subview(bytes_, std::pair(begin, begin + size));
    if (read)
      Kokkos::deep_copy(host, device);
    else
      Kokkos::deep_copy(device, host);
  }

  ByteVector bytes_;
};

class Grab : public Wrapper {
 public:
  Grab(std::unique_ptr<TrainingAlgorithm> inner, const Parameters& parameters)
      : Wrapper(std::move(inner)), slice_(parameters.integer("slice")) {}

  void declare(StateArena& state) override {
    Wrapper::declare(state);
    const Index size = state.layout().size();
    examples_ = state.sizes().examples;
    state.vector("balance", sum_);
    state.vector("mean", mean_);
    state.vector("next_mean", next_mean_);
    order_.declare(state, "order");
    next_order_.declare(state, "next_order");
    state.counter("position", position_);
    state.counter("positive", positive_);
    rows_ = zeros("grab::rows", slice_ * size);
    batch_mean_ = zeros("grab::batch_mean", size);
  }

  void init(Oracle& oracle, Vector params) override {
    const Permutation random(oracle.random().fork(first_order), static_cast<std::uint64_t>(examples_));
    numbers_.resize(static_cast<std::size_t>(examples_));
    for (std::size_t i = 0; i < numbers_.size(); ++i) numbers_[i] = static_cast<std::uint32_t>(random(i));
    order_.write(0, numbers_);
    Wrapper::init(oracle, params);
  }

  void step(Oracle& oracle, Vector params) override {
    Balanced balanced(oracle, *this);
    Wrapper::step(balanced, params);
  }

  void observe(Observer& observer) const override {
    observer.scalar("balance", balance_);
    Wrapper::observe(observer);
  }

 private:
  /// The questions of one step, about a batch in our order.
  class Balanced : public OracleDecorator {
   public:
    Balanced(Oracle& base, Grab& owner) : OracleDecorator(base), owner_(&owner) {}
    const Batch& batch() override {
      if (drawn_) return batch_;
      batch_ = owner_->next_batch(*base_);
      loss_ = owner_->balance(*base_, batch_);
      drawn_ = true;
      return batch_;
    }
    double loss(const Query& query) override { return base_->loss(about_batch(query)); }
    double gradient(Vector out, const Query& query) override {
      const Query asked = about_batch(query);
      if (answered_ || !is_plain(asked)) return base_->gradient(out, asked);
      answered_ = true;
      copy(owner_->batch_mean_, out);
      return loss_;
    }
    double example_gradients(Vector out, const Query& query) override {
      return base_->example_gradients(out, about_batch(query));
    }
    void hessian_vector_product(ConstVector direction, Vector out, const Query& query) override {
      base_->hessian_vector_product(direction, out, about_batch(query));
    }

   private:
    [[nodiscard]] Query about_batch(Query query) {
      if (query.batch == nullptr) query.batch = &batch();
      return query;
    }
    /// The gradient that the mean of single examples' is.
    [[nodiscard]] bool is_plain(const Query& query) const {
      return query.batch == &batch_ && query.at.extent(0) == 0 && query.own_model_state.extent(0) == 0 &&
             base_->model_state().extent(0) == 0 && !query.statistics_rate && !query.dropout_rate &&
             !query.label_smoothing && !query.loss_term && query.layers == nullptr && !query.sampled_labels;
    }

    Grab* owner_;
    Batch batch_;
    double loss_ = 0.0;
    bool drawn_ = false;
    bool answered_ = false;
  };

  static constexpr std::uint64_t first_order = 0x67726162;  ///< apart from what the inner rule forks for

  Batch next_batch(Oracle& oracle) {
    if (position_ == examples_) begin_epoch();
    numbers_.resize(static_cast<std::size_t>(std::min(oracle.batch_size(), examples_ - position_)));
    order_.read(position_, numbers_);
    chosen_.assign(numbers_.begin(), numbers_.end());
    return oracle.choose(chosen_);
  }

  void begin_epoch() {
    order_.copy_from(next_order_);
    copy(next_mean_, mean_);
    fill(next_mean_, 0.0);
    fill(sum_, 0.0);
    position_ = 0;
    positive_ = 0;
  }

  /// Finds a place for every example of the batch; fills batch_mean_ and returns the mean loss.
  double balance(Oracle& oracle, const Batch& batch) {
    const auto size = static_cast<Index>(sum_.extent(0));
    GrabFactors factors = {1, static_cast<Scalar>(1.0 / static_cast<double>(examples_)),
                           static_cast<Scalar>(1.0 / static_cast<double>(batch.size()))};
    fill(batch_mean_, 0.0);
    to_front_.clear();
    to_back_.clear();
    double loss = 0.0;
    for (Index first = 0; first < batch.size(); first += slice_) {
      const Batch part = slice(batch, first, std::min(slice_, batch.size() - first));
      const Vector rows = Kokkos::subview(rows_, std::pair<Index, Index>(0, part.size() * size));
      loss += oracle.example_gradients(rows, {.batch = &part}) * static_cast<double>(part.size());
      for (Index e = 0; e < part.size(); ++e) {
        const Scalar* gradient = rows.data() + e * size;
        balance_ = balance_of(reduction_, size, sum_.data(), gradient, mean_.data());
        const bool positive = balance_ < 0.0;
        factors.sign = positive ? Scalar(1) : Scalar(-1);
        absorb_pass(size, factors, gradient, mean_.data(), sum_.data(), next_mean_.data(), batch_mean_.data());
        (positive ? to_front_ : to_back_).push_back(numbers_[static_cast<std::size_t>(first + e)]);
      }
    }
    place(batch.size());
    return loss / static_cast<double>(batch.size());
  }

  void place(Index count) {
    next_order_.write(positive_, to_front_);
    positive_ += static_cast<Index>(to_front_.size());
    position_ += count;
    std::reverse(to_back_.begin(), to_back_.end());
    next_order_.write(examples_ - (position_ - positive_), to_back_);
  }

  Index slice_;
  Index examples_ = 0;

  Vector sum_;
  Vector mean_;
  Vector next_mean_;
  Order order_;
  Order next_order_;
  std::int64_t position_ = 0;  ///< examples of this epoch that have been seen
  std::int64_t positive_ = 0;  ///< those with sign +1

  std::vector<std::uint32_t> numbers_, to_front_, to_back_;  ///< numbers_: of the batch
  std::vector<Index> chosen_;
  Vector rows_;
  Vector batch_mean_;
  Reduction reduction_;
  double balance_ = 0.0;  ///< <s, c> of the last example
};

}  // namespace

AlgorithmInfo grab_info() {
  AlgorithmInfo info;
  info.name = "grab";
  info.summary = "orders the examples of each epoch so that their gradients balance, for another algorithm";
  info.paper = "Lu, Guo, De Sa, NeurIPS 2022, arXiv:2205.10733";
  info.needs = {Capability::per_example_gradients};
  info.parameters = {
      inner_algorithm("inner", "the algorithm that trains on batches in this order"),
      integer("slice", 16, Range::at_least(1), "gradients of single examples held at once", "examples"),
  };
  info.make = [](const Parameters& parameters, const Registry& registry) {
    return std::make_unique<Grab>(registry.make(parameters.algorithm("inner")), parameters);
  };
  return info;
}

}  // namespace velo
