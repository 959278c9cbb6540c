#include "harness/device/runtime.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <thread>

#include "harness/device/tensor.hpp"
#include "harness/device/timer.hpp"
#include "results/error.hpp"

using namespace velo;

TEST_CASE("the runtime describes itself completely") {
  const RuntimeInfo info = runtime_info();

  CHECK(info.backend == ExecutionSpace::name());
  CHECK(info.threads >= 1);
  CHECK_FALSE(info.device.empty());
  CHECK_FALSE(info.isa.empty());
  CHECK(info.scalar == (sizeof(Scalar) == 4 ? "float32" : "float64"));
  for (const char* library : {"Kokkos", "oneDNN", "OpenBLAS"}) {
    const auto found = std::find_if(info.libraries.begin(), info.libraries.end(),
                                    [&](const auto& entry) { return entry.first == library; });
    REQUIRE(found != info.libraries.end());
    CHECK(found->second.find('.') != std::string::npos);
  }
}

TEST_CASE("OpenBLAS is the OpenMP build, which shares its threads with everyone else") {
  const RuntimeInfo info = runtime_info();
  const auto found = std::find_if(info.libraries.begin(), info.libraries.end(),
                                  [](const auto& entry) { return entry.first == "OpenBLAS"; });
  REQUIRE(found != info.libraries.end());
  CHECK(found->second.find("(OpenMP)") != std::string::npos);
}

TEST_CASE("library threads return to what they were") {
  const int before = LibraryThreads::current();
  {
    const LibraryThreads one(1);
    CHECK(LibraryThreads::current() == 1);
  }
  CHECK(LibraryThreads::current() == before);
}

TEST_CASE("a negative number of threads is refused in one sentence") { CHECK_THROWS_AS(Runtime(-1), Error); }

TEST_CASE("the phases of a clock add up to its running time") {
  PhaseClock clock({"data", "step", "evaluate"});
  const Stopwatch outer;
  for (int i = 0; i < 5; ++i) {
    clock.switch_to(0);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const PhaseClock::Scope step(clock, 1);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  clock.stop();
  const double wall = outer.seconds();

  CHECK(clock.seconds(0) >= 0.005);
  CHECK(clock.seconds(1) >= 0.010);
  CHECK(clock.seconds(2) == 0.0);
  CHECK(clock.total() == clock.seconds(0) + clock.seconds(1));
  CHECK(clock.total() <= wall);
}

TEST_CASE("a stopped clock stands still and a scope returns to the phase before") {
  PhaseClock clock({"data", "step"});
  clock.switch_to(0);
  { const PhaseClock::Scope step(clock, 1); }
  CHECK(clock.switch_to(1) == 0);
  clock.stop();
  const double stopped = clock.total();
  std::this_thread::sleep_for(std::chrono::milliseconds(2));

  CHECK(clock.total() == stopped);
  CHECK_THROWS_AS(clock.switch_to(2), std::logic_error);
}
