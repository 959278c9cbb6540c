// workloads/fashion_resnet.cpp
//
// Fashion-MNIST with a small residual network (He et al., CVPR 2016, arXiv:1512.03385) and batch norm:
//   stem    conv 3x3 1 -> width, norm, activation (mini: then max pooling 2x2)
//   stages  three basic blocks of width, 2 width, 4 width channels with strides 1, 2, 2:
//             y = activation(norm(conv 3x3(activation(norm(conv 3x3(x))))) + shortcut(x))
//           shortcut: the identity in the first, norm(conv 1x1) with the block's stride in the others
//   head    global average pooling, linear 4 width -> 10
//   data    50,000 / 10,000 / 10,000 images (workloads/data/fashion_mnist.hpp)
//   loss    softmax cross-entropy; metrics accuracy and cross_entropy
//   variants  normalisation behind every convolution (none: the convolutions get biases instead), dropout in front of
//             the linear layer
//   size    width 16: 77,754 parameters at either size, and 448 numbers of batch statistics. small runs the stages on
//           28 x 28, 14 x 14, 7 x 7 pixels, a gradient of a batch of 128 costs 7.1 GFLOP; mini pools first: 14 x 14,
//           7 x 7, 4 x 4, 2.0 GFLOP
//   trivial always class 7, the training split's most frequent: accuracy 0.0955 on validation, 0.1 on test
#include <optional>

#include "harness/workload.hpp"
#include "workloads/data/fashion_mnist.hpp"
#include "workloads/nn/conv2d.hpp"
#include "workloads/nn/dropout.hpp"
#include "workloads/nn/image_classifier.hpp"
#include "workloads/nn/linear.hpp"
#include "workloads/nn/normalisation.hpp"
#include "workloads/nn/pooling.hpp"
#include "workloads/nn/residual.hpp"

namespace velo {

namespace {

/// A convolution and its normalisation, which takes the place of a bias.
class NormedConv {
 public:
  NormedConv(nn::ModelPlan& plan, const std::string& name, Index in, Index out, Index kernel, Index stride,
             nn::NormKind kind)
      : convolution_(plan.layout, name, in, out,
                     {.kernel = kernel, .stride = stride, .padding = kernel / 2, .bias = kind == nn::NormKind::none}),
        normalisation_(plan, name + "/norm", kind, out) {}

  [[nodiscard]] nn::Value operator()(nn::Tape& tape, nn::Value x) const {
    return normalisation_(tape, convolution_(tape, x));
  }

 private:
  nn::Conv2d convolution_;
  nn::Normalisation normalisation_;
};

class BasicBlock {
 public:
  BasicBlock(nn::ModelPlan& plan, const std::string& name, Index in, Index out, Index stride, nn::NormKind kind,
             nn::Activation activation)
      : activation_(activation),
        first_(plan, name + "/conv1", in, out, 3, stride, kind),
        second_(plan, name + "/conv2", out, out, 3, 1, kind) {
    if (in != out || stride != 1) projection_.emplace(plan, name + "/shortcut", in, out, 1, stride, kind);
  }

  [[nodiscard]] nn::Value operator()(nn::Tape& tape, nn::Value x) const {
    const nn::Value around = second_(tape, nn::activate(tape, activation_, first_(tape, x)));
    return nn::activate(tape, activation_, nn::add(tape, around, projection_ ? (*projection_)(tape, x) : x));
  }

 private:
  nn::Activation activation_;
  NormedConv first_, second_;
  std::optional<NormedConv> projection_;
};

class ResNet final : public nn::Model {
 public:
  ResNet(nn::ModelPlan& plan, const data::ImageShape& images, const Parameters& parameters)
      : width_(parameters.integer("width")),
        pooled_(parameters.choice("size") == "mini"),
        activation_(nn::activation(parameters.choice("activation"))),
        kind_(nn::norm_kind(parameters.choice("normalisation"))),
        stem_(plan, "stem", images.channels, width_, 3, 1, kind_),
        stage1_(plan, "stage1", width_, width_, 1, kind_, activation_),
        stage2_(plan, "stage2", width_, 2 * width_, 2, kind_, activation_),
        stage3_(plan, "stage3", 2 * width_, 4 * width_, 2, kind_, activation_),
        dropout_(plan, parameters.real("dropout").base),
        output_(plan.layout, "output", 4 * width_, images.classes) {}

  [[nodiscard]] nn::Value logits(nn::Tape& tape, nn::Value images) const override {
    nn::Value x = nn::activate(tape, activation_, stem_(tape, images));
    if (pooled_) x = nn::max_pool(tape, x);
    x = stage3_(tape, stage2_(tape, stage1_(tape, x)));
    return output_(tape, dropout_(tape, nn::global_average_pool(tape, x)));
  }

 private:
  Index width_;
  bool pooled_;
  nn::Activation activation_;
  nn::NormKind kind_;
  NormedConv stem_;
  BasicBlock stage1_, stage2_, stage3_;
  nn::Dropout dropout_;
  nn::Linear output_;
};

std::unique_ptr<Workload> make(const Parameters& parameters, const DataSource& source) {
  auto images = data::open_fashion_mnist(source);
  nn::ModelPlan plan;
  auto model = std::make_unique<ResNet>(plan, images->shape(), parameters);
  nn::ClassifierOptions options = nn::classifier_options(parameters);
  options.evaluation_batch = 250;
  return std::make_unique<nn::ImageClassifier>(std::move(images), std::move(plan), std::move(model), options);
}

}  // namespace

WorkloadInfo fashion_resnet_workload_info() {
  WorkloadInfo info;
  info.name = "fashion_resnet";
  info.summary = "Fashion-MNIST, residual network of eight layers with batch norm";
  info.data_set = "fashion_mnist";
  info.metrics = nn::classifier_metrics();
  info.parameters = {
      choice("size", "mini", {"mini", "small"}, "resolution of the stages: pooled behind the stem, full"),
      integer("width", 16, Range::at_least(1), "channels of the first stage")};
  for (ParameterSpec& spec : nn::classifier_parameters()) {
    if (spec.name == "normalisation") {
      spec.word = "batch";
      spec.doc = "behind every convolution";
    }
    info.parameters.push_back(std::move(spec));
  }
  nn::declare_offers(info);
  info.make = make;
  info.data_version = [](const Parameters&, const DataSource& source) { return data::fashion_mnist_version(source); };
  info.trivial = [](const Parameters&, const DataSource& source) {
    return data::majority_class(*data::open_fashion_mnist(source));
  };
  return info;
}

}  // namespace velo
