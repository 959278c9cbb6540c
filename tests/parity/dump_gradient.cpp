// Writes one gradient of a workload with all that another framework needs to repeat it:
//
//   dump_gradient WORKLOAD FOLDER [key=value ...]
//
// FOLDER/blocks.txt     name, number of elements and shape of every parameter block, in order
//       /params         parameters          /gradient       gradient          raw, float or double as it was built
//       /state          model state after the pass (batch norm: means, then variances, layer by layer)
// images:
//       /images.u8      batch x 28 x 28     /labels.u8      batch             raw bytes
//       /scalars.txt    loss, mean and deviation of the pixels' normalisation, and bytes of a number
// speech:
//       /features.u8, /labels.u8            all utterances one after another, raw bytes
//       /lengths.txt    frames and labels of every utterance
//       /bins.f64       means, then deviations of the 40 bins
//       /scalars.txt    loss, labels in an average training utterance, and bytes of a number
#include <filesystem>
#include <fstream>
#include <iostream>
#include <numeric>
#include <string>
#include <vector>

#include "harness/device/runtime.hpp"
#include "harness/workload.hpp"
#include "results/error.hpp"
#include "results/text.hpp"
#include "workloads/data/fashion_mnist.hpp"
#include "workloads/data/festvox_ru.hpp"

namespace velo {

WorkloadInfo fashion_mnist_mlp_workload_info();
WorkloadInfo fashion_mnist_cnn_workload_info();
WorkloadInfo fashion_resnet_workload_info();
WorkloadInfo speech_deepspeech_workload_info();

namespace {

/// The library in double has no registry.
WorkloadInfo workload_called(const std::string& name) {
  for (const auto info : {fashion_mnist_mlp_workload_info, fashion_mnist_cnn_workload_info,
                          fashion_resnet_workload_info, speech_deepspeech_workload_info})
    if (info().name == name) return info();
  throw Error(cat("no workload with a parity test is called '", name, "'"));
}

constexpr Index batch_size = 37, first_example = 1000;

void set(Parameters& parameters, const std::vector<ParameterSpec>& specs, const std::string& word) {
  const auto equals = word.find('=');
  const std::string key = word.substr(0, equals), value = word.substr(equals + 1);
  for (const ParameterSpec& spec : specs) {
    if (spec.name != key) continue;
    if (spec.type == ParameterType::choice) return parameters.set(key, value);
    if (spec.type == ParameterType::integer) return parameters.set(key, std::int64_t{std::stoll(value)});
    if (spec.type == ParameterType::boolean) return parameters.set(key, value == "1");
    return parameters.set(key, Schedule(std::stod(value)));
  }
  throw Error(cat("no parameter is called '", key, "'"));
}

template <typename Value>
void write(const std::string& path, const Value* values, std::size_t count) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(values), static_cast<std::streamsize>(count * sizeof(Value)));
  if (!file) throw Error("cannot write " + path);
}

void write(const std::string& path, const Vector& vector) {
  const auto host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), vector);
  write(path, host.data(), host.extent(0));
}

void write_images(const std::string& folder, const DataSource& source, double loss) {
  const auto images = data::open_fashion_mnist(source);
  const auto pixels = static_cast<std::size_t>(images->shape().pixels());
  write(folder + "/images.u8", images->images(Split::train).data() + first_example * pixels, batch_size * pixels);
  write(folder + "/labels.u8", images->labels(Split::train).data() + first_example, batch_size);
  std::ofstream(folder + "/scalars.txt") << number_text(loss) << " " << number_text(images->mean()) << " "
                                         << number_text(images->deviation()) << " " << sizeof(Scalar) << "\n";
}

void write_speech(const std::string& folder, const DataSource& source, double loss) {
  const auto corpus = data::open_festvox_ru(source);
  const data::SpeechSplit& train = corpus->split(Split::train);
  std::ofstream lengths(folder + "/lengths.txt");
  std::size_t frames = 0, labels = 0;
  for (Index u = first_example; u < first_example + batch_size; ++u) {
    lengths << train.frames(u) << " " << train.labels(u).size() << "\n";
    frames += static_cast<std::size_t>(train.frames(u));
    labels += train.labels(u).size();
  }
  write(folder + "/features.u8", train.features(first_example), frames * static_cast<std::size_t>(corpus->bins));
  write(folder + "/labels.u8", train.labels(first_example).data(), labels);
  std::vector<double> bins = corpus->mean;
  bins.insert(bins.end(), corpus->deviation.begin(), corpus->deviation.end());
  write(folder + "/bins.f64", bins.data(), bins.size());
  const double average = static_cast<double>(train.total_labels()) / static_cast<double>(train.utterances());
  std::ofstream(folder + "/scalars.txt") << number_text(loss) << " " << number_text(average) << " " << sizeof(Scalar)
                                         << "\n";
}

void dump(const std::string& name, const std::string& folder, const std::vector<std::string>& words) {
  const WorkloadInfo info = workload_called(name);
  Parameters parameters = Parameters::defaults(info.parameters);
  for (const std::string& word : words) set(parameters, info.parameters, word);
  const DataSource source{.directory = "", .synthetic = true};
  const auto workload = info.make(parameters, source);
  const ParameterLayout& layout = workload->layout();

  std::vector<Index> examples(batch_size);
  std::iota(examples.begin(), examples.end(), first_example);
  ForwardPass pass;
  Vector params("params", static_cast<std::size_t>(layout.size())), gradient("gradient", params.extent(0));
  Vector state("state", static_cast<std::size_t>(workload->model_state_size())), new_state("new", state.extent(0));
  workload->init(RandomStream(5, Purpose::initialisation), params, state);
  pass.params = params;
  pass.model_state = state;
  pass.new_model_state = new_state;
  const Batch batch{.id = 1, .split = Split::train, .examples = examples};
  const double loss = workload->gradient(pass, batch, gradient);

  std::filesystem::create_directories(folder);
  write(folder + "/params", params);
  write(folder + "/gradient", gradient);
  write(folder + "/state", new_state);
  (info.data_set == "festvox_ru" ? write_speech : write_images)(folder, source, loss);
  std::ofstream blocks(folder + "/blocks.txt");
  for (const ParameterBlock& block : layout.blocks()) {
    blocks << block.name << " " << block.size();
    for (int axis = 0; axis < block.shape.rank; ++axis) blocks << " " << block.shape[axis];
    blocks << "\n";
  }
}

}  // namespace

}  // namespace velo

int main(int count, char** words) {
  try {
    if (count < 3) throw velo::Error("usage: dump_gradient WORKLOAD FOLDER [key=value ...]");
    const velo::Runtime runtime;
    velo::dump(words[1], words[2], {words + 3, words + count});
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "dump_gradient: " << error.what() << "\n";
    return 2;
  }
}
