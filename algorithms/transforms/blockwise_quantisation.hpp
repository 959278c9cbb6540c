// algorithms/transforms/blockwise_quantisation.hpp
//
// State of an optimizer in 8 bits, block by block: a block of 2048 values is stored as its largest magnitude and one
// code per value,
//   N = max |s|,   code = argmin over c of |Q(c) - s / N|   (the lower of two equally near),   s ~ N Q(code)
// so that an outlier spoils the precision of its own block only. Every step reads a block, updates it in Scalar
// precision and stores it anew; the parameters move by the fresh values, before they are rounded.
// Paper: Dettmers, Lewis, Shleifer, Zettlemoyer, "8-bit optimizers via block-wise quantization", ICLR 2022,
// arXiv:2110.02861, section 2; the code book Q is the dynamic tree of section 1.3 (signed) and its unsigned variant.
//
// What is quantised: every block of the layout with at least `min_quantised_size` values (the paper's 4096), except
// embeddings, which the paper keeps in 32 bits. Quantisation blocks never cross a border between layout blocks.
// The rest (biases, norms, small weights) is kept in Scalars.
//
// Huge values are stored as the largest finite one; a NaN does not survive being stored (it has reached the parameters
// by then).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "harness/device/elementwise.hpp"
#include "harness/hyperparameters.hpp"
#include "harness/layout.hpp"
#include "harness/state_arena.hpp"

namespace velo {

enum class CodeSign { both, positive };

/// The 256 values of the dynamic tree, ascending: 0, 1, and the means of equal parts of [0.1, 1] times 1, 0.1, ..., 1e-6:
/// 64, 32, ..., 1 parts (both signs), or 128, 64, ..., 2 parts (positive).
[[nodiscard]] std::vector<double> dynamic_tree(CodeSign sign);

/// A code book where kernels can read it.
struct CodeBook {
  const Scalar* value = nullptr;   ///< [256]
  const Scalar* border = nullptr;  ///< [255]: the largest number that is not nearer to value[c + 1] than to value[c]

  [[nodiscard]] KOKKOS_INLINE_FUNCTION Scalar dequantise(std::uint8_t code) const { return value[code]; }
  /// The number of borders below x.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION std::uint8_t quantise(Scalar x) const {
    int code = 0;
    for (int step = 128; step > 0; step /= 2) code += x > border[code + step - 1] ? step : 0;
    return static_cast<std::uint8_t>(code);
  }
};

/// Owns what a CodeBook borrows.
class CodeTable {
 public:
  explicit CodeTable(CodeSign sign);
  [[nodiscard]] CodeBook book() const { return {value_.data(), border_.data()}; }

 private:
  Vector value_;
  Vector border_;
};

/// Parameters [first, first + size), whose codes are [code, code + size).
struct QuantisedBlock {
  Index first;
  Index size;
  Index code;
};

/// Which parameters are quantised, and where their state lies.
class QuantisedParts {
 public:
  /// Reads `block_size` and `min_quantised_size`.
  explicit QuantisedParts(const Parameters& parameters);
  /// The specs of both, to be appended to a rule's own.
  static void declare(std::vector<ParameterSpec>& specs);

  /// Called from declare_state().
  void prepare(const ParameterLayout& layout);

  [[nodiscard]] Index codes() const { return codes_; }
  [[nodiscard]] Index plain_size() const { return plain_size_; }
  [[nodiscard]] Index blocks() const { return static_cast<Index>(blocks_.size()); }
  /// The blocks, on the device.
  [[nodiscard]] const QuantisedBlock* table() const { return table_.data(); }

  /// For the parameters [first, last), whole blocks of the layout: quantised(block, end) at most once, with numbers of
  /// quantisation blocks, and plain(begin, end, at) for parameters [begin, end) whose state starts at `at`.
  template <typename Quantised, typename Plain>
  void within(Index first, Index last, Quantised quantised, Plain plain) const {
    const auto number = [&](Index position) {
      return std::partition_point(blocks_.begin(), blocks_.end(),
                                  [&](const QuantisedBlock& b) { return b.first < position; }) -
             blocks_.begin();
    };
    if (number(first) < number(last)) quantised(number(first), number(last));
    for (const PlainPart& part : plain_) {
      const Index begin = std::max(first, part.first), end = std::min(last, part.last);
      if (begin < end) plain(begin, end, part.at + begin - part.first);
    }
  }

 private:
  struct PlainPart {
    Index first;
    Index last;
    Index at;
  };

  Index block_size_;
  Index min_size_;
  Index codes_ = 0;
  Index plain_size_ = 0;
  std::vector<QuantisedBlock> blocks_;
  std::vector<PlainPart> plain_;
  Kokkos::View<QuantisedBlock*, MemorySpace> table_;
};

namespace blockwise {

/// One state vector, as kernels see it.
struct Stored {
  std::uint8_t* code = nullptr;
  Scalar* largest = nullptr;
  CodeBook book;
};

/// The largest magnitudes of `count` state vectors.
template <int count>
struct Magnitudes {
  Scalar value[count];
};

/// Kokkos reducer: the larger one, separately for each.
template <int count>
struct LargerOfEach {
  using reducer = LargerOfEach;
  using value_type = Magnitudes<count>;
  using result_view_type = Kokkos::View<value_type, Kokkos::AnonymousSpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;

  KOKKOS_INLINE_FUNCTION explicit LargerOfEach(value_type& result) : result_(&result) {}
  KOKKOS_INLINE_FUNCTION void join(value_type& to, const value_type& from) const {
    for (int n = 0; n < count; ++n)
      if (from.value[n] > to.value[n]) to.value[n] = from.value[n];
  }
  KOKKOS_INLINE_FUNCTION void init(value_type& x) const {
    for (int n = 0; n < count; ++n) x.value[n] = 0;
  }
  KOKKOS_INLINE_FUNCTION value_type& reference() const { return *result_; }
  KOKKOS_INLINE_FUNCTION result_view_type view() const { return result_view_type(result_); }
  KOKKOS_INLINE_FUNCTION bool references_scalar() const { return true; }

 private:
  value_type* result_;
};

/// One team per quantisation block: finds the largest new magnitudes, then computes the new state again and stores it.
template <int count, typename Rule>
struct Task {
  using Team = typename Kokkos::TeamPolicy<ExecutionSpace>::member_type;

  const QuantisedBlock* table = nullptr;
  Index first_block = 0;
  Stored stored[count];
  Rule rule;

  KOKKOS_INLINE_FUNCTION void advance(const QuantisedBlock& block, const Magnitudes<count>& old, Index k,
                                      Scalar (&state)[count]) const {
    for (int n = 0; n < count; ++n) state[n] = old.value[n] * stored[n].book.dequantise(stored[n].code[block.code + k]);
    rule.advance(block.first + k, state);
  }

  KOKKOS_INLINE_FUNCTION void operator()(const Team& team) const {
    const Index number = first_block + team.league_rank();
    const QuantisedBlock block = table[number];
    Magnitudes<count> old{}, fresh{};
    for (int n = 0; n < count; ++n) old.value[n] = stored[n].largest[number];

    Kokkos::parallel_reduce(
        Kokkos::TeamThreadRange(team, block.size),
        [&](const Index k, Magnitudes<count>& largest) {
          Scalar state[count];
          advance(block, old, k, state);
          for (int n = 0; n < count; ++n) {
            const Scalar magnitude = state[n] < 0 ? -state[n] : state[n];
            if (magnitude > largest.value[n]) largest.value[n] = magnitude;
          }
        },
        LargerOfEach<count>(fresh));

    constexpr Scalar top = std::numeric_limits<Scalar>::max();
    for (int n = 0; n < count; ++n) fresh.value[n] = fresh.value[n] < top ? fresh.value[n] : top;
    Kokkos::parallel_for(Kokkos::TeamThreadRange(team, block.size), [&](const Index k) {
      Scalar state[count];
      advance(block, old, k, state);
      // A division, because the reciprocal of a denormal magnitude is infinite.
      for (int n = 0; n < count; ++n)
        stored[n].code[block.code + k] =
            stored[n].book.quantise(fresh.value[n] > 0 ? state[n] / fresh.value[n] : Scalar(0));
      rule.apply(block.first + k, state);
    });
    Kokkos::single(Kokkos::PerTeam(team), [&] {
      for (int n = 0; n < count; ++n) stored[n].largest[number] = fresh.value[n];
    });
  }
};

/// Where `count` state vectors lie that are not quantised.
template <int count>
struct Plain {
  Scalar* state[count];
};

/// The same step where nothing is quantised.
template <int count, typename Rule>
void plain_pass(const char* label, Index begin, Index end, Plain<count> plain, Rule rule) {
  for_each(
      label, end - begin, KOKKOS_LAMBDA(const Index k) {
        Scalar state[count];
        for (int n = 0; n < count; ++n) state[n] = plain.state[n][k];
        rule.advance(begin + k, state);
        for (int n = 0; n < count; ++n) plain.state[n][k] = state[n];
        rule.apply(begin + k, state);
      });
}

}  // namespace blockwise

/// `count` state vectors of a rule, quantised where QuantisedParts says so. They start at zero.
///
/// A Rule is a struct of device functions:
///   void advance(Index i, Scalar (&state)[count]) const        old state of parameter i to new, writing nothing else
///   void apply(Index i, const Scalar (&state)[count]) const    moves parameter i by its new state
template <int count>
class BlockwiseState {
 public:
  BlockwiseState(const Parameters& parameters, const std::array<CodeSign, count>& signs)
      : parts_(parameters), signs_(signs) {}

  void declare(StateArena& state, const std::array<std::string, count>& names) {
    parts_.prepare(state.layout());
    tables_.clear();
    for (const CodeSign sign : signs_) tables_.emplace_back(sign);
    for (std::size_t n = 0; n < count; ++n) {
      state.bytes(names[n] + "_codes", parts_.codes(), vectors_[n].code);
      state.buffer(names[n] + "_largest", parts_.blocks(), vectors_[n].largest);
      state.buffer(names[n], parts_.plain_size(), vectors_[n].plain);
    }
  }

  /// One step of the parameters [first, last), whole blocks of the layout.
  template <typename Rule>
  void update(const char* label, Index first, Index last, const Rule& rule) const {
    parts_.within(
        first, last, [&](Index block, Index end) { update_quantised(label, block, end, rule); },
        [&](Index begin, Index end, Index at) {
          blockwise::Plain<count> plain{};
          for (std::size_t n = 0; n < count; ++n) plain.state[n] = vectors_[n].plain.data() + at;
          blockwise::plain_pass<count>(label, begin, end, plain, rule);
        });
  }

 private:
  struct StateVector {
    ByteVector code;
    Vector largest;  ///< one per quantisation block
    Vector plain;
  };

  template <typename Rule>
  void update_quantised(const char* label, Index block, Index end, const Rule& rule) const {
    blockwise::Task<count, Rule> task{.table = parts_.table(), .first_block = block, .stored = {}, .rule = rule};
    for (std::size_t n = 0; n < count; ++n)
      task.stored[n] = {vectors_[n].code.data(), vectors_[n].largest.data(), tables_[n].book()};
    const Kokkos::TeamPolicy<ExecutionSpace> teams(static_cast<int>(end - block), Kokkos::AUTO);
    if (Kokkos::Tools::profileLibraryLoaded())
      Kokkos::parallel_for(label, teams, task);
    else
      Kokkos::parallel_for(teams, task);
  }

  QuantisedParts parts_;
  std::array<CodeSign, count> signs_;
  std::vector<CodeTable> tables_;
  std::array<StateVector, count> vectors_;
};

}  // namespace velo
