// workloads/speech_deepspeech.cpp
//
// Russian speech to phones after Deep Speech 2 (Amodei et al., ICML 2016, arXiv:1512.02595), as AlgoPerf's
// librispeech_deepspeech has it, at a hundredth of its size:
//   features  40 log-mel numbers every 10 ms, every bin with mean 0 and deviation 1
//   front     two convolutions 3 x 3 with stride 2 in time and frequency, 1 -> channels -> channels, activation;
//             linear 10 channels -> width, dropout: a frame every 40 ms
//   recurrent layers   x + BiLSTM(norm(x)), width / 2 in either direction
//   forward layers     x + dropout(activation(linear(norm(x))))
//   output    layer norm, linear width -> 51 (50 phones and the blank)
//   data      2,280 / 271 / 290 utterances of one voice, cut at pauses (workloads/data/festvox_ru.hpp)
//   loss      CTC, nats per phone; metrics phone_error_rate and ctc_loss (nn/speech_recogniser.hpp)
//   variants  activation (AlgoPerf: tanh), normalisation none or layer (AlgoPerf: layer), no residual connections
//             (AlgoPerf: the same), spec_augment (AlgoPerf's base has it on), dropout (AlgoPerf's base: 0.1), width,
//             initial_scale
//   size      mini: 16 channels, width 96, two recurrent and one forward layer, 144,323 parameters; small: 32, 192, three
//             and two, 823,315. Each has 2 width numbers of batch statistics per recurrent or forward layer
//   trivial   the eight phones "a ay a i aa ae ay a", whatever is said, by greedy search in the training split
//             (nn/constant_output.hpp): phone_error_rate 0.864 on validation, 0.870 on test; silence: 1
//   offers    no layer statistics: rules that take them ask for labels drawn from the model's own predictions, and know
//             matrix products and norms, not an LSTM that uses one matrix at every frame
// Where it differs from AlgoPerf: one bias per gate instead of two, batch statistics of 0.9 old + 0.1 new and epsilon 1e-5
// (0.999, 1e-3), initial values as PyTorch's layers have them (convolutions: Glorot's), layer norm's gain from 1.
#include "harness/workload.hpp"
#include "results/error.hpp"
#include "results/text.hpp"
#include "workloads/data/festvox_ru.hpp"
#include "workloads/nn/constant_output.hpp"
#include "workloads/nn/dropout.hpp"
#include "workloads/nn/frame_convolution.hpp"
#include "workloads/nn/linear.hpp"
#include "workloads/nn/lstm.hpp"
#include "workloads/nn/normalisation.hpp"
#include "workloads/nn/residual.hpp"
#include "workloads/nn/spec_augment.hpp"
#include "workloads/nn/speech_recogniser.hpp"

namespace velo {

namespace {

struct Size {
  Index channels, width, recurrent_layers, forward_layers;
};

Size size_of(const Parameters& parameters) {
  Size size = parameters.choice("size") == "mini" ? Size{16, 96, 2, 1} : Size{32, 192, 3, 2};
  if (parameters.integer("width") > 0) size.width = parameters.integer("width");
  if (size.width % 2 != 0)
    throw Error(cat("the width of speech_deepspeech is ", size.width,
                    "; it must be even, half of it for each direction of time"));
  return size;
}

/// y = x + f(x), or f(x) alone.
class Shortcut {
 public:
  explicit Shortcut(const Parameters& parameters) : on_(parameters.boolean("residual")) {}
  [[nodiscard]] nn::Value operator()(nn::Tape& tape, nn::Value around, nn::Value x) const {
    return on_ ? nn::add(tape, around, x) : around;
  }

 private:
  bool on_;
};

class RecurrentLayer {
 public:
  RecurrentLayer(nn::ModelPlan& plan, const std::string& name, Index width, const Parameters& parameters)
      : normalisation_(plan, name + "/norm", nn::norm_kind(parameters.choice("normalisation")), width),
        lstm_(plan.layout, name, width, width / 2, true),
        shortcut_(parameters) {}

  [[nodiscard]] nn::Value operator()(nn::Tape& tape, nn::Value x, const nn::Frames& frames) const {
    const nn::Value normal = normalisation_(tape, x, {frames.table().sequence, frames.count()});
    return shortcut_(tape, lstm_(tape, normal, frames), x);
  }

 private:
  nn::Normalisation normalisation_;
  nn::Lstm lstm_;
  Shortcut shortcut_;
};

class ForwardLayer {
 public:
  ForwardLayer(nn::ModelPlan& plan, const std::string& name, Index width, const Parameters& parameters)
      : normalisation_(plan, name + "/norm", nn::norm_kind(parameters.choice("normalisation")), width),
        linear_(plan.layout, name, width, width, {.activation = nn::activation(parameters.choice("activation"))}),
        dropout_(plan, parameters.real("dropout").base),
        shortcut_(parameters) {}

  [[nodiscard]] nn::Value operator()(nn::Tape& tape, nn::Value x, const nn::Frames& frames) const {
    const nn::Value normal = normalisation_(tape, x, {frames.table().sequence, frames.count()});
    return shortcut_(tape, dropout_(tape, linear_(tape, normal)), x);
  }

 private:
  nn::Normalisation normalisation_;
  nn::Linear linear_;
  nn::Dropout dropout_;
  Shortcut shortcut_;
};

class DeepSpeech final : public nn::AcousticModel {
 public:
  DeepSpeech(nn::ModelPlan& plan, const data::SpeechCorpus& corpus, const Size& size, const Parameters& parameters)
      : augments_(parameters.boolean("spec_augment")),
        augmentation_(plan),
        conv1_(plan.layout, "conv1", corpus.bins, 1, size.channels, nn::activation(parameters.choice("activation"))),
        conv2_(plan.layout, "conv2", conv1_.out_bins(), size.channels, size.channels,
               nn::activation(parameters.choice("activation"))),
        projection_(plan.layout, "projection", conv2_.out_bins() * size.channels, size.width),
        dropout_(plan, parameters.real("dropout").base),
        recurrent_(layers<RecurrentLayer>(plan, "lstm", size.recurrent_layers, size.width, parameters)),
        forward_(layers<ForwardLayer>(plan, "feed_forward", size.forward_layers, size.width, parameters)),
        normalisation_(plan, "output/norm", nn::NormKind::layer, size.width),
        output_(plan.layout, "output", size.width, corpus.symbols + 1) {}

  [[nodiscard]] nn::Value logits(nn::Tape& tape, nn::Value features, const nn::FrameRates& rates) const override {
    nn::Value x = augments_ ? augmentation_(tape, features, rates[0]) : features;
    x = conv2_(tape, conv1_(tape, x, rates[0], rates[1]), rates[1], rates[2]);
    x = dropout_(tape, projection_(tape, x));
    for (const RecurrentLayer& layer : recurrent_) x = layer(tape, x, rates[2]);
    for (const ForwardLayer& layer : forward_) x = layer(tape, x, rates[2]);
    return output_(tape, normalisation_(tape, x));
  }

 private:
  template <typename Layer>
  static std::vector<Layer> layers(nn::ModelPlan& plan, const std::string& name, Index count, Index width,
                                   const Parameters& parameters) {
    std::vector<Layer> out;
    for (Index i = 1; i <= count; ++i) out.emplace_back(plan, cat(name, i), width, parameters);
    return out;
  }

  bool augments_;
  nn::SpecAugment augmentation_;
  nn::FrameConvolution conv1_, conv2_;
  nn::Linear projection_;
  nn::Dropout dropout_;
  std::vector<RecurrentLayer> recurrent_;
  std::vector<ForwardLayer> forward_;
  nn::Normalisation normalisation_;
  nn::Linear output_;
};

std::unique_ptr<Workload> make(const Parameters& parameters, const DataSource& source) {
  auto corpus = data::open_festvox_ru(source);
  nn::ModelPlan plan;
  auto model = std::make_unique<DeepSpeech>(plan, *corpus, size_of(parameters), parameters);
  nn::RecogniserOptions options;
  options.batch_size = parameters.integer("batch_size");
  options.initial_scale = parameters.real("initial_scale").base;
  return std::make_unique<nn::SpeechRecogniser>(std::move(corpus), std::move(plan), std::move(model), options);
}

TrivialBaseline trivial(const data::SpeechCorpus& corpus) {
  const std::vector<std::uint8_t> heard = nn::constant_output(corpus.split(Split::train), corpus.symbols);
  std::string phones;
  for (const std::uint8_t label : heard) phones += cat(" ", data::phone_names()[label - 1u]);
  return {cat("the phones", phones, ", whatever is said"), nn::error_rate(corpus.split(Split::validation), heard),
          nn::error_rate(corpus.split(Split::test), heard)};
}

}  // namespace

WorkloadInfo speech_deepspeech_workload_info() {
  WorkloadInfo info;
  info.name = "speech_deepspeech";
  info.summary = "Russian speech to phones, convolutions and bidirectional LSTM with CTC";
  info.data_set = "festvox_ru";
  info.loss_type = LossType::ctc;
  info.metrics = nn::recogniser_metrics();
  nn::declare_offers(info, {Capability::hessian_vector_products, Capability::micro_batches});
  info.parameters = {
      choice("size", "mini", {"mini", "small"}, "channels, width and layers"),
      integer("width", 0, Range::at_least(0), "of every layer behind the convolutions, even; 0: as the size has it"),
      choice("activation", "relu", {"relu", "gelu", "tanh"}, "behind convolutions and in feed-forward layers"),
      choice("normalisation", "batch", {"none", "batch", "layer"}, "in front of every LSTM and feed-forward layer"),
      boolean("residual", true, "shortcuts around LSTM and feed-forward layers"),
      boolean("spec_augment", false, "hide bands and stretches of the training features"),
      real("initial_scale", 1.0, Range::positive(), "factor on every random initial value"),
      real("dropout", 0.0, Range::decay(), "probability with which training drops an activation"),
      integer("batch_size", 16, Range::at_least(1), "utterances in a training batch", "examples")};
  info.make = make;
  info.data_version = [](const Parameters&, const DataSource& source) { return data::festvox_ru_version(source); };
  info.trivial = [](const Parameters&, const DataSource& source) { return trivial(*data::open_festvox_ru(source)); };
  return info;
}

}  // namespace velo
