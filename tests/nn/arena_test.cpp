#include "workloads/nn/arena.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cstdint>

namespace velo {
namespace {

using nn::Arena;

TEST_CASE("an arena hands out disjoint aligned memory") {
  Arena arena;
  for (int pass = 0; pass < 2; ++pass) {
    Scalar* a = arena.allocate(100);
    Scalar* b = arena.allocate(1);
    Scalar* c = arena.allocate(33);
    for (const Scalar* p : {a, b, c}) CHECK(reinterpret_cast<std::uintptr_t>(p) % 64 == 0);
    for (int i = 0; i < 100; ++i) a[i] = 1;
    b[0] = 2;
    for (int i = 0; i < 33; ++i) c[i] = 3;
    CHECK(a[99] == 1);
    CHECK(b[0] == 2);
    arena.finish();
  }
}

TEST_CASE("an arena grows once to the largest need and hands released memory out again") {
  Arena arena;
  const auto pass = [&arena] {
    Scalar* a = arena.allocate(1000);
    Scalar* b = arena.allocate(500);
    arena.release(a);
    Scalar* c = arena.allocate(900);
    arena.release(b);
    arena.release(c);
    arena.finish();
  };
  pass();
  CHECK(arena.capacity() < 1600);  // not 2400: c lies where a was
  const auto allocations = arena.system_allocations();
  for (int i = 0; i < 5; ++i) pass();
  CHECK(arena.system_allocations() == allocations);
}

TEST_CASE("an arena refuses memory that is not its own") {
  Arena arena;
  Scalar foreign = 0;
  CHECK_THROWS_AS(arena.release(&foreign), std::logic_error);
}

}  // namespace
}  // namespace velo
