#include "harness/device/thin_convolution.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace velo {

#ifndef __CUDACC__

namespace {

constexpr Index block = ThinConvolutionForm::block;
constexpr Index max_groups = 16;

using lanes::load;
using lanes::Masks;
using lanes::Scalars;
using lanes::store;

/// An image with its border of zeros.
class PaddedImage {
 public:
  PaddedImage(const ThinConvolutionForm& form, Scalar* memory)
      : form_(form), columns_(form.width + 2 * form.padding), memory_(memory) {
    std::fill_n(memory_, size(form), Scalar(0));
  }
  static Index size(const ThinConvolutionForm& form) {
    return (form.height + 2 * form.padding) * (form.width + 2 * form.padding);
  }
  void fill(const Scalar* image) {
    for (Index i = 0; i < form_.height; ++i)
      std::copy_n(image + i * form_.width, form_.width, memory_ + (i + form_.padding) * columns_ + form_.padding);
  }
  [[nodiscard]] const Scalar* at(Index i, Index j) const { return memory_ + i * columns_ + j; }
  [[nodiscard]] Index columns() const { return columns_; }

 private:
  ThinConvolutionForm form_;
  Index columns_;
  Scalar* memory_;
};

/// Weights [out, k, k] as [out / block, k, k, block].
template <int kernel>
void pack(const Scalar* weight, Index channels, Scalar* packed) {
  for (Index o = 0; o < channels; ++o)
    for (Index t = 0; t < kernel * kernel; ++t)
      packed[(o / block * kernel * kernel + t) * block + o % block] = weight[o * kernel * kernel + t];
}

/// Which of four, and the largest: the first of equals.
void pool(const Scalars (&z)[4], bool relu, Scalar* y, std::uint8_t* places) {
  Scalars best = z[0];
  Masks place = {};
  for (int p = 1; p < 4; ++p) {
    const Masks better = z[p] > best;
    best = better ? z[p] : best;
    place = better ? Masks{} + p : place;
  }
  if (relu) {
    const Masks dead = best <= Scalars{};
    best = dead ? Scalars{} : best;
    place = dead ? Masks{} + ThinConvolutionForm::nowhere : place;
  }
  store(best, y);
  lanes::narrow(place, places);
}

/// `windows` neighbouring 2 x 2 windows of one row: enough independent sums to fill the pipeline.
template <int kernel, int windows>
void forward_windows(const PaddedImage& image, const Scalars* weight, const Scalars& bias, Index i, Index j, bool relu,
                     Scalar* y, std::uint8_t* places) {
  Scalars z[windows][4];
  for (auto& window : z)
    for (Scalars& sum : window) sum = bias;
  const Scalar* from = image.at(2 * i, 2 * j);
  for (int k = 0; k < kernel; ++k)
    for (int l = 0; l < kernel; ++l) {
      const Scalars w = weight[k * kernel + l];
      for (int q = 0; q < windows; ++q)
        for (int p = 0; p < 4; ++p) z[q][p] += w * from[(p / 2 + k) * image.columns() + 2 * q + p % 2 + l];
    }
  for (int q = 0; q < windows; ++q) pool(z[q], relu, y + q * block, places + q * block);
}

template <int kernel>
void forward_example(const ThinConvolutionForm& form, const PaddedImage& image, const Scalar* packed,
                     const Scalar* bias, Scalar* y, std::uint8_t* places) {
  const Index rows = form.full_height() / 2, columns = form.full_width() / 2;
  for (Index b = 0; b < form.out_channels / block; ++b) {
    Scalars weight[kernel * kernel];
    for (int t = 0; t < kernel * kernel; ++t) load(packed + (b * kernel * kernel + t) * block, weight[t]);
    Scalars start;
    load(bias + b * block, start);
    for (Index i = 0; i < rows; ++i) {
      const Index row = (b * rows + i) * columns;
      Index j = 0;
      for (; j + 2 <= columns; j += 2)
        forward_windows<kernel, 2>(image, weight, start, i, j, form.relu, y + (row + j) * block,
                                   places + (row + j) * block);
      for (; j < columns; ++j)
        forward_windows<kernel, 1>(image, weight, start, i, j, form.relu, y + (row + j) * block,
                                   places + (row + j) * block);
    }
  }
}

/// Adds one example's gradient to sums[out / block][k * k + 1][block]; the last row is the bias'.
template <int kernel>
void backward_example(const ThinConvolutionForm& form, const PaddedImage& image, const Scalar* dy,
                      const std::uint8_t* places, Scalar* sums) {
  constexpr int taps = kernel * kernel;
  const Index rows = form.full_height() / 2, columns = form.full_width() / 2;
  for (Index b = 0; b < form.out_channels / block; ++b) {
    Scalars sum[taps + 1];
    for (int t = 0; t <= taps; ++t) load(sums + (b * (taps + 1) + t) * block, sum[t]);
    for (Index i = 0; i < rows; ++i)
      for (Index j = 0; j < columns; ++j) {
        const Index here = ((b * rows + i) * columns + j) * block;
        Masks place;
        lanes::widen(places + here, place);
        Scalars g;
        load(dy + here, g);
        const Scalar* from = image.at(2 * i, 2 * j);
        for (int p = 0; p < 4; ++p) {
          const Scalars gp = place == p ? g : Scalars{};
          for (int t = 0; t < taps; ++t)
            sum[t] += gp * from[(p / 2 + t / kernel) * image.columns() + p % 2 + t % kernel];
          sum[taps] += gp;
        }
      }
    for (int t = 0; t <= taps; ++t) store(sum[t], sums + (b * (taps + 1) + t) * block);
  }
}

Index group_count(const ThinConvolutionForm& form) { return std::min(max_groups, form.examples); }

/// Calls visit(group, first example, last example + 1); groups are as large as each other, give or take one.
template <typename Visit>
void for_each_group(const ThinConvolutionForm& form, const Visit& visit) {
  const Index groups = group_count(form);
  const auto task = [&](Index g) { visit(g, form.examples * g / groups, form.examples * (g + 1) / groups); };
  elementwise::launch("velo::thin_convolution", groups, task);
}

template <int kernel>
void forward(const ThinConvolutionForm& form, const Scalar* x, const Scalar* weight, const Scalar* bias, Scalar* y,
             std::uint8_t* places) {
  const Index out = form.out_channels * (form.full_height() / 2) * (form.full_width() / 2);
  thread_local std::vector<Scalar> packed;
  packed.resize(static_cast<std::size_t>(form.out_channels * kernel * kernel));
  pack<kernel>(weight, form.out_channels, packed.data());
  const Scalar* weights = packed.data();
  for_each_group(form, [&, weights](Index, Index first, Index last) {
    thread_local std::vector<Scalar> memory;
    memory.resize(static_cast<std::size_t>(PaddedImage::size(form)));
    PaddedImage image(form, memory.data());
    for (Index n = first; n < last; ++n) {
      image.fill(x + n * form.height * form.width);
      forward_example<kernel>(form, image, weights, bias, y + n * out, places + n * out);
    }
  });
}

template <int kernel>
void backward(const ThinConvolutionForm& form, const Scalar* x, const Scalar* dy, const std::uint8_t* places,
              Scalar* dweight, Scalar* dbias, Scalar* workspace) {
  constexpr Index taps = kernel * kernel;
  const Index out = form.out_channels * (form.full_height() / 2) * (form.full_width() / 2);
  const Index size = form.out_channels * (taps + 1);
  for_each_group(form, [&](Index g, Index first, Index last) {
    thread_local std::vector<Scalar> memory;
    memory.resize(static_cast<std::size_t>(PaddedImage::size(form)));
    PaddedImage image(form, memory.data());
    Scalar* sums = workspace + g * size;
    std::fill_n(sums, size, Scalar(0));
    for (Index n = first; n < last; ++n) {
      image.fill(x + n * form.height * form.width);
      backward_example<kernel>(form, image, dy + n * out, places + n * out, sums);
    }
  });
  for (Index g = 1; g < group_count(form); ++g)
    for (Index i = 0; i < size; ++i) workspace[i] += workspace[g * size + i];
  for (Index o = 0; o < form.out_channels; ++o) {
    const Scalar* sums = workspace + o / block * (taps + 1) * block + o % block;
    for (Index t = 0; t < taps; ++t) dweight[o * taps + t] = sums[t * block];
    dbias[o] = sums[taps * block];
  }
}

}  // namespace

bool thin_convolution_fits(const ThinConvolutionForm& form) {
  return device_is_host && (form.kernel == 3 || form.kernel == 5) && form.out_channels % block == 0 &&
         form.full_height() % 2 == 0 && form.full_width() % 2 == 0;
}

void thin_convolution(const ThinConvolutionForm& form, const Scalar* x, const Scalar* weight, const Scalar* bias,
                      Scalar* y, std::uint8_t* places) {
  form.kernel == 3 ? forward<3>(form, x, weight, bias, y, places) : forward<5>(form, x, weight, bias, y, places);
}

Index thin_convolution_workspace(const ThinConvolutionForm& form) {
  return group_count(form) * form.out_channels * (form.kernel * form.kernel + 1);
}

void thin_convolution_backward(const ThinConvolutionForm& form, const Scalar* x, const Scalar* dy,
                               const std::uint8_t* places, Scalar* dweight, Scalar* dbias, Scalar* workspace) {
  form.kernel == 3 ? backward<3>(form, x, dy, places, dweight, dbias, workspace)
                   : backward<5>(form, x, dy, places, dweight, dbias, workspace);
}

#else  // under CUDA a library's convolution and pooling take its place

bool thin_convolution_fits(const ThinConvolutionForm&) { return false; }
void thin_convolution(const ThinConvolutionForm&, const Scalar*, const Scalar*, const Scalar*, Scalar*, std::uint8_t*) {
}
Index thin_convolution_workspace(const ThinConvolutionForm&) { return 0; }
void thin_convolution_backward(const ThinConvolutionForm&, const Scalar*, const Scalar*, const std::uint8_t*, Scalar*,
                               Scalar*, Scalar*) {}

#endif

}  // namespace velo
