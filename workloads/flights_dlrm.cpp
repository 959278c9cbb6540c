// workloads/flights_dlrm.cpp
//
// Will this flight arrive late? Click-through-like prediction with AlgoPerf's DLRM-small (Naumov et al. 2019,
// arXiv:1906.00091), scaled: many examples, few dense features, tables that a batch touches here and there.
//   data        3,000,000 flights, cut by the calendar: 2,415,633 / 298,628 / 285,739 (workloads/data/flights.hpp)
//   dense       log distance, standardised; sine and cosine of the time of day, once and twice around: 5 numbers
//   tables      origin 229, destination 229, route 3,399, hour 24, weekday 7: 3,888 rows of `width` numbers
//   bottom      dense -> 2 h -> h -> width
//   interaction the bottom's output, and all dot products among it and the five rows
//   top         -> 4 h -> 4 h -> 2 h -> h -> 1
//   loss        sigmoid cross-entropy; the metric is the same, on the whole split, in nats
//   size        mini: width 32, h 32, AlgoPerf's embeddings divided by 4 and layers by 8: 161,729 parameters;
//               small: width 96, h 96: 687,937
//   variants    activation; normalisation behind every hidden layer's activation and on the embeddings; residual
//               connections around hidden layers of one width; initial values of the embeddings; h by `hidden`;
//               dropout in front of the last layer
//   trivial     always the training split's share of late flights: 0.483966 on validation, 0.532981 on test
//
// As AlgoPerf: the order of the parts, the diagonal of the interaction, the initial values (weights Glorot, biases
// normal with variance 1 / out, embeddings of half-width 1/sqrt(rows of all tables)). Otherwise: tables are indexed, not
// hashed; embeddings start symmetric around zero; the residual variant keeps the interaction.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "harness/workload.hpp"
#include "workloads/data/flights.hpp"
#include "workloads/nn/dropout.hpp"
#include "workloads/nn/embedding_tables.hpp"
#include "workloads/nn/interaction.hpp"
#include "workloads/nn/linear.hpp"
#include "workloads/nn/loss.hpp"
#include "workloads/nn/normalisation.hpp"
#include "workloads/nn/residual.hpp"
#include "workloads/nn/staged.hpp"
#include "workloads/nn/tape_workload.hpp"

namespace velo {

namespace {

constexpr Index dense_features = 5;

const std::vector<nn::TableSpec>& tables() {
  static const std::vector<nn::TableSpec> specs = {{"origin", data::flight_airports},
                                                   {"destination", data::flight_airports},
                                                   {"route", data::flight_routes},
                                                   {"hour", 24},
                                                   {"weekday", 7}};
  return specs;
}

/// Flights of one batch on the device.
class FlightBatch {
 public:
  explicit FlightBatch(std::shared_ptr<const data::FlightData> flights) : data_(std::move(flights)) {
    for (std::size_t minute = 0; minute < times_.size(); ++minute) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(minute) / static_cast<double>(times_.size());
      for (int turns = 1; turns <= 2; ++turns) {
        times_[minute][2 * turns - 2] = static_cast<Scalar>(std::sin(turns * angle));
        times_[minute][2 * turns - 1] = static_cast<Scalar>(std::cos(turns * angle));
      }
    }
  }

  /// `grouped`: a gradient will be asked.
  void load(Split split, std::span<const Index> examples, bool grouped) {
    const auto rows = static_cast<Index>(examples.size());
    if (flights_.size() < examples.size()) flights_.resize(examples.size());
    data_->gather(split, examples, flights_.data());
    Scalar* dense = dense_.stage(rows * dense_features);
    std::int32_t* index = rows_.stage(rows);
    std::uint8_t* label = labels_.stage(rows);
    for (std::size_t i = 0; i < examples.size(); ++i) {
      const data::Flight& flight = flights_[i];
      *dense++ = static_cast<Scalar>((std::log(static_cast<double>(flight.distance)) - log_mean) / log_deviation);
      dense = std::copy_n(times_[static_cast<std::size_t>(flight.minute) % times_.size()].data(), 4, dense);
      *index++ = flight.origin;
      *index++ = flight.destination;
      *index++ = flight.route;
      *index++ = flight.hour();
      *index++ = flight.weekday();
      *label++ = flight.late() ? 1 : 0;
    }
    dense_.upload(rows * dense_features);
    rows_.finish(grouped);
    labels_.upload(rows);
  }

  [[nodiscard]] Tensor dense() const { return {dense_.data(), {rows_.rows(), dense_features}}; }
  [[nodiscard]] const nn::TableRows& rows() const { return rows_; }
  [[nodiscard]] const std::uint8_t* labels() const { return labels_.data(); }

 private:
  // Of the logarithm of the distance over the training split.
  static constexpr double log_mean = 6.297878847242235, log_deviation = 0.7924423099089517;

  std::shared_ptr<const data::FlightData> data_;
  std::vector<data::Flight> flights_;
  std::array<std::array<Scalar, 4>, 1440> times_{};  ///< by minute of the day
  nn::Staged<Scalar> dense_;
  nn::TableRows rows_{tables()};
  nn::Staged<std::uint8_t> labels_;
};

/// Linear, activation, normalisation; around them, where asked and possible, a residual connection.
class Hidden {
 public:
  Hidden(nn::ModelPlan& plan, const std::string& name, Index in, Index out, const Parameters& parameters)
      : residual_(parameters.boolean("residual") && in == out),
        linear_(plan.layout, name, in, out, options(in, out, nn::activation(parameters.choice("activation")))),
        normalisation_(plan, name + "/norm", nn::norm_kind(parameters.choice("normalisation")), out) {}

  [[nodiscard]] nn::Value operator()(nn::Tape& tape, nn::Value x) const {
    const nn::Value y = normalisation_(tape, linear_(tape, x));
    return residual_ ? nn::add(tape, x, y) : y;
  }

  /// AlgoPerf's initial values. Glorot's uniform and normal forms have one variance, 2 / (in + out).
  static nn::LinearOptions options(Index in, Index out, nn::Activation activation) {
    return {.activation = activation,
            .weight_start = Initialiser::normal(std::sqrt(2.0 / static_cast<double>(in + out))),
            .bias_start = Initialiser::normal(std::sqrt(1.0 / static_cast<double>(out)))};
  }

 private:
  bool residual_;
  nn::Linear linear_;
  nn::Normalisation normalisation_;
};

class Dlrm {
 public:
  Dlrm(nn::ModelPlan& plan, const Parameters& parameters)
      : Dlrm(plan, parameters, parameters.choice("size") == "mini" ? 32 : 96) {}

  /// -> [rows, 1]
  [[nodiscard]] nn::Value logits(nn::Tape& tape, const FlightBatch& batch) const {
    nn::Value dense = tape.input(batch.dense());
    for (const Hidden& layer : bottom_) dense = layer(tape, dense);
    nn::Value x = nn::dot_interaction(tape, dense, normalised(tape, embeddings_(tape, batch.rows())));
    for (const Hidden& layer : top_) x = layer(tape, x);
    return output_(tape, dropout_(tape, x));
  }

 private:
  Dlrm(nn::ModelPlan& plan, const Parameters& parameters, Index width)
      : Dlrm(plan, parameters, width,
             std::max<Index>(1, std::llround(parameters.real("hidden").base * static_cast<double>(width)))) {}

  Dlrm(nn::ModelPlan& plan, const Parameters& parameters, Index width, Index h)
      : width_(width),
        bottom_(stack(plan, "bottom", {dense_features, 2 * h, h, width}, parameters)),
        embeddings_(plan.layout, "embedding", tables(), width, parameters.real("embedding_init").base),
        embedding_norm_(plan, "embedding/norm", nn::norm_kind(parameters.choice("normalisation")), width),
        top_(stack(plan, "top", {interactions(width), 4 * h, 4 * h, 2 * h, h}, parameters)),
        dropout_(plan, parameters.real("dropout").base),
        output_(plan.layout, "output", h, 1, Hidden::options(h, 1, nn::Activation::none)) {}

  static Index interactions(Index width) {
    const auto vectors = static_cast<Index>(tables().size()) + 1;
    return width + vectors * (vectors + 1) / 2;
  }
  static std::vector<Hidden> stack(nn::ModelPlan& plan, const std::string& name, const std::vector<Index>& widths,
                                   const Parameters& parameters) {
    std::vector<Hidden> layers;
    for (std::size_t i = 1; i < widths.size(); ++i)
      layers.emplace_back(plan, name + std::to_string(i), widths[i - 1], widths[i], parameters);
    return layers;
  }
  [[nodiscard]] nn::Value normalised(nn::Tape& tape, nn::Value rows) const {
    const Shape shape = tape[rows].shape;
    return tape.reshape(embedding_norm_(tape, tape.reshape(rows, {shape[0] * shape[1], width_})), shape);
  }

  Index width_;
  std::vector<Hidden> bottom_;
  nn::EmbeddingTables embeddings_;
  nn::Normalisation embedding_norm_;
  std::vector<Hidden> top_;
  nn::Dropout dropout_;
  nn::Linear output_;
};

class FlightsDlrm final : public nn::TapeWorkload {
 public:
  FlightsDlrm(std::shared_ptr<const data::FlightData> flights, nn::ModelPlan plan, Dlrm model,
              const Parameters& parameters)
      : TapeWorkload(std::move(plan), parameters.integer("batch_size"), parameters.real("initial_scale").base),
        data_(std::move(flights)),
        model_(std::move(model)),
        label_smoothing_(parameters.real("label_smoothing").base),
        training_batch_(data_),
        evaluation_batch_(data_) {}

  [[nodiscard]] Index examples(Split split) const override { return data_->flights(split); }

  std::vector<Metric> evaluate(ConstVector params, ConstVector model_state, Split split) override {
    const Index count = examples(split);
    evaluation_examples_.resize(evaluation_batch);
    double sum = 0.0;
    for (Index first = 0; first < count; first += evaluation_batch) {
      const Index size = std::min(evaluation_batch, count - first);
      std::iota(evaluation_examples_.begin(), evaluation_examples_.end(), first);
      evaluation_batch_.load(split, std::span(evaluation_examples_).first(static_cast<std::size_t>(size)), false);
      begin_evaluation(params, model_state);
      const nn::Value logits = model_.logits(tape(), evaluation_batch_);
      sum += static_cast<double>(size) *
             nn::sigmoid_cross_entropy(tape(), logits, evaluation_batch_.labels(), 0.0, reduction());
    }
    tape().end();
    return {{"cross_entropy", sum / static_cast<double>(count)}};
  }

 private:
  static constexpr Index evaluation_batch = 2048;

  void gather(const Batch& batch) override { training_batch_.load(batch.split, batch.examples, true); }
  double forward(const ForwardPass& pass, const Batch&) override {
    return nn::sigmoid_cross_entropy(tape(), model_.logits(tape(), training_batch_), training_batch_.labels(),
                                     pass.label_smoothing.value_or(label_smoothing_), reduction());
  }

  std::shared_ptr<const data::FlightData> data_;
  Dlrm model_;
  double label_smoothing_;
  FlightBatch training_batch_, evaluation_batch_;
  std::vector<Index> evaluation_examples_;
};

}  // namespace

WorkloadInfo flights_dlrm_workload_info() {
  WorkloadInfo info;
  info.name = "flights_dlrm";
  info.summary = "Late flights, DLRM with five embedding tables and dot interaction";
  info.data_set = "flights";
  info.loss_type = LossType::sigmoid_cross_entropy;
  info.metrics = {{"cross_entropy", "nats", false}};
  nn::declare_offers(info);
  info.parameters = {
      choice("size", "mini", {"mini", "small"}, "embeddings of 32 or 96 numbers"),
      real("hidden", 1.0, Range::positive(), "units of the smallest hidden layers, as a multiple of the embeddings'"),
      choice("activation", "relu", {"relu", "gelu", "tanh"}, "nonlinearity of the hidden layers"),
      choice("normalisation", "none", {"none", "batch", "layer"}, "behind every nonlinearity and on the embeddings"),
      boolean("residual", false, "connections around hidden layers of one width"),
      real("embedding_init", 0.0, Range::non_negative(),
           "half-width of the embeddings' initial values; 0: 1/sqrt(rows of all tables)"),
      real("initial_scale", 1.0, Range::positive(), "factor on every random initial value"),
      real("dropout", 0.0, Range::decay(), "probability with which training drops an input of the last layer"),
      real("label_smoothing", 0.0, Range::decay(), "weight of one half in the training targets"),
      integer("batch_size", 1024, Range::at_least(1), "examples in a training batch", "examples"),
  };
  info.make = [](const Parameters& parameters, const DataSource& source) -> std::unique_ptr<Workload> {
    nn::ModelPlan plan;
    Dlrm model(plan, parameters);
    return std::make_unique<FlightsDlrm>(data::open_flights(source), std::move(plan), std::move(model), parameters);
  };
  info.data_version = [](const Parameters&, const DataSource& source) { return data::flights_version(source); };
  info.trivial = [](const Parameters&, const DataSource& source) {
    return data::share_of_late_flights(*data::open_flights(source));
  };
  return info;
}

}  // namespace velo
