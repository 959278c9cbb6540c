// Counts every operator new of the process, in the double build (the library calls of the float build allocate inside
// oneDNN, which cannot be helped from here).
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstdlib>
#include <new>

#include "tests/workloads/classifier_track.hpp"

namespace {
long long allocations = 0;
}

// Kept out of line: inlined, GCC takes malloc and operator delete for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace velo {

WorkloadInfo fashion_mnist_cnn_workload_info();
WorkloadInfo fashion_mnist_mlp_workload_info();
WorkloadInfo fashion_resnet_workload_info();
WorkloadInfo flights_dlrm_workload_info();
WorkloadInfo prose_lm_workload_info();
WorkloadInfo speech_deepspeech_workload_info();

namespace {

/// Allocations of steps on batches `again`, once steps on `known` have been made.
auto allocations_of_steps(test::ClassifierTrack& track, std::initializer_list<Batch> known,
                          std::initializer_list<Batch> again) {
  Vector gradient("gradient", track.params.extent(0));
  for (const Batch& batch : known) static_cast<void>(track.gradient(batch, gradient));
  const auto before = allocations;
  for (const Batch& batch : again) static_cast<void>(track.gradient(batch, gradient));
  return allocations - before;
}

TEST_CASE("a training step allocates nothing once its shape is known") {
  const auto info = GENERATE(fashion_mnist_mlp_workload_info, fashion_mnist_cnn_workload_info,
                             fashion_resnet_workload_info, flights_dlrm_workload_info);
  const std::string normalisation = GENERATE("none", "batch");
  test::ClassifierTrack track(info(), {{"normalisation", normalisation}, {"dropout", Schedule(0.1)}});
  const Batch first = track.batch(24), partial = track.batch(7), other = track.batch(24, 100);
  CHECK(allocations_of_steps(track, {first, partial}, {other, partial, first}) == 0);
}

TEST_CASE("a training step of prose_lm allocates nothing once its shape is known") {
  test::ClassifierTrack track(prose_lm_workload_info(), {{"sequence_length", std::int64_t{20}}});
  const Batch first = track.batch(6), partial = track.batch(2), other = track.batch(6, 100);
  CHECK(allocations_of_steps(track, {first, partial}, {other, partial, first}) == 0);
}

TEST_CASE("a training step on speech allocates nothing once its number of frames is known") {
  test::ClassifierTrack track(speech_deepspeech_workload_info(),
                              {{"width", std::int64_t{8}}, {"dropout", Schedule(0.1)}, {"spec_augment", true}});
  const Batch first = track.batch(12), partial = track.batch(5), other = track.batch(12, 100);
  CHECK(allocations_of_steps(track, {first, partial, other}, {other, first, partial}) == 0);
}

}  // namespace
}  // namespace velo
