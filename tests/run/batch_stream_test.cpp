#include "harness/run/batch_stream.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "harness/algorithm.hpp"

using namespace velo;

TEST_CASE("every epoch shows every example once, in another order") {
  BatchStream stream(5, 103);
  std::vector<Index> first, second;
  for (const Index example : stream.next(103).examples) first.push_back(example);
  for (const Index example : stream.next(103).examples) second.push_back(example);
  CHECK(first != second);
  std::sort(first.begin(), first.end());
  std::sort(second.begin(), second.end());
  CHECK(first == second);
  for (Index i = 0; i < 103; ++i) CHECK(first[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("a batch may span two epochs, and the batch size does not change the order of examples") {
  BatchStream small(5, 10), large(5, 10);
  std::vector<Index> from_small, from_large;
  for (int i = 0; i < 10; ++i)
    for (const Index example : small.next(3).examples) from_small.push_back(example);
  for (const Index example : large.next(30).examples) from_large.push_back(example);
  CHECK(from_small == from_large);
}

TEST_CASE("a stream restored at a position goes on as if it had never stopped") {
  BatchStream whole(9, 50), part(9, 50);
  for (int i = 0; i < 7; ++i) (void)whole.next(13);
  part.restore(whole.position(), whole.batches());
  for (int i = 0; i < 5; ++i) {
    const Batch a = whole.next(13);
    const Batch b = part.next(13);
    CHECK(a.id == b.id);
    CHECK(std::equal(a.examples.begin(), a.examples.end(), b.examples.begin(), b.examples.end()));
  }
}

TEST_CASE("the indices of a batch outlive the next seven draws") {
  BatchStream stream(1, 1000);
  const Batch kept = stream.next(4);
  const std::vector<Index> copy(kept.examples.begin(), kept.examples.end());
  for (int i = 0; i < 7; ++i) (void)stream.next(4);
  CHECK(std::equal(copy.begin(), copy.end(), kept.examples.begin()));
}

TEST_CASE("a chosen batch counts as a batch and leaves the order of the others as it is") {
  BatchStream plain(3, 20), mixed(3, 20);
  const std::vector<Index> wanted = {7, 7, 2};
  const Batch first = mixed.next(5);
  const Batch chosen = mixed.chosen(wanted);
  CHECK(std::equal(chosen.examples.begin(), chosen.examples.end(), wanted.begin(), wanted.end()));
  CHECK(chosen.id == first.id + 1);
  CHECK(mixed.position() == 5);
  (void)plain.next(5);
  const Batch a = plain.next(6), b = mixed.next(6);
  CHECK(std::equal(a.examples.begin(), a.examples.end(), b.examples.begin(), b.examples.end()));
  CHECK(b.id == chosen.id + 1);
}

TEST_CASE("slices of a batch have ids of their own") {
  BatchStream stream(1, 1000);
  const Batch batch = stream.next(8);
  CHECK(slice(batch, 0, 4).id != slice(batch, 4, 4).id);
  CHECK(slice(batch, 0, 4).id != slice(batch, 0, 8).id);
  CHECK(slice(batch, 4, 4).examples.front() == batch.examples[4]);
}
