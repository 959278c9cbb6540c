// workloads/fashion_mnist_mlp.cpp
//
// Fashion-MNIST with a fully connected network: 784 - width - width - 10.
//   data      50,000 / 10,000 / 10,000 images (workloads/data/fashion_mnist.hpp)
//   loss      softmax cross-entropy; metrics accuracy and cross_entropy
//   variants  normalisation in front of each nonlinearity (its layer then has no bias), dropout behind it
//   trivial   always class 7, the training split's most frequent: accuracy 0.0955 on validation, 0.1 on test
//   size      width 128: 118,282 parameters
#include "harness/workload.hpp"
#include "workloads/data/fashion_mnist.hpp"
#include "workloads/nn/dropout.hpp"
#include "workloads/nn/image_classifier.hpp"
#include "workloads/nn/linear.hpp"
#include "workloads/nn/normalisation.hpp"

namespace velo {

namespace {

/// Linear, normalisation, activation, dropout; the bias falls away where a normalisation has one.
class Hidden {
 public:
  Hidden(nn::ModelPlan& plan, const std::string& name, Index in, Index width, const Parameters& parameters)
      : normalised_(parameters.choice("normalisation") != "none"),
        activation_(nn::activation(parameters.choice("activation"))),
        linear_(plan.layout, name, in, width,
                {.activation = normalised_ ? nn::Activation::none : activation_, .bias = !normalised_}),
        normalisation_(plan, name + "/norm", nn::norm_kind(parameters.choice("normalisation")), width),
        dropout_(plan, parameters.real("dropout").base) {}

  [[nodiscard]] nn::Value operator()(nn::Tape& tape, nn::Value x) const {
    nn::Value y = linear_(tape, x);
    if (normalised_) y = nn::activate(tape, activation_, normalisation_(tape, y));
    return dropout_(tape, y);
  }

 private:
  bool normalised_;
  nn::Activation activation_;
  nn::Linear linear_;
  nn::Normalisation normalisation_;
  nn::Dropout dropout_;
};

class Mlp final : public nn::Model {
 public:
  Mlp(nn::ModelPlan& plan, const data::ImageShape& images, const Parameters& parameters)
      : pixels_(images.pixels()),
        hidden1_(plan, "hidden1", pixels_, parameters.integer("width"), parameters),
        hidden2_(plan, "hidden2", parameters.integer("width"), parameters.integer("width"), parameters),
        output_(plan.layout, "output", parameters.integer("width"), images.classes) {}

  [[nodiscard]] nn::Value logits(nn::Tape& tape, nn::Value images) const override {
    const nn::Value x = tape.reshape(images, {tape[images].shape[0], pixels_});
    return output_(tape, hidden2_(tape, hidden1_(tape, x)));
  }

 private:
  Index pixels_;
  Hidden hidden1_, hidden2_;
  nn::Linear output_;
};

std::unique_ptr<Workload> make(const Parameters& parameters, const DataSource& source) {
  auto images = data::open_fashion_mnist(source);
  nn::ModelPlan plan;
  auto model = std::make_unique<Mlp>(plan, images->shape(), parameters);
  return std::make_unique<nn::ImageClassifier>(std::move(images), std::move(plan), std::move(model),
                                               nn::classifier_options(parameters));
}

}  // namespace

WorkloadInfo fashion_mnist_mlp_workload_info() {
  WorkloadInfo info;
  info.name = "fashion_mnist_mlp";
  info.summary = "Fashion-MNIST, fully connected network 784-width-width-10";
  info.data_set = "fashion_mnist";
  info.metrics = nn::classifier_metrics();
  info.parameters = {integer("width", 128, Range::at_least(1), "units in each hidden layer")};
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
