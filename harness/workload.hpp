// harness/workload.hpp
//
// A workload is the track: data, model, loss, metric. It is a pure function of (parameters, model state, batch,
// random stream); it never sees an algorithm, keeps no parameters of its own and owns no clock.
//
// Conventions, fixed for every workload:
//   loss       mean over the batch; gradient = derivative of that mean, laid out as layout() says
//   model      state that training changes but gradients do not (batch-norm statistics) is a flat vector beside the
//   state      parameters; "new state" is an output, and the caller decides whether to keep it
//   work       scratch memory is allocated by the first call of each batch size and reused afterwards
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/hyperparameters.hpp"
#include "harness/layout.hpp"
#include "harness/trivial.hpp"

namespace velo {

enum class Split { train, validation, test };
[[nodiscard]] std::string_view name(Split split);

enum class LossType { softmax_cross_entropy, sigmoid_cross_entropy, mean_squared_error, ctc, mean_absolute_error };
[[nodiscard]] std::string_view name(LossType type);

/// What a workload can answer beyond loss and gradient; what an algorithm may need.
enum class Capability : std::uint32_t {
  hessian_vector_products = 1u << 0,
  per_example_gradients = 1u << 1,
  layer_statistics = 1u << 2,
  loss_terms = 1u << 3,
  players = 1u << 4,
  micro_batches = 1u << 5,  ///< a batch has several examples, and parts of it are batches of their own
};
[[nodiscard]] std::string_view name(Capability capability);

/// A set of capabilities.
class Capabilities {
 public:
  Capabilities() = default;
  Capabilities(std::initializer_list<Capability> list) {
    for (Capability c : list) bits_ |= static_cast<std::uint32_t>(c);
  }
  [[nodiscard]] bool has(Capability c) const { return (bits_ & static_cast<std::uint32_t>(c)) != 0; }
  /// What is here and not in `offered`.
  [[nodiscard]] std::vector<Capability> missing_from(const Capabilities& offered) const;
  [[nodiscard]] std::vector<Capability> list() const;
  Capabilities& operator|=(const Capabilities& other) {
    bits_ |= other.bits_;
    return *this;
  }

 private:
  std::uint32_t bits_ = 0;
};

/// Examples of one split, by number. Light to copy; the indices stay valid until the step after next.
/// `id` is unique within a trial: workloads use it to see that a batch is already loaded.
struct Batch {
  std::uint64_t id = 0;
  Split split = Split::train;
  std::span<const Index> examples;

  [[nodiscard]] Index size() const { return static_cast<Index>(examples.size()); }
};

/// Examples [first, first + size) of a batch, as a batch of its own: micro-batches, and single examples.
[[nodiscard]] Batch slice(const Batch& batch, Index first, Index size);

/// What one layer with parameters saw while the gradient of a batch was computed. A row is an example, or a position of
/// one (a pixel, a token, a time step); the rows of one example are neighbours. The layer's weight gradient is
/// output_gradients' inputs, its bias gradient the column sums of output_gradients. Matrix products, convolutions and
/// norms have records; tables of embeddings and scales of attention have none.
struct LayerRecord {
  Index weight = 0;           ///< block [fan_out, fan_in]; of a normalisation: its scale [width]
  std::optional<Index> bias;  ///< block [fan_out]; its input is 1
  Tensor inputs;              ///< [rows, fan_in], of a convolution patches in the order of its weight; of a
                              ///< normalisation [rows, width], what its scale multiplies
  Tensor output_gradients;    ///< [rows, fan_out], derivatives of the mean batch loss
  Index examples = 0;         ///< in the batch
};

/// Shown every such layer in the course of the reverse sweep, in no promised order. The tensors live for the call.
class LayerVisitor {
 public:
  virtual ~LayerVisitor() = default;
  virtual void visit(const LayerRecord& layer) = 0;
};

/// The point at which a workload is asked, and how the model runs there.
struct ForwardPass {
  ConstVector params;                     ///< [layout().size()]
  ConstVector model_state;                ///< [model_state_size()]
  Vector new_model_state;                 ///< [model_state_size()], may be model_state itself; empty to discard it
  RandomStream random;                    ///< dropout and augmentation draw from forks of it
  bool train_mode = true;                 ///< batch statistics, dropout, augmentation; false: as in evaluation
  std::optional<double> statistics_rate;  ///< share of this batch in new running statistics; overrides the model's
  std::optional<double> dropout_rate;     ///< overrides the model's
  std::optional<double> label_smoothing;  ///< overrides the loss's
  std::optional<Index> loss_term;         ///< loss and gradient of this term alone
  LayerVisitor* layers = nullptr;         ///< of a gradient: shown every layer
  bool sampled_labels = false;            ///< of a gradient: labels drawn from the model's own predictions
};

struct Metric {
  std::string name;
  double value = 0.0;
};

struct MetricInfo {
  std::string name;  ///< "accuracy", "cross_entropy"
  std::string unit;  ///< "fraction", "nats"; empty for pure numbers
  bool higher_is_better = false;
};

class Workload {
 public:
  virtual ~Workload() = default;

  [[nodiscard]] virtual const ParameterLayout& layout() const = 0;
  [[nodiscard]] virtual Index model_state_size() const { return 0; }
  [[nodiscard]] virtual Index examples(Split split) const = 0;
  /// Examples in a default training batch.
  [[nodiscard]] virtual Index batch_size() const = 0;

  /// Writes initial parameters and model state. The default initialises by the layout and zeroes the state.
  virtual void init(const RandomStream& stream, Vector params, Vector model_state);

  /// Copies a batch into the workload's input buffers (on the clock, phase "data"). gradient() and loss() load a batch
  /// that is not the loaded one themselves.
  virtual void load(const Batch& batch) = 0;

  /// Mean loss of a batch.
  virtual double loss(const ForwardPass& pass, const Batch& batch) = 0;
  /// Mean loss of a batch; writes its gradient, every element, to `gradient` [layout().size()].
  virtual double gradient(const ForwardPass& pass, const Batch& batch, Vector gradient) = 0;

  // What capabilities stand for. Each is called only where the workload offers it.

  /// out = H direction, H the Hessian of the mean batch loss. The default is the central difference of two gradients,
  ///   [grad(x + h d) - grad(x - h d)] / 2h   with   h = cbrt(eps) (1 + ||x||) / ||d||
  /// (Nocedal & Wright, "Numerical Optimization", 2nd ed., 2006, section 8.1): its relative error is of the order
  /// eps^(2/3), 2e-5 in float, where the loss is smooth; a kink (ReLU) that h d crosses adds its jump divided by 2h.
  virtual void hessian_vector_product(const ForwardPass& pass, const Batch& batch, ConstVector direction, Vector out);

  /// Row e of out [batch.size(), layout().size()] = gradient of the loss of example e alone; returns the mean loss.
  /// The default asks for one example at a time.
  virtual double example_gradients(const ForwardPass& pass, const Batch& batch, Vector out);

  /// The loss is the sum of so many terms, which ForwardPass::loss_term asks for one by one.
  [[nodiscard]] virtual Index loss_terms() const { return 1; }

  /// All metrics of a split in evaluation mode, the target metric first. Off the clock.
  virtual std::vector<Metric> evaluate(ConstVector params, ConstVector model_state, Split split) = 0;

 private:
  struct Differences;
  std::shared_ptr<Differences> differences_;  ///< scratch of hessian_vector_product
};

/// Where a workload finds its data.
struct DataSource {
  std::string directory;   ///< parent of the converted data sets; empty: default_data_directory() (data_set.hpp)
  bool synthetic = false;  ///< generate inputs of the right shape instead of reading them
};

/// A registry entry: what exists, what it can be told, how to make one.
struct WorkloadInfo {
  std::string name;
  std::string summary;   ///< one line: task, data, model
  int version = 1;       ///< semantic: a change of defaults or of results bumps it
  std::string data_set;  ///< name for `velo data install`, or empty
  LossType loss_type = LossType::softmax_cross_entropy;
  std::vector<MetricInfo> metrics;  ///< the first is the target metric
  Capabilities offers;
  /// What a variant offers, where some offer less than `offers` (batch norm: no gradients of single examples).
  std::function<Capabilities(const Parameters&)> variant_offers = {};
  std::vector<ParameterSpec>
      parameters;  ///< variants: activation, normalisation, width, initial_scale, batch_size, ...
  std::function<std::unique_ptr<Workload>(const Parameters&, const DataSource&)> make;
  /// Hash of the converted data (or of the generator), part of a cell's identity. Throws Error when data is missing.
  std::function<std::string(const Parameters&, const DataSource&)> data_version;
  /// What a prediction that ignores its input scores; empty where there is no input. Throws Error when data is missing.
  std::function<TrivialBaseline(const Parameters&, const DataSource&)> trivial = {};

  [[nodiscard]] Capabilities offered_by(const Parameters& variant) const {
    return variant_offers ? variant_offers(variant) : offers;
  }
};

}  // namespace velo
