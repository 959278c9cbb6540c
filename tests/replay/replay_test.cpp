#include "harness/run/replay.hpp"

#include <hdf5.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include "results/error.hpp"
#include "tests/algorithms/given_gradients.hpp"

namespace velo {
namespace {

using test::component;

const std::string samples = std::string(VELO_SOURCE_DIR) + "/tests/data/replay/";

/// A folder of this test program, removed at its end.
class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / ("velo_replay_test_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

/// An HDF5 file that a test writes or reads, piece by piece.
class TestFile {
 public:
  explicit TestFile(const std::string& path, bool tracked = false) {
    creation_ = H5Pcreate(H5P_GROUP_CREATE);
    if (tracked) H5Pset_link_creation_order(creation_, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    id_ = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  }
  struct Existing {};
  TestFile(const std::string& path, Existing) : id_(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT)) {
    REQUIRE(id_ >= 0);
  }
  TestFile(const TestFile&) = delete;
  TestFile& operator=(const TestFile&) = delete;
  ~TestFile() {
    if (creation_ >= 0) H5Pclose(creation_);
    H5Fclose(id_);
  }

  TestFile& group(const std::string& path) {
    H5Gclose(H5Gcreate2(id_, path.c_str(), H5P_DEFAULT, creation_, H5P_DEFAULT));
    return *this;
  }
  /// Every element is `value` unless `values` are given.
  TestFile& array(const std::string& path, std::vector<hsize_t> shape, double value = 1.0,
                  std::vector<double> values = {}, hid_t type = H5T_IEEE_F32LE) {
    std::size_t n = 1;
    for (const hsize_t extent : shape) n *= extent;
    values.resize(n, value);
    const hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
    const hid_t data = H5Dcreate2(id_, path.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(data, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    H5Dclose(data);
    H5Sclose(space);
    return *this;
  }
  TestFile& text(const std::string& object, const char* key, const std::string& value) {
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, value.size() + 1);
    attribute(object, key, type, value.c_str());
    H5Tclose(type);
    return *this;
  }
  TestFile& integer(const char* key, std::int64_t value) {
    attribute("/", key, H5T_NATIVE_INT64, &value);
    return *this;
  }
  /// A block of /params with its kind.
  TestFile& block(const std::string& name, std::vector<hsize_t> shape, double value = 1.0,
                  std::vector<double> values = {}) {
    array("/params/" + name, std::move(shape), value, std::move(values));
    return text("/params/" + name, "kind", "weight");
  }

  [[nodiscard]] std::vector<double> read(const std::string& path, std::vector<hsize_t>* shape = nullptr) const {
    const hid_t data = H5Dopen2(id_, path.c_str(), H5P_DEFAULT);
    REQUIRE(data >= 0);
    const hid_t space = H5Dget_space(data);
    std::vector<hsize_t> extents(static_cast<std::size_t>(H5Sget_simple_extent_ndims(space)));
    H5Sget_simple_extent_dims(space, extents.data(), nullptr);
    std::vector<double> out(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)));
    H5Dread(data, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, out.data());
    H5Sclose(space);
    H5Dclose(data);
    if (shape != nullptr) *shape = extents;
    return out;
  }
  [[nodiscard]] std::int64_t read_integer(const char* key) const {
    std::int64_t value = -1;
    const hid_t attribute = H5Aopen(id_, key, H5P_DEFAULT);
    REQUIRE(attribute >= 0);
    H5Aread(attribute, H5T_NATIVE_INT64, &value);
    H5Aclose(attribute);
    return value;
  }

 private:
  void attribute(const std::string& object, const char* key, hid_t type, const void* value) {
    const hid_t owner = H5Oopen(id_, object.c_str(), H5P_DEFAULT);
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t made = H5Acreate2(owner, key, type, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(made, type, value);
    H5Aclose(made);
    H5Sclose(space);
    H5Oclose(owner);
  }

  hid_t creation_ = -1;
  hid_t id_;
};

double largest(const std::vector<double>& values) {
  double out = 0.0;
  for (const double x : values) out = std::max(out, std::abs(x));
  return out;
}

/// The largest difference to a recorded trajectory, relative to the largest value of its block.
double disagreement(const Component& algorithm, const std::string& name) {
  const ReplayInput input = read_replay_input(samples + "input.h5");
  const ReplayOutput output = replay(algorithm, builtin_registry(), input);
  const TestFile expected(samples + name + ".h5", TestFile::Existing{});
  double out = 0.0;
  for (std::size_t b = 0; b < input.blocks.size(); ++b) {
    const std::vector<double> reference = expected.read("/params/" + input.blocks[b].name);
    REQUIRE(output.params[b].size() == reference.size());
    const double scale = largest(reference);
    for (std::size_t i = 0; i < reference.size(); ++i) {
      const double difference = std::abs(output.params[b][i] - reference[i]) / scale;
      if (!(difference <= out)) out = difference;
    }
  }
  return out;
}

// The bar is the samples' own: 25 steps of some 14 roundings of 2^-24 on either side are 4e-5 at worst, and rounding
// errors partly cancel.
constexpr double bar = 2e-5;

TEST_CASE("replayed gradients give PyTorch's trajectories") {
  CHECK(disagreement(component("sgd", {{"lr", Schedule(0.03)},
                                       {"momentum", Schedule(0.85)},
                                       {"nesterov", true},
                                       {"weight_decay", Schedule(0.02)}}),
                     "sgd_nesterov_wd") < bar);
  CHECK(disagreement(
            component("adam", {{"lr", Schedule(0.01)}, {"beta2", Schedule(0.99)}, {"weight_decay", Schedule(0.05)}}),
            "adam_l2") < bar);
  CHECK(disagreement(
            component("adamw", {{"lr", Schedule(0.01)}, {"beta2", Schedule(0.98)}, {"weight_decay", Schedule(0.1)}}),
            "adamw") < bar);
  CHECK(
      disagreement(
          component("nadamw", {{"lr", Schedule(0.01)}, {"beta2", Schedule(0.99)}, {"momentum_decay", Schedule(0.004)}}),
          "nadam") < bar);
  CHECK(disagreement(
            component(
                "rmsprop",
                {{"lr", Schedule(0.005)}, {"alpha", Schedule(0.9)}, {"centered", true}, {"momentum", Schedule(0.9)}}),
            "rmsprop_centered_momentum") < bar);
  CHECK(disagreement(component("adagrad", {{"lr", Schedule(0.05)}, {"eps", Schedule(1e-8)}}), "adagrad") < bar);
}

TEST_CASE("a wrong option is far above the bar of agreement") {
  CHECK(disagreement(
            component("adamw", {{"lr", Schedule(0.01)}, {"beta2", Schedule(0.98)}, {"weight_decay", Schedule(0.09)}}),
            "adamw") > 10 * bar);
}

TEST_CASE("the output holds every point, what was observed, and the bytes of state") {
  const Folder folder;
  const ReplayInput input = read_replay_input(samples + "input.h5");
  const Component inner = component("adamw");
  const Component lookahead =
      component("lookahead", {{"inner", std::vector<Component>{inner}}, {"k", std::int64_t{5}}});
  write_replay_output(folder.file("out.h5"), input, replay(lookahead, builtin_registry(), input));

  const TestFile out(folder.file("out.h5"), TestFile::Existing{});
  std::vector<hsize_t> shape;
  const std::vector<double> params = out.read("/params/k", &shape);
  CHECK(shape == std::vector<hsize_t>{26, 4, 3, 3, 3});
  const std::vector<double> evaluated = out.read("/evaluation_params/k", &shape);
  CHECK(shape == std::vector<hsize_t>{26, 4, 3, 3, 3});
  // The slow weights rest for four steps and meet the fast ones at the fifth.
  const auto row = [](const std::vector<double>& all, std::size_t t) {
    return std::vector<double>(all.begin() + static_cast<std::ptrdiff_t>(t * 108),
                               all.begin() + static_cast<std::ptrdiff_t>((t + 1) * 108));
  };
  CHECK(row(evaluated, 4) == row(params, 0));
  CHECK(row(evaluated, 5) == row(params, 5));
  CHECK(row(params, 4) != row(params, 0));

  CHECK(out.read("/observed/inner/lr") == std::vector<double>(25, 1e-3));
  // Three values per parameter (slow weights, two moments) and two running products of betas.
  CHECK(out.read_integer("state_bytes") == 3 * 4 * input.size() + 2 * 8);
}

TEST_CASE("blocks come in their order of creation where the file tracks it, else by name") {
  const Folder folder;
  const auto names = [&](bool tracked) {
    {
      TestFile file(folder.file("order.h5"), tracked);
      file.group("/params").block("zeta", {2}).block("alpha", {3});
      file.group("/gradients").array("/gradients/alpha", {4, 3}).array("/gradients/zeta", {4, 2});
    }
    std::vector<std::string> out;
    for (const ReplayBlock& block : read_replay_input(folder.file("order.h5")).blocks) out.push_back(block.name);
    return out;
  };
  CHECK(names(true) == std::vector<std::string>{"zeta", "alpha"});
  CHECK(names(false) == std::vector<std::string>{"alpha", "zeta"});
}

TEST_CASE("sgd on the quadratic problem follows x <- x - lr (H x - b + noise)") {
  const Folder folder;
  const std::vector<double> hessian = {2.0, 0.5, 0.0, 0.5, 1.0, 0.25, 0.0, 0.25, 3.0};
  const std::vector<double> linear = {1.0, -2.0, 0.5};
  const std::vector<double> start = {0.25, -1.0, 2.0};
  const std::size_t steps = 30;
  for (const bool noisy : {false, true}) {
    std::vector<double> noise;
    for (std::size_t i = 0; i < 3 * steps; ++i) noise.push_back(test::scattered(9, i));
    {
      TestFile file(folder.file("quadratic.h5"));
      file.group("/params").block("a", {2}, 0.0, {start[0], start[1]}).block("b", {1, 1}, 0.0, {start[2]});
      file.group("/problem").text("/problem", "type", "quadratic");
      file.array("/problem/H", {3, 3}, 0.0, hessian).array("/problem/b", {3}, 0.0, linear);
      if (noisy) file.array("/problem/noise", {steps, 3}, 0.0, noise, H5T_IEEE_F64LE);
      if (!noisy) file.integer("total_steps", static_cast<std::int64_t>(steps));
    }
    const ReplayInput input = read_replay_input(folder.file("quadratic.h5"));
    REQUIRE(input.steps == static_cast<std::int64_t>(steps));
    const ReplayOutput output = replay(component("sgd", {{"lr", Schedule(0.2)}}), builtin_registry(), input);

    std::vector<double> x = start;
    for (std::size_t t = 0; t < steps; ++t) {
      std::vector<double> next = x;
      for (std::size_t i = 0; i < 3; ++i) {
        double g = -linear[i] + (noisy ? noise[3 * t + i] : 0.0);
        for (std::size_t j = 0; j < 3; ++j) g += hessian[3 * i + j] * x[j];
        next[i] -= 0.2 * g;
      }
      x = next;
      // A step rounds the gradient, the product and the difference, of values below 8; the map contracts afterwards.
      const double tolerance = test::rounding_bound(3, static_cast<int>(t + 1), 8.0);
      CHECK(std::abs(output.params[0][2 * (t + 1)] - x[0]) <= tolerance);
      CHECK(std::abs(output.params[0][2 * (t + 1) + 1] - x[1]) <= tolerance);
      CHECK(std::abs(output.params[1][t + 1] - x[2]) <= tolerance);
    }
  }
}

/// Asks everything an oracle of the quadratic problem can answer.
class Asking : public TrainingAlgorithm {
 public:
  void declare(StateArena&) override {}
  void step(Oracle& oracle, Vector params) override {
    const Vector ones = test::to_device({1.0, 1.0}), out("out", 2);
    Query at_ones;
    at_ones.at = ones;
    loss_here = oracle.loss({});
    loss_at_ones = oracle.gradient(out, at_ones);
    gradient_at_ones = test::to_host(out);
    oracle.hessian_vector_product(ones, out, {});
    hessian_ones = test::to_host(out);
    Kokkos::deep_copy(params, Scalar(0));
  }
  static inline double loss_here, loss_at_ones;
  static inline std::vector<double> gradient_at_ones, hessian_ones;
};

Registry asking_registry() {
  AlgorithmInfo info;
  info.name = "asking";
  info.needs = {Capability::hessian_vector_products};
  info.make = [](const Parameters&, const Registry&) { return std::make_unique<Asking>(); };
  Registry registry;
  registry.add(info);
  return registry;
}

TEST_CASE("the quadratic problem answers losses, gradients anywhere and Hessian-vector products exactly") {
  const Folder folder;
  {
    TestFile file(folder.file("quadratic.h5"));
    file.group("/params").block("x", {2}, 0.0, {2.0, -1.0});
    file.group("/problem").text("/problem", "type", "quadratic").integer("total_steps", 1);
    file.array("/problem/H", {2, 2}, 0.0, {2.0, 1.0, 1.0, 4.0}).array("/problem/b", {2}, 0.0, {1.0, 3.0});
  }
  const ReplayOutput output = replay({"asking", {}}, asking_registry(), read_replay_input(folder.file("quadratic.h5")));
  CHECK(output.params[0] == std::vector<float>{2.0f, -1.0f, 0.0f, 0.0f});
  CHECK(Asking::loss_here == 0.5 * (2 * 4 - 2 * 2 + 4) - (2 - 3));
  CHECK(Asking::loss_at_ones == 0.5 * 8 - 4);
  CHECK(Asking::gradient_at_ones == std::vector<double>{2.0, 2.0});
  CHECK(Asking::hessian_ones == std::vector<double>{3.0, 5.0});
}

TEST_CASE("an algorithm that needs what recorded gradients cannot answer is refused in one sentence") {
  const ReplayInput input = read_replay_input(samples + "input.h5");
  CHECK_THROWS_MATCHES(
      replay({"asking", {}}, asking_registry(), input), Error,
      Catch::Matchers::Message("algorithm 'asking' needs hessian_vector_products, which this input does "
                               "not answer; a file with /problem answers hessian_vector_products"));
}

TEST_CASE("total_steps is the length of the run for schedules") {
  const Folder folder;
  {
    TestFile file(folder.file("long.h5"));
    file.group("/params").block("x", {1});
    file.group("/gradients").array("/gradients/x", {2, 1}).integer("total_steps", 4);
  }
  Schedule lr = 1.0;
  lr.shape = Schedule::Shape::linear;
  const ReplayOutput output =
      replay(component("sgd", {{"lr", lr}}), builtin_registry(), read_replay_input(folder.file("long.h5")));
  CHECK(output.params[0] == std::vector<float>{1.0f, 0.0f, -0.75f});
  CHECK(output.observed.at("lr") == std::vector<double>{1.0, 0.75});
}

struct Broken {
  const char* what;
  std::function<void(TestFile&)> write;
  const char* sentence;  ///< behind the file's name
};

TEST_CASE("broken replay files are refused with one sentence that says what would be right") {
  const auto params = [](TestFile& file) -> TestFile& {
    return file.group("/params").block("w", {2, 3}).block("v", {4});
  };
  const auto gradients = [params](TestFile& file) -> TestFile& {
    return params(file).group("/gradients").array("/gradients/w", {5, 2, 3}).array("/gradients/v", {5, 4});
  };
  const auto problem = [](TestFile& file) -> TestFile& {
    return file.group("/params").block("w", {2}).group("/problem").text("/problem", "type", "quadratic");
  };
  const std::vector<Broken> table = {
      {"no params", [](TestFile&) {}, "there is no group /params with the initial parameters"},
      {"params is no group", [](TestFile& f) { f.array("/params", {2}); }, "/params must be a group"},
      {"empty params", [](TestFile& f) { f.group("/params"); }, "/params holds no data set"},
      {"whole numbers", [](TestFile& f) { f.group("/params").array("/params/w", {2}, 1.0, {}, H5T_STD_I32LE); },
       "/params/w must hold floating-point numbers"},
      {"no kind", [](TestFile& f) { f.group("/params").array("/params/w", {2}); },
       "/params/w has no attribute 'kind' (\"weight\", \"bias\", ...)"},
      {"six dimensions",
       [](TestFile& f) {
         f.group("/params").block("w", {1, 1, 1, 1, 1, 1});
       },
       "/params/w has more than 5 dimensions"},
      {"an empty block", [](TestFile& f) { f.group("/params").block("w", {0}); }, "/params/w has no elements"},
      {"nothing to replay", [=](TestFile& f) { params(f); }, "it has neither /gradients nor /problem"},
      {"two things to replay", [=](TestFile& f) { gradients(f).group("/problem"); },
       "it has both /gradients and /problem; one of them must go"},
      {"a gradient is missing",
       [=](TestFile& f) {
         params(f).group("/gradients").array("/gradients/w", {5, 2, 3});
       },
       "there is no /gradients/v for /params/v"},
      {"a gradient too many",
       [=](TestFile& f) {
         gradients(f).array("/gradients/vv", {5, 4});
       },
       "/gradients/vv belongs to no block of /params (did you mean 'v'?)"},
      {"other lengths",
       [=](TestFile& f) {
         params(f).group("/gradients").array("/gradients/v", {4, 4}).array("/gradients/w", {5, 2, 3});
       },
       "/gradients/w has the shape [5, 2, 3]; it must be [steps, ...block shape] = [4, 2, 3]"},
      {"another shape",
       [=](TestFile& f) {
         params(f).group("/gradients").array("/gradients/v", {5, 4}).array("/gradients/w", {5, 3, 2});
       },
       "/gradients/w has the shape [5, 3, 2]; it must be [steps, ...block shape] = [5, 2, 3]"},
      {"no steps",
       [=](TestFile& f) {
         params(f).group("/gradients").array("/gradients/v", {0, 4}).array("/gradients/w", {0, 2, 3});
       },
       "/gradients holds no step"},
      {"losses of another length", [=](TestFile& f) { gradients(f).array("/losses", {4}); },
       "/losses has the shape [4]; it must be [steps] = [5]"},
      {"total_steps zero", [=](TestFile& f) { gradients(f).integer("total_steps", 0); },
       "root attribute 'total_steps' must be at least 1"},
      {"total_steps as text", [=](TestFile& f) { gradients(f).text("/", "total_steps", "5"); },
       "root attribute 'total_steps' must be one integer"},
      {"a problem without type", [](TestFile& f) { f.group("/params").block("w", {2}).group("/problem"); },
       "/problem must have the attribute 'type' = \"quadratic\""},
      {"an unknown problem",
       [](TestFile& f) { f.group("/params").block("w", {2}).group("/problem").text("/problem", "type", "cubic"); },
       "/problem must have the attribute 'type' = \"quadratic\""},
      {"a problem without H", [=](TestFile& f) { problem(f); }, "there is no /problem/H"},
      {"H of another size",
       [=](TestFile& f) {
         problem(f).array("/problem/H", {3, 3});
       },
       "/problem/H has the shape [3, 3]; for these parameters it must be [2, 2]"},
      {"noise of another width",
       [=](TestFile& f) {
         problem(f).array("/problem/H", {2, 2}).array("/problem/b", {2}).array("/problem/noise", {9, 3});
       },
       "/problem/noise has the shape [9, 3]; it must be [steps, 2]"},
      {"no length",
       [=](TestFile& f) {
         problem(f).array("/problem/H", {2, 2}).array("/problem/b", {2});
       },
       "a problem without /problem/noise needs the root attribute 'total_steps'"},
  };
  const Folder folder;
  for (const Broken& broken : table) {
    INFO(broken.what);
    const std::string path = folder.file("broken.h5");
    {
      TestFile file(path);
      broken.write(file);
    }
    CHECK_THROWS_MATCHES(read_replay_input(path), Error,
                         Catch::Matchers::Message("'" + path + "': " + broken.sentence));
  }
}

TEST_CASE("files that are missing, empty, foreign or cut off are refused") {
  const Folder folder;
  CHECK_THROWS_AS(read_replay_input(folder.file("missing.h5")), Error);
  const auto refused = [&](const std::string& content) {
    const std::string path = folder.file("foreign.h5");
    std::ofstream(path, std::ios::binary) << content;
    CHECK_THROWS_MATCHES(read_replay_input(path), Error,
                         Catch::Matchers::Message("'" + path + "' is not a whole HDF5 file"));
  };
  refused("");
  refused("workload: quadratic\n");
  std::ifstream in(samples + "input.h5", std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  refused(whole.substr(0, whole.size() / 2));
}

TEST_CASE("an unknown kind of block is refused with the nearest one") {
  const Folder folder;
  {
    TestFile file(folder.file("kind.h5"));
    file.group("/params").array("/params/w", {2}).text("/params/w", "kind", "wieght");
    file.group("/gradients").array("/gradients/w", {1, 2});
  }
  CHECK_THROWS_MATCHES(replay(component("sgd"), builtin_registry(), read_replay_input(folder.file("kind.h5"))), Error,
                       Catch::Matchers::Message("no parameter kind is called 'wieght' (did you mean 'weight'?)"));
}

}  // namespace
}  // namespace velo
