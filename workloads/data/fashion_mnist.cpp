#include "workloads/data/fashion_mnist.hpp"

#include <array>
#include <filesystem>

#include "workloads/data/idx.hpp"
#include "workloads/data/package.hpp"
#include "workloads/data/raw_files.hpp"
#include "workloads/data/synthetic_images.hpp"

namespace velo {

namespace data {

namespace {

constexpr ImageShape image_shape{1, 28, 28, 10};
constexpr std::array<Index, 3> counts = {50000, 10000, 10000};  // train, validation, test

/// One file per split: all images, then all labels.
const RawSet& raw_set() {
  static const RawSet set{
      "fashion_mnist",
      {{"train.raw", 39250000, "ff19ebce3d1a868cf86f4945ff2c1cb4a9d9f33825e65c2718e8d476401e5e1e"},
       {"validation.raw", 7850000, "bf7456895d24b1fb3ee1adfe31443a540c70e8e78d1e994ae449ac6962751c66"},
       {"test.raw", 7850000, "9f1ec356a747bfe4ebab3cfb722d3694c9ca737e2570f6f90cf31d7b6fd689d4"}}};
  return set;
}

class FashionMnist final : public ImageDataSet {
 public:
  explicit FashionMnist(const std::string& folder)
      : files_{MappedFile(folder + "/" + raw_set().files[0].name), MappedFile(folder + "/" + raw_set().files[1].name),
               MappedFile(folder + "/" + raw_set().files[2].name)} {}

  [[nodiscard]] const ImageShape& shape() const override { return image_shape; }
  [[nodiscard]] Index examples(Split split) const override { return counts[static_cast<std::size_t>(split)]; }
  [[nodiscard]] std::span<const std::uint8_t> images(Split split) const override {
    return file(split).first(static_cast<std::size_t>(examples(split) * image_shape.pixels()));
  }
  [[nodiscard]] std::span<const std::uint8_t> labels(Split split) const override {
    return file(split).last(static_cast<std::size_t>(examples(split)));
  }
  [[nodiscard]] double mean() const override { return 0.28549890926370547; }
  [[nodiscard]] double deviation() const override { return 0.35278443220009587; }

 private:
  [[nodiscard]] std::span<const std::uint8_t> file(Split split) const {
    return files_[static_cast<std::size_t>(split)].bytes();
  }

  MappedFile files_[3];
};

void convert(const std::string& originals, const std::string& folder) {
  const IdxArray images = read_idx(originals + "/train-images-idx3-ubyte.gz", {60000, 28, 28});
  const IdxArray labels = read_idx(originals + "/train-labels-idx1-ubyte.gz", {60000});
  const IdxArray test_images = read_idx(originals + "/t10k-images-idx3-ubyte.gz", {10000, 28, 28});
  const IdxArray test_labels = read_idx(originals + "/t10k-labels-idx1-ubyte.gz", {10000});
  const std::span<const std::uint8_t> all_images(images.values), all_labels(labels.values);
  const auto cut = static_cast<std::size_t>(counts[0]);
  const std::size_t pixels = cut * static_cast<std::size_t>(image_shape.pixels());
  write_file(folder + "/train.raw", {all_images.first(pixels), all_labels.first(cut)});
  write_file(folder + "/validation.raw", {all_images.subspan(pixels), all_labels.subspan(cut)});
  write_file(folder + "/test.raw", {test_images.values, test_labels.values});
}

void install_fashion_mnist(const std::string& directory, const std::string& from, const Say& say) {
  install(
      raw_set(), directory,
      [&](const std::string& folder) {
        const std::string originals = from.empty()
                                          ? package_folder("dataset-fashion-mnist", "/usr/share/datasets/fashion-mnist",
                                                           std::filesystem::path(folder).parent_path() / "package", say)
                                          : from;
        say("converting Fashion-MNIST from " + originals);
        convert(originals, folder);
      },
      say);
}

}  // namespace

std::shared_ptr<const ImageDataSet> open_fashion_mnist(const DataSource& source) {
  if (source.synthetic) {
    // Generated once per process: the content is fixed, and making it takes a second.
    static const auto generated = synthetic_images(image_shape, counts);
    return generated;
  }
  const std::string directory = directory_of(source);
  check(raw_set(), directory);
  return std::make_shared<FashionMnist>(raw_set().folder(directory));
}

std::string fashion_mnist_version(const DataSource& source) {
  if (source.synthetic) return synthetic_version();
  check(raw_set(), directory_of(source));
  return raw_set().version();
}

}  // namespace data

DataSetInfo fashion_mnist_data_set() {
  using namespace data;
  return {.name = raw_set().name,
          .summary = "Fashion-MNIST: 70,000 grey images of 28 x 28 pixels, ten kinds of clothing",
          .licence = "MIT (Expat), Zalando SE",
          .package = "dataset-fashion-mnist",
          .homepage = "https://github.com/zalandoresearch/fashion-mnist",
          .bytes = raw_set().bytes(),
          .version = raw_set().version(),
          .install = install_fashion_mnist,
          .verify = [](const std::string& directory) { verify(raw_set(), directory); },
          .installed = [](const std::string& directory) { return is_installed(raw_set(), directory); }};
}

}  // namespace velo
