// workloads/fashion_mnist_cnn.cpp
//
// Fashion-MNIST with a small convolutional network:
//   conv 3x3 1 -> width, activation, max pooling 2x2      28 x 28 -> 14 x 14
//   conv 3x3 width -> width, activation, max pooling 2x2  14 x 14 -> 7 x 7
//   linear 49 width -> 10
//   data      50,000 / 10,000 / 10,000 images (workloads/data/fashion_mnist.hpp)
//   loss      softmax cross-entropy; metrics accuracy and cross_entropy
//   variants  normalisation in front of each nonlinearity (its convolution then has no bias), dropout in front of the
//             linear layer
//   trivial   always class 7, the training split's most frequent: accuracy 0.0955 on validation, 0.1 on test
//   size      width 16: 10,330 parameters; a gradient of a batch of 128 costs 0.45 GFLOP
#include "harness/workload.hpp"
#include "workloads/data/fashion_mnist.hpp"
#include "workloads/nn/conv2d.hpp"
#include "workloads/nn/dropout.hpp"
#include "workloads/nn/image_classifier.hpp"
#include "workloads/nn/linear.hpp"
#include "workloads/nn/normalisation.hpp"
#include "workloads/nn/pooling.hpp"

namespace velo {

namespace {

/// Convolution, normalisation, activation, max pooling; the bias falls away where a normalisation has one.
class Stage {
 public:
  Stage(nn::ModelPlan& plan, const std::string& name, Index in, Index width, const Parameters& parameters)
      : normalised_(parameters.choice("normalisation") != "none"),
        activation_(nn::activation(parameters.choice("activation"))),
        convolution_(plan.layout, name, in, width,
                     {.activation = normalised_ ? nn::Activation::none : activation_,
                      .bias = !normalised_,
                      .max_pool = normalised_ ? 1 : 2}),
        normalisation_(plan, name + "/norm", nn::norm_kind(parameters.choice("normalisation")), width) {}

  [[nodiscard]] nn::Value operator()(nn::Tape& tape, nn::Value x) const {
    const nn::Value y = convolution_(tape, x);
    if (!normalised_) return y;
    return nn::max_pool(tape, nn::activate(tape, activation_, normalisation_(tape, y)));
  }

 private:
  bool normalised_;
  nn::Activation activation_;
  nn::Conv2d convolution_;
  nn::Normalisation normalisation_;
};

class Cnn final : public nn::Model {
 public:
  Cnn(nn::ModelPlan& plan, const data::ImageShape& images, const Parameters& parameters)
      : width_(parameters.integer("width")),
        stage1_(plan, "conv1", images.channels, width_, parameters),
        stage2_(plan, "conv2", width_, width_, parameters),
        dropout_(plan, parameters.real("dropout").base),
        output_(plan.layout, "output", images.height / 4 * (images.width / 4) * width_, images.classes) {}

  [[nodiscard]] nn::Value logits(nn::Tape& tape, nn::Value images) const override {
    return output_(tape, dropout_(tape, nn::flatten(tape, stage2_(tape, stage1_(tape, images)))));
  }

 private:
  Index width_;
  Stage stage1_, stage2_;
  nn::Dropout dropout_;
  nn::Linear output_;
};

std::unique_ptr<Workload> make(const Parameters& parameters, const DataSource& source) {
  auto images = data::open_fashion_mnist(source);
  nn::ModelPlan plan;
  auto model = std::make_unique<Cnn>(plan, images->shape(), parameters);
  nn::ClassifierOptions options = nn::classifier_options(parameters);
  options.evaluation_batch = 250;
  return std::make_unique<nn::ImageClassifier>(std::move(images), std::move(plan), std::move(model), options);
}

}  // namespace

WorkloadInfo fashion_mnist_cnn_workload_info() {
  WorkloadInfo info;
  info.name = "fashion_mnist_cnn";
  info.summary = "Fashion-MNIST, two convolutions with max pooling and a linear layer";
  info.data_set = "fashion_mnist";
  info.metrics = nn::classifier_metrics();
  info.parameters = {integer("width", 16, Range::at_least(1), "channels of each convolution")};
  for (ParameterSpec& spec : nn::classifier_parameters()) info.parameters.push_back(std::move(spec));
  nn::declare_offers(info);
  info.make = make;
  info.data_version = [](const Parameters&, const DataSource& source) { return data::fashion_mnist_version(source); };
  info.trivial = [](const Parameters&, const DataSource& source) {
    return data::majority_class(*data::open_fashion_mnist(source));
  };
  return info;
}

}  // namespace velo
