#include "harness/state_arena.hpp"

#include <catch2/catch_test_macros.hpp>

#include "tests/algorithms/given_gradients.hpp"

using namespace velo;

TEST_CASE("byte buffers lie in the flat state, start at zero and leave their neighbours alone") {
  const ParameterLayout layout = test::awkward_layout();
  StateArena arena(layout);
  Vector before, after;
  ByteVector codes;
  arena.buffer("before", 3, before);
  arena.bytes("codes", 7, codes);
  arena.buffer("after", 2, after);
  arena.allocate();
  CHECK(codes.extent(0) == 7);
  CHECK(arena.bytes() ==
        static_cast<std::int64_t>(sizeof(Scalar) * 5 + (7 + sizeof(Scalar) - 1) / sizeof(Scalar) * sizeof(Scalar)));
  Kokkos::deep_copy(codes, std::uint8_t{255});
  for (const double value : test::to_host(before)) CHECK(value == 0.0);
  for (const double value : test::to_host(after)) CHECK(value == 0.0);
  CHECK(reinterpret_cast<const std::uint8_t*>(arena.flat().data() + 3) == codes.data());
}

TEST_CASE("a state is declared once") {
  const ParameterLayout layout = test::awkward_layout();
  StateArena arena(layout);
  Vector v;
  ByteVector b;
  arena.vector("m", v);
  CHECK_THROWS_AS(arena.bytes("m", 1, b), std::logic_error);
}
