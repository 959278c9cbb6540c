// workloads/fashion_mnist_mlp.cpp
//
// Fashion-MNIST with a fully connected network: 784 - width - width - 10.
//   data      50,000 / 10,000 / 10,000 images (workloads/data/fashion_mnist.hpp)
//   loss      softmax cross-entropy; metrics accuracy and cross_entropy
//   trivial   always one class: accuracy 0.1 on test, whose classes are equally frequent
//   size      width 128: 118,282 parameters
#include "harness/workload.hpp"
#include "workloads/data/fashion_mnist.hpp"
#include "workloads/nn/image_classifier.hpp"
#include "workloads/nn/linear.hpp"

namespace velo {

namespace {

class Mlp final : public nn::Model {
 public:
  Mlp(ParameterLayout& layout, const data::ImageShape& images, Index width, nn::Activation activation)
      : pixels_(images.pixels()),
        hidden1_(layout, "hidden1", pixels_, width, {.activation = activation}),
        hidden2_(layout, "hidden2", width, width, {.activation = activation}),
        output_(layout, "output", width, images.classes) {}

  [[nodiscard]] nn::Value logits(nn::Tape& tape, nn::Value images) const override {
    const nn::Value x = tape.reshape(images, {tape[images].shape[0], pixels_});
    return output_(tape, hidden2_(tape, hidden1_(tape, x)));
  }

 private:
  Index pixels_;
  nn::Linear hidden1_, hidden2_, output_;
};

std::unique_ptr<Workload> make(const Parameters& parameters, const DataSource& source) {
  auto images = data::open_fashion_mnist(source);
  nn::ModelPlan plan;
  auto model = std::make_unique<Mlp>(plan.layout, images->shape(), parameters.integer("width"),
                                     nn::activation(parameters.choice("activation")));
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
  info.parameters = {
      integer("width", 128, Range::at_least(1), "units in each hidden layer"),
      choice("activation", "relu", {"relu", "gelu", "tanh"}, "nonlinearity of the hidden layers"),
  };
  for (ParameterSpec& spec : nn::classifier_parameters()) info.parameters.push_back(std::move(spec));
  info.make = make;
  info.data_version = [](const Parameters&, const DataSource& source) { return data::fashion_mnist_version(source); };
  return info;
}

}  // namespace velo
