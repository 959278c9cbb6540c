// workloads/fashion_mnist_cnn.cpp
//
// Fashion-MNIST with a small convolutional network:
//   conv 3x3 1 -> width, activation, max pooling 2x2      28 x 28 -> 14 x 14
//   conv 3x3 width -> width, activation, max pooling 2x2  14 x 14 -> 7 x 7
//   linear 49 width -> 10
//   data      50,000 / 10,000 / 10,000 images (workloads/data/fashion_mnist.hpp)
//   loss      softmax cross-entropy; metrics accuracy and cross_entropy
//   trivial   always one class: accuracy 0.1 on test, whose classes are equally frequent
//   size      width 16: 10,330 parameters; a gradient of a batch of 128 costs 0.45 GFLOP
#include "harness/workload.hpp"
#include "workloads/data/fashion_mnist.hpp"
#include "workloads/nn/conv2d.hpp"
#include "workloads/nn/image_classifier.hpp"
#include "workloads/nn/linear.hpp"
#include "workloads/nn/pooling.hpp"

namespace velo {

namespace {

class Cnn final : public nn::Model {
 public:
  Cnn(ParameterLayout& layout, const data::ImageShape& images, Index width, nn::Activation activation)
      : conv1_(layout, "conv1", images.channels, width, {.activation = activation, .max_pool = 2}),
        conv2_(layout, "conv2", width, width, {.activation = activation, .max_pool = 2}),
        output_(layout, "output", images.height / 4 * (images.width / 4) * width, images.classes) {}

  [[nodiscard]] nn::Value logits(nn::Tape& tape, nn::Value images) const override {
    return output_(tape, nn::flatten(tape, conv2_(tape, conv1_(tape, images))));
  }

 private:
  nn::Conv2d conv1_, conv2_;
  nn::Linear output_;
};

std::unique_ptr<Workload> make(const Parameters& parameters, const DataSource& source) {
  auto images = data::open_fashion_mnist(source);
  nn::ModelPlan plan;
  auto model = std::make_unique<Cnn>(plan.layout, images->shape(), parameters.integer("width"),
                                     nn::activation(parameters.choice("activation")));
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
  info.parameters = {
      integer("width", 16, Range::at_least(1), "channels of each convolution"),
      choice("activation", "relu", {"relu", "gelu", "tanh"}, "nonlinearity behind the convolutions"),
  };
  for (ParameterSpec& spec : nn::classifier_parameters()) info.parameters.push_back(std::move(spec));
  info.make = make;
  info.data_version = [](const Parameters&, const DataSource& source) { return data::fashion_mnist_version(source); };
  return info;
}

}  // namespace velo
