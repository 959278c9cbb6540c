#include "harness/run/checkpoint.hpp"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <type_traits>
#include <vector>

#include "results/error.hpp"
#include "results/files.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

constexpr std::string_view magic = "velo-ckpt-1";

class Writer {
 public:
  template <typename T>
  void value(const T& v) {
    static_assert(std::is_trivially_copyable_v<T>);
    bytes_.append(reinterpret_cast<const char*>(&v), sizeof v);
  }
  void text(std::string_view t) {
    value(static_cast<std::uint64_t>(t.size()));
    bytes_.append(t);
  }
  void vector(const ConstVector& v) {
    const auto host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), v);
    value(static_cast<std::uint64_t>(v.extent(0)));
    bytes_.append(reinterpret_cast<const char*>(host.data()), v.extent(0) * sizeof(Scalar));
  }
  [[nodiscard]] std::string& bytes() { return bytes_; }

 private:
  std::string bytes_;
};

class Reader {
 public:
  Reader(std::string_view bytes, const std::string& path) : bytes_(bytes), path_(path) {}

  template <typename T>
  void value(T& v) {
    std::memcpy(&v, take(sizeof v), sizeof v);
  }
  [[nodiscard]] std::string text() {
    std::uint64_t size = 0;
    value(size);
    return {take(size), size};
  }
  void vector(const Vector& v) {
    std::uint64_t size = 0;
    value(size);
    if (size != v.extent(0)) throw mismatch();
    HostVector host("checkpoint", size);
    std::memcpy(host.data(), take(size * sizeof(Scalar)), size * sizeof(Scalar));
    Kokkos::deep_copy(v, host);
  }
  [[nodiscard]] Error mismatch() const {
    return Error(cat("checkpoint ", path_, " does not fit this trial; delete it to start the trial again"));
  }

 private:
  const char* take(std::size_t n) {
    if (n > bytes_.size()) throw mismatch();
    const char* at = bytes_.data();
    bytes_.remove_prefix(n);
    return at;
  }

  std::string_view bytes_;
  const std::string& path_;
};

std::uint32_t checksum(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      crc32_z(crc32_z(0, nullptr, 0), reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace

void save_checkpoint(const std::string& path, const CheckpointHeader& header, const TrialOracle& oracle,
                     const StateArena& state) {
  Writer out;
  out.text(magic);
  out.text(header.cell);
  out.value(static_cast<std::uint32_t>(sizeof(Scalar)));
  out.value(header.journal_bytes);
  out.value(header.work);
  out.value(header.position);
  out.value(header.batches);
  out.value(header.seconds);
  out.value(header.lost_seconds);
  out.vector(oracle.params());
  out.vector(oracle.mutable_model_state());
  for (const double loss : oracle.term_losses()) out.value(loss);
  out.vector(state.flat());
  for (const StateArena::Number& number : state.numbers()) {
    out.text(number.name);
    if (number.real != nullptr) {
      out.value(*number.real);
    } else {
      out.value(*number.integer);
    }
  }
  out.value(checksum(out.bytes()));
  replace_file(path, out.bytes());
}

std::optional<CheckpointHeader> load_checkpoint(const std::string& path, const std::string& cell, TrialOracle& oracle,
                                                StateArena& state) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  const std::string bytes = read_file(path);
  std::uint32_t stored = 0;
  if (bytes.size() > sizeof stored) std::memcpy(&stored, bytes.data() + bytes.size() - sizeof stored, sizeof stored);
  const std::string_view body(bytes.data(), bytes.size() - std::min(bytes.size(), sizeof stored));
  if (body.empty() || checksum(body) != stored)
    throw Error(cat("checkpoint ", path, " is damaged; delete it to start the trial again"));

  Reader in(body, path);
  CheckpointHeader header;
  if (in.text() != magic) throw in.mismatch();
  header.cell = in.text();
  std::uint32_t scalar_bytes = 0;
  in.value(scalar_bytes);
  if (header.cell != cell || scalar_bytes != sizeof(Scalar)) throw in.mismatch();
  in.value(header.journal_bytes);
  in.value(header.work);
  in.value(header.position);
  in.value(header.batches);
  in.value(header.seconds);
  in.value(header.lost_seconds);
  in.vector(oracle.params());
  in.vector(oracle.mutable_model_state());
  for (double& loss : oracle.term_losses()) in.value(loss);
  in.vector(state.flat());
  for (const StateArena::Number& number : state.numbers()) {
    if (in.text() != number.name) throw in.mismatch();
    if (number.real != nullptr) {
      in.value(*number.real);
    } else {
      in.value(*number.integer);
    }
  }
  oracle.work() = header.work;
  oracle.stream().restore(header.position, header.batches);
  return header;
}

}  // namespace velo
