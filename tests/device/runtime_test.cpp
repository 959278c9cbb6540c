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

TEST_CASE("a stopwatch measures from its last start") {
  Stopwatch watch;
  std::this_thread::sleep_for(std::chrono::milliseconds(3));
  CHECK(watch.seconds() >= 0.003);
  const double before = watch.seconds();
  watch.restart();
  CHECK(watch.seconds() < before);
}
