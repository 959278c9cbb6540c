// Writes one gradient of a workload with all that another framework needs to repeat it:
//
//   dump_gradient WORKLOAD FOLDER [key=value ...]
//
// FOLDER/blocks.txt     name, number of elements and shape of every parameter block, in order
//       /params         parameters          /gradient       gradient          raw, float or double as it was built
//       /state          model state after the pass (batch norm: means, then variances, layer by layer)
//       /scalars.txt    loss, and bytes of a number
// and the batch, by data set:
//   fashion_mnist  images.u8 [batch, 28, 28], labels.u8 [batch], normalisation.txt: mean and deviation of the pixels
//   flights        flights.raw [batch] data::Flight
//   prose          sequences.u8 [batch, length + 1]
//   festvox_ru     features.u8, labels.u8: utterances one after another; lengths.txt: frames and labels of each;
//                  bins.f64: means, then deviations of the 40 bins; average.txt: labels of a mean training utterance
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "harness/device/runtime.hpp"
#include "harness/workload.hpp"
#include "results/error.hpp"
#include "results/text.hpp"
#include "workloads/data/fashion_mnist.hpp"
#include "workloads/data/festvox_ru.hpp"
#include "workloads/data/flights.hpp"
#include "workloads/data/prose.hpp"

namespace velo {

WorkloadInfo fashion_mnist_mlp_workload_info();
WorkloadInfo fashion_mnist_cnn_workload_info();
WorkloadInfo fashion_resnet_workload_info();
WorkloadInfo flights_dlrm_workload_info();
WorkloadInfo prose_lm_workload_info();
WorkloadInfo speech_deepspeech_workload_info();

namespace {

/// The library in double has no registry.
WorkloadInfo workload_called(const std::string& name) {
  for (const auto info :
       {fashion_mnist_mlp_workload_info, fashion_mnist_cnn_workload_info, fashion_resnet_workload_info,
        flights_dlrm_workload_info, prose_lm_workload_info, speech_deepspeech_workload_info})
    if (info().name == name) return info();
  throw Error(cat("no workload with a parity test is called '", name, "'"));
}

constexpr Index batch_size = 37;

void set(Parameters& parameters, const std::vector<ParameterSpec>& specs, const std::string& word) {
  const auto equals = word.find('=');
  const std::string key = word.substr(0, equals), value = word.substr(equals + 1);
  for (const ParameterSpec& spec : specs) {
    if (spec.name != key) continue;
    if (spec.type == ParameterType::choice) return parameters.set(key, value);
    if (spec.type == ParameterType::boolean) return parameters.set(key, value == "true");
    if (spec.type == ParameterType::integer) return parameters.set(key, std::int64_t{std::stoll(value)});
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

void write_images(const std::string& folder, const DataSource& source, const Parameters&,
                  const std::vector<Index>& examples) {
  const auto images = data::open_fashion_mnist(source);
  const auto pixels = static_cast<std::size_t>(images->shape().pixels());
  const auto first = static_cast<std::size_t>(examples.front());
  write(folder + "/images.u8", images->images(Split::train).data() + first * pixels, examples.size() * pixels);
  write(folder + "/labels.u8", images->labels(Split::train).data() + first, examples.size());
  std::ofstream(folder + "/normalisation.txt")
      << number_text(images->mean()) << " " << number_text(images->deviation()) << "\n";
}

void write_flights(const std::string& folder, const DataSource& source, const Parameters&,
                   const std::vector<Index>& examples) {
  std::vector<data::Flight> flights(examples.size());
  data::open_flights(source)->gather(Split::train, examples, flights.data());
  write(folder + "/flights.raw", flights.data(), flights.size());
}

void write_prose(const std::string& folder, const DataSource& source, const Parameters& parameters,
                 const std::vector<Index>& examples) {
  const Index length = parameters.choice("size") == "mini" ? 128 : 256;
  const auto prose = data::open_prose(source);
  const auto text = prose->text(Split::train);
  std::vector<std::uint8_t> bytes;
  for (const Index i : examples) {
    const auto sequence = text.subspan(static_cast<std::size_t>(i * length), static_cast<std::size_t>(length + 1));
    bytes.insert(bytes.end(), sequence.begin(), sequence.end());
  }
  write(folder + "/sequences.u8", bytes.data(), bytes.size());
}

void write_speech(const std::string& folder, const DataSource& source, const Parameters&,
                  const std::vector<Index>& examples) {
  const auto corpus = data::open_festvox_ru(source);
  const data::SpeechSplit& train = corpus->split(Split::train);
  std::ofstream lengths(folder + "/lengths.txt");
  std::size_t frames = 0, labels = 0;
  for (const Index u : examples) {
    lengths << train.frames(u) << " " << train.labels(u).size() << "\n";
    frames += static_cast<std::size_t>(train.frames(u));
    labels += train.labels(u).size();
  }
  const Index first = examples.front();
  write(folder + "/features.u8", train.features(first), frames * static_cast<std::size_t>(corpus->bins));
  write(folder + "/labels.u8", train.labels(first).data(), labels);
  std::vector<double> bins = corpus->mean;
  bins.insert(bins.end(), corpus->deviation.begin(), corpus->deviation.end());
  write(folder + "/bins.f64", bins.data(), bins.size());
  std::ofstream(folder + "/average.txt") << number_text(static_cast<double>(train.total_labels()) /
                                                        static_cast<double>(train.utterances()))
                                         << "\n";
}

/// How the batch of a data set is chosen and written.
struct BatchFiles {
  std::string_view data_set;
  Index apart;  ///< distance of its examples: neighbouring flights are alike
  void (*write)(const std::string&, const DataSource&, const Parameters&, const std::vector<Index>&);
};
constexpr BatchFiles batch_files[] = {
    {"fashion_mnist", 1, write_images},
    {"flights", 61001, write_flights},
    {"prose", 1, write_prose},
    {"festvox_ru", 1, write_speech},
};

void dump(const std::string& name, const std::string& folder, const std::vector<std::string>& words) {
  const WorkloadInfo info = workload_called(name);
  Parameters parameters = Parameters::defaults(info.parameters);
  for (const std::string& word : words) set(parameters, info.parameters, word);
  const DataSource source{.directory = "", .synthetic = true};
  const auto workload = info.make(parameters, source);
  const ParameterLayout& layout = workload->layout();

  const BatchFiles* files = std::begin(batch_files);
  while (files->data_set != info.data_set) ++files;
  std::vector<Index> examples(batch_size);
  for (std::size_t i = 0; i < examples.size(); ++i) examples[i] = 1000 + files->apart * static_cast<Index>(i);
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
  files->write(folder, source, parameters, examples);
  std::ofstream(folder + "/scalars.txt") << number_text(loss) << " " << sizeof(Scalar) << "\n";
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
