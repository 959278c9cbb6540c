// workloads/data/fashion_mnist.hpp
//
// Fashion-MNIST (Xiao, Rasul, Vollgraf, arXiv:1708.07747): 28 x 28 grey images of ten kinds of clothing.
//
//   train       the first 50,000 of the 60,000 training images
//   validation  the last 10,000 of them
//   test        the 10,000 test images
//
// The cut is AlgoPerf's for MNIST. The file is shuffled already: the ten classes have 955 to 1,050 of the validation
// images, chi-square 8.1 on 9 degrees of freedom against equal shares, and 4,950 to 5,045 of the training images. All
// 70,000 images are different.
//
// Synthetic mode has the same shapes and counts, and no files: synthetic_images.hpp.
#pragma once

#include <memory>
#include <string>

#include "workloads/data/images.hpp"

namespace velo::data {

/// Opens the converted files, or generates images in synthetic mode. Checks that every file is there, has its length
/// and was not changed since it was hashed. Throws Error saying which command repairs it.
[[nodiscard]] std::shared_ptr<const ImageDataSet> open_fashion_mnist(const DataSource& source);

/// Hash of the converted content, or the generator's name and version. Throws Error like open_fashion_mnist.
[[nodiscard]] std::string fashion_mnist_version(const DataSource& source);

}  // namespace velo::data
