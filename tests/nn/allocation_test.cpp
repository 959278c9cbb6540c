// Counts what this program's own code takes from the heap: malloc, its aligned forms and operator new, by the place that
// calls them. What libraries take inside their calls (oneDNN in float, for every product) is not ours to change. Built
// with the float library and the double one.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cerrno>
#include <cstdlib>
#include <new>

#include "tests/workloads/classifier_track.hpp"

// The allocator that glibc's malloc stands for, and where the linker has put this program's code.
extern "C" {
void* __libc_malloc(std::size_t);                 // NOLINT(bugprone-reserved-identifier)
void* __libc_memalign(std::size_t, std::size_t);  // NOLINT(bugprone-reserved-identifier)
extern const char __executable_start, etext;      // NOLINT(bugprone-reserved-identifier)
}

namespace {

long long allocations = 0;

void count(const void* caller) {
  if (caller >= static_cast<const void*>(&__executable_start) && caller < static_cast<const void*>(&etext))
    ++allocations;
}

void* not_null(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// Kept out of line: inlined, GCC takes malloc and operator delete for a mismatch.
#define VELO_COUNTED [[gnu::noinline]]

extern "C" {
VELO_COUNTED void* malloc(std::size_t size) {
  count(__builtin_return_address(0));
  return __libc_malloc(size);
}
VELO_COUNTED void* aligned_alloc(std::size_t alignment, std::size_t size) {
  count(__builtin_return_address(0));
  return __libc_memalign(alignment, size);
}
VELO_COUNTED int posix_memalign(void** out, std::size_t alignment, std::size_t size) {
  count(__builtin_return_address(0));
  *out = __libc_memalign(alignment, size);
  return *out == nullptr ? ENOMEM : 0;
}
}
VELO_COUNTED void* operator new(std::size_t size) {
  count(__builtin_return_address(0));
  return not_null(__libc_malloc(size));
}
VELO_COUNTED void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  count(__builtin_return_address(0));
  return __libc_malloc(size);
}
VELO_COUNTED void* operator new(std::size_t size, std::align_val_t alignment) {
  count(__builtin_return_address(0));
  return not_null(__libc_memalign(static_cast<std::size_t>(alignment), size));
}
VELO_COUNTED void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  count(__builtin_return_address(0));
  return __libc_memalign(static_cast<std::size_t>(alignment), size);
}
VELO_COUNTED void operator delete(void* memory) noexcept { std::free(memory); }
VELO_COUNTED void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
VELO_COUNTED void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
VELO_COUNTED void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
VELO_COUNTED void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
VELO_COUNTED void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { std::free(memory); }

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

TEST_CASE("what this program takes from the heap is counted, by every way to it") {
  const auto taken = [&](auto take) {
    const auto start = allocations;
    take();
    return allocations - start;
  };
  CHECK(taken([] { ::operator delete(::operator new(64)); }) == 1);
  CHECK(taken([] { ::operator delete(::operator new(64, std::align_val_t(64)), std::align_val_t(64)); }) == 1);
  CHECK(taken([] { std::free(std::aligned_alloc(64, 64)); }) == 1);
  CHECK(taken([] { const Vector view("view", 1000); }) > 0);
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
