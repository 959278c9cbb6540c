// What workloads offer beyond loss and gradient, in double: what each shipped one declares, and whether Hessian-vector
// products, gradients of single examples and those of parts of a batch are what they are called. Loss terms and players
// are asked of in the tests of their workloads, layer statistics in those of layers.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <functional>

#include "harness/device/reduce.hpp"
#include "tests/workloads/classifier_track.hpp"

namespace velo {

// The table of the registry belongs to the library in float.
WorkloadInfo fashion_mnist_cnn_workload_info();
WorkloadInfo fashion_mnist_mlp_workload_info();
WorkloadInfo fashion_resnet_workload_info();
WorkloadInfo flights_dlrm_workload_info();
WorkloadInfo null_workload_info();
WorkloadInfo prose_lm_workload_info();
WorkloadInfo quadratic_workload_info();
WorkloadInfo speech_deepspeech_workload_info();
WorkloadInfo theory_bilinear_game_workload_info();
WorkloadInfo theory_block_quadratic_workload_info();
WorkloadInfo theory_conflicting_losses_workload_info();
WorkloadInfo theory_diagonal_linear_workload_info();
WorkloadInfo theory_linear_regression_workload_info();
WorkloadInfo theory_matrix_sensing_workload_info();

namespace {

using test::ClassifierTrack;

const std::vector<WorkloadInfo>& workloads() {
  static const std::vector<WorkloadInfo> all = {fashion_mnist_cnn_workload_info(),
                                                fashion_mnist_mlp_workload_info(),
                                                fashion_resnet_workload_info(),
                                                flights_dlrm_workload_info(),
                                                null_workload_info(),
                                                prose_lm_workload_info(),
                                                quadratic_workload_info(),
                                                speech_deepspeech_workload_info(),
                                                theory_bilinear_game_workload_info(),
                                                theory_block_quadratic_workload_info(),
                                                theory_conflicting_losses_workload_info(),
                                                theory_diagonal_linear_workload_info(),
                                                theory_linear_regression_workload_info(),
                                                theory_matrix_sensing_workload_info()};
  return all;
}

constexpr double epsilon = 0x1p-53;

/// Roundings that may add up in one component of a gradient: the layers of the largest network sum some hundred terms
/// each, a theory workload its batch and its dimension.
constexpr double operations = 1000.0;

struct Asked {
  std::string workload;
  ClassifierTrack::Settings settings;
  Index batch;
};

/// Whatever offers Hessian-vector products, in a form that is cheap, and smooth (tanh, no max pooling) where a Hessian is
/// wanted.
std::vector<Asked> everything() {
  const ClassifierTrack::Settings tanh = {{"activation", std::string("tanh")}, {"width", std::int64_t{6}}};
  ClassifierTrack::Settings residual = tanh, normed = tanh, speech = tanh;
  residual[1].second = std::int64_t{2};
  residual.emplace_back("size", std::string("small"));
  residual.emplace_back("normalisation", std::string("layer"));
  normed.emplace_back("normalisation", std::string("layer"));
  speech.emplace_back("normalisation", std::string("layer"));
  const ClassifierTrack::Settings prose = {{"sequence_length", std::int64_t{8}},
                                           {"layers", std::int64_t{1}},
                                           {"width", std::int64_t{16}},
                                           {"heads", std::int64_t{2}}};
  const ClassifierTrack::Settings flights = {{"activation", std::string("tanh")}, {"hidden", Schedule(0.25)}};
  return {{"fashion_mnist_mlp", tanh, 9},
          {"fashion_mnist_mlp", normed, 9},
          {"fashion_resnet", residual, 3},
          {"theory_diagonal_linear", {}, 5},
          {"theory_matrix_sensing", {}, 5},
          {"theory_linear_regression", {}, 5},
          {"theory_block_quadratic", {}, 1},
          {"theory_conflicting_losses", {}, 1},
          {"quadratic", {}, 1},
          {"prose_lm", prose, 3},
          {"flights_dlrm", flights, 9},
          {"speech_deepspeech", speech, 3},
          {"fashion_mnist_cnn", tanh, 5}};
}

/// Whether Hessian-vector products are the default, quotients of differences.
bool is_network(const Asked& asked) { return !asked.workload.starts_with("theory") && asked.workload != "quadratic"; }

bool is_smooth(const Asked& asked) { return asked.workload != "fashion_mnist_cnn"; }

const WorkloadInfo& info_of(const std::string& workload) {
  return *std::find_if(workloads().begin(), workloads().end(),
                       [&](const WorkloadInfo& info) { return info.name == workload; });
}
const WorkloadInfo& info_of(const Asked& asked) { return info_of(asked.workload); }

Capabilities offers_of(const Asked& asked) {
  Parameters parameters = Parameters::defaults(info_of(asked).parameters);
  for (const auto& [name, value] : asked.settings) parameters.set(name, value);
  return info_of(asked).offered_by(parameters);
}

/// A workload off its starting point, where theory's often have symmetries.
ClassifierTrack track_of(const Asked& asked) {
  ClassifierTrack track(info_of(asked), asked.settings);
  Vector shift("shift", track.params.extent(0));
  fill_normal(RandomStream(5, Purpose::algorithm), 0.0, 0.05, shift);
  axpy(1.0, shift, track.params);
  return track;
}

Vector direction_of(const ClassifierTrack& track, std::uint64_t which) {
  Vector out("direction", track.params.extent(0));
  fill_normal(RandomStream(which, Purpose::algorithm), 0.0, 1.0, out);
  return out;
}

double norm(const Vector& x) { return std::sqrt(Reduction().squared_norm(x)); }

Vector difference(const Vector& a, const Vector& b) {
  Vector out("difference", a.extent(0));
  Kokkos::deep_copy(out, a);
  axpy(-1.0, b, out);
  return out;
}

Vector product(ClassifierTrack& track, const Batch& batch, const Vector& direction) {
  Vector out("product", direction.extent(0));
  track.workload().hessian_vector_product(track.pass(), batch, direction, out);
  return out;
}

/// [grad(x + h d) - grad(x - h d)] / 2h
Vector quotient(ClassifierTrack& track, const Batch& batch, const Vector& direction, double h) {
  axpy(h, direction, track.params);
  const Vector above = track.gradient(batch);
  axpy(-2.0 * h, direction, track.params);
  const Vector below = track.gradient(batch);
  axpy(h, direction, track.params);
  const Vector out = difference(above, below);
  scale(out, 0.5 / h);
  return out;
}

/// The distance of the default product, harness/workload.hpp.
double step_of(const ClassifierTrack& track, const Vector& direction) {
  return std::cbrt(2 * epsilon) * (1 + norm(track.params)) / norm(direction);
}

/// What rounding makes of a quotient of distance h: of the gradient, and of the two points.
double rounding_of(ClassifierTrack& track, const Batch& batch, const Vector& direction, double h) {
  const double in_gradient = operations * epsilon * (norm(track.gradient(batch)) + norm(track.params));
  return (in_gradient + epsilon * norm(track.params) * norm(product(track, batch, direction)) / norm(direction)) / h;
}

/// The h^2 term of a quotient, from two wider ones: q(2s) - q(s) = 3 s^2 c + O(s^4). Doubled, for what is left out.
double curvature_of(ClassifierTrack& track, const Batch& batch, const Vector& direction, double wide) {
  const Vector near = quotient(track, batch, direction, wide), far = quotient(track, batch, direction, 2 * wide);
  return 2.0 * norm(difference(far, near)) / (3.0 * wide * wide);
}

TEST_CASE("each shipped workload declares what it offers, and its usual variant no more than that") {
  using enum Capability;
  struct Declared {
    std::string workload;
    Capabilities all, usual;  ///< of any variant, of the one that defaults make
  };
  const Capabilities network = {hessian_vector_products, per_example_gradients, layer_statistics, micro_batches};
  const Capabilities batch_norm = {hessian_vector_products, layer_statistics, micro_batches};
  const Capabilities examples = {hessian_vector_products, per_example_gradients, micro_batches};
  const Capabilities recogniser = {hessian_vector_products, micro_batches}, quadratic = {hessian_vector_products}, none;
  const std::vector<Declared> table = {
      {"fashion_mnist_cnn", network, network},
      {"fashion_mnist_mlp", network, network},
      {"fashion_resnet", network, batch_norm},
      {"flights_dlrm", network, network},
      {"null", none, none},
      {"prose_lm", network, network},
      {"quadratic", quadratic, quadratic},
      {"speech_deepspeech", examples, recogniser},
      {"theory_bilinear_game", {players}, {players}},
      {"theory_block_quadratic", quadratic, quadratic},
      {"theory_conflicting_losses", {loss_terms, hessian_vector_products}, {loss_terms, hessian_vector_products}},
      {"theory_diagonal_linear", examples, examples},
      {"theory_linear_regression", examples, examples},
      {"theory_matrix_sensing", examples, examples},
  };
  for (const Declared& declared : table) {
    INFO(declared.workload);
    const WorkloadInfo& info = info_of(declared.workload);
    CHECK(info.offers.list() == declared.all.list());
    CHECK(info.offered_by(Parameters::defaults(info.parameters)).list() == declared.usual.list());
  }
}

TEST_CASE("a variant with batch norm offers no gradients of single examples: their mean is not the batch's") {
  const std::pair<std::string, Parameters::Value> batch_norm = {"normalisation", std::string("batch")};
  for (const Asked& batch : {Asked{"fashion_mnist_mlp", {batch_norm, {"width", std::int64_t{3}}}, 6},
                             Asked{"fashion_mnist_cnn", {batch_norm, {"width", std::int64_t{3}}}, 6},
                             Asked{"fashion_resnet", {batch_norm, {"width", std::int64_t{3}}}, 6},
                             Asked{"flights_dlrm", {batch_norm, {"hidden", Schedule(0.1)}}, 6},
                             Asked{"speech_deepspeech", {batch_norm, {"width", std::int64_t{4}}}, 6}}) {
    INFO(batch.workload);
    CHECK_FALSE(offers_of(batch).has(Capability::per_example_gradients));
    CHECK(offers_of(batch).has(Capability::hessian_vector_products));
    for (const std::string other : {"none", "layer"})
      CHECK(offers_of({batch.workload, {{"normalisation", other}}, 6}).has(Capability::per_example_gradients));

    ClassifierTrack track = track_of(batch);
    const Batch examples = track.batch(batch.batch);
    const Vector whole = track.gradient(examples);
    Vector rows("rows", whole.extent(0) * 6);
    static_cast<void>(track.workload().example_gradients(track.pass(), examples, rows));
    double largest = 0.0;
    for (std::size_t i = 0; i < whole.extent(0); ++i) {
      double mean = 0.0;
      for (std::size_t e = 0; e < 6; ++e) mean += rows(e * whole.extent(0) + i) / 6.0;
      largest = std::max(largest, std::abs(mean - whole(i)));
    }
    CHECK(largest > 1e-3);
  }
}

TEST_CASE("the mean of the gradients of single examples is the gradient of the batch") {
  for (const Asked& asked : everything()) {
    if (!offers_of(asked).has(Capability::per_example_gradients)) continue;
    INFO(asked.workload);
    ClassifierTrack track = track_of(asked);
    const Batch batch = track.batch(asked.batch);
    const Vector whole("whole", track.params.extent(0));
    const double loss = track.gradient(batch, whole);
    const std::size_t n = whole.extent(0), rows = static_cast<std::size_t>(asked.batch);
    Vector single("single", n * rows);
    const double mean_loss = track.workload().example_gradients(track.pass(), batch, single);
    CHECK(std::abs(mean_loss - loss) <= operations * epsilon * std::abs(loss));
    for (std::size_t i = 0; i < n; ++i) {
      double mean = 0.0, size = 0.0;
      for (std::size_t e = 0; e < rows; ++e) {
        mean += single(e * n + i) / static_cast<double>(rows);
        size += std::abs(single(e * n + i));
      }
      // The sums of a backward pass have terms larger than their result: of the order of all examples' gradients, or 1.
      REQUIRE(std::abs(mean - whole(i)) <= operations * epsilon * (1.0 + size));
    }
  }
}

TEST_CASE("gradients of the parts of a batch, weighted by their examples, make the gradient of the batch") {
  for (const Asked& asked : everything()) {
    const Capabilities offers = offers_of(asked);
    if (!offers.has(Capability::micro_batches) || !offers.has(Capability::per_example_gradients)) continue;
    INFO(asked.workload);
    ClassifierTrack track = track_of(asked);
    const Batch batch = track.batch(asked.batch);
    const Vector whole = track.gradient(batch);
    const Index cut = asked.batch / 3;
    REQUIRE(cut > 0);
    const Vector first = track.gradient(slice(batch, 0, cut)),
                 rest = track.gradient(slice(batch, cut, asked.batch - cut));
    const double share = static_cast<double>(cut) / static_cast<double>(asked.batch);
    double apart = 0.0;
    for (std::size_t i = 0; i < whole.extent(0); ++i) {
      const double sum = share * first(i) + (1 - share) * rest(i);
      REQUIRE(std::abs(sum - whole(i)) <=
              operations * epsilon *
                  (1.0 + static_cast<double>(asked.batch) * (std::abs(first(i)) + std::abs(rest(i)))));
      apart = std::max(apart, std::abs(first(i) - rest(i)));
    }
    CHECK(apart > 1e-3);
  }
}

TEST_CASE("gradients of single examples are those of batches of one, and commit no model state") {
  const Asked asked = {"fashion_mnist_mlp", {{"width", std::int64_t{5}}}, 4};
  ClassifierTrack track = track_of(asked);
  const Batch batch = track.batch(4, 11);
  const std::size_t n = track.params.extent(0);
  Vector rows("rows", 4 * n);
  static_cast<void>(track.workload().example_gradients(track.pass(), batch, rows));
  for (std::size_t e = 0; e < 4; ++e) {
    const Vector alone = track.gradient(track.batch(1, batch.examples[e]));
    for (std::size_t i = 0; i < n; ++i) REQUIRE(rows(e * n + i) == alone(i));
  }
}

TEST_CASE("the default Hessian-vector product agrees with the exact ones") {
  for (const Asked& asked : everything()) {
    if (is_network(asked)) continue;
    INFO(asked.workload);
    ClassifierTrack track = track_of(asked);
    const Batch batch = track.batch(asked.batch);
    const Vector direction = direction_of(track, 1), exact = product(track, batch, direction);
    Vector differences("differences", direction.extent(0));
    track.workload().Workload::hessian_vector_product(track.pass(), batch, direction, differences);
    const double h = step_of(track, direction);
    // Gradients are at most cubic: the h^2 term of the quotient is the same at every distance.
    const double truncation = h * h * curvature_of(track, batch, direction, 0.1);
    CHECK(norm(difference(differences, exact)) <= truncation + rounding_of(track, batch, direction, h));
    CHECK(norm(exact) > 0.1);
  }
}

TEST_CASE("the default Hessian-vector product of a smooth network agrees with quotients at another distance") {
  for (const Asked& asked : everything()) {
    if (!is_network(asked) || !is_smooth(asked)) continue;
    INFO(asked.workload);
    ClassifierTrack track = track_of(asked);
    const Batch batch = track.batch(asked.batch);
    const Vector direction = direction_of(track, 1), there = product(track, batch, direction);
    const double h = step_of(track, direction), other = 8 * h;
    // Extrapolated from 8 h and 16 h: without the h^2 term.
    const Vector near = quotient(track, batch, direction, other), far = quotient(track, batch, direction, 2 * other);
    scale(near, 4.0 / 3.0);
    axpy(-1.0 / 3.0, far, near);
    const double truncation = h * h * curvature_of(track, batch, direction, 8 * other);
    const double rounding = rounding_of(track, batch, direction, h);
    INFO("truncation " << truncation << ", rounding " << rounding << " of " << norm(there));
    CHECK(norm(difference(there, near)) <= truncation + 1.5 * rounding);
    CHECK(norm(there) > 1e4 * (truncation + rounding));
  }
}

TEST_CASE("Hessians are symmetric and their products linear in the direction") {
  for (const Asked& asked : everything()) {
    if (!is_smooth(asked)) continue;
    INFO(asked.workload);
    ClassifierTrack track = track_of(asked);
    const Batch batch = track.batch(asked.batch);
    const Vector u = direction_of(track, 1), v = direction_of(track, 2);
    const Vector hu = product(track, batch, u), hv = product(track, batch, v);
    Reduction reduction;
    const double hu_error = is_network(asked)
                                ? rounding_of(track, batch, u, step_of(track, u)) +
                                      std::pow(step_of(track, u), 2) * curvature_of(track, batch, u, 0.001)
                                : operations * epsilon * norm(hu);
    const double hv_error = is_network(asked)
                                ? rounding_of(track, batch, v, step_of(track, v)) +
                                      std::pow(step_of(track, v), 2) * curvature_of(track, batch, v, 0.001)
                                : operations * epsilon * norm(hv);
    CHECK(std::abs(reduction.dot(u, hv) - reduction.dot(v, hu)) <= norm(u) * hv_error + norm(v) * hu_error);

    Vector twice("twice", u.extent(0));
    Kokkos::deep_copy(twice, u);
    scale(twice, -2.0);
    const Vector h_twice = product(track, batch, twice);
    axpy(2.0, hu, h_twice);
    CHECK(norm(h_twice) <= 4.0 * hu_error);
    fill(twice, 0.0);
    CHECK(norm(product(track, batch, twice)) == 0.0);
  }
}

TEST_CASE("a Hessian-vector product neither moves the parameters nor commits model state") {
  const Asked asked = {"fashion_mnist_mlp", {{"width", std::int64_t{4}}, {"normalisation", std::string("batch")}}, 8};
  ClassifierTrack track = track_of(asked);
  const Batch batch = track.batch(8);
  const Vector params("kept", track.params.extent(0)), state("kept", track.model_state.extent(0));
  Kokkos::deep_copy(params, track.params);
  Kokkos::deep_copy(state, track.model_state);
  ForwardPass committing = track.pass();
  committing.new_model_state = track.model_state;
  Vector out("out", params.extent(0));
  track.workload().hessian_vector_product(committing, batch, direction_of(track, 1), out);
  CHECK(norm(difference(params, track.params)) == 0.0);
  CHECK(norm(difference(state, track.model_state)) == 0.0);
}

}  // namespace
}  // namespace velo
