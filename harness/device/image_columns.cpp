#include "harness/device/image_columns.hpp"

#include <algorithm>

namespace velo {

namespace {

/// Place of (n, c, i, j) in a blocked image.
Index at(const Shape& s, Index n, Index c, Index i, Index j) {
  return (((n * s[1] + c / s[4]) * s[2] + i) * s[3] + j) * s[4] + c % s[4];
}

/// Calls visit(place in the patches, place in the image) for every pixel of every patch that lies in the image.
template <typename Visit>
void for_each_pixel(const ConvolutionForm& f, const Shape& in, const Shape& out, Visit visit) {
  const Index patch = f.in_channels * f.kernel * f.kernel;
  for (Index n = 0; n < f.examples; ++n)
    for (Index i = 0; i < out[2]; ++i)
      for (Index j = 0; j < out[3]; ++j)
        for (Index c = 0; c < f.in_channels; ++c)
          for (Index k = 0; k < f.kernel; ++k)
            for (Index l = 0; l < f.kernel; ++l) {
              const Index y = i * f.stride + k - f.padding, x = j * f.stride + l - f.padding;
              if (y < 0 || y >= f.height || x < 0 || x >= f.width) continue;
              const Index row = (n * out[2] + i) * out[3] + j;
              visit(row * patch + (c * f.kernel + k) * f.kernel + l, at(in, n, c, y, x));
            }
}

/// Calls visit(place in channels-last rows, place in the blocked image) for every output.
template <typename Visit>
void for_each_output(const Shape& out, Visit visit) {
  const Index channels = out[1] * out[4];
  for (Index n = 0; n < out[0]; ++n)
    for (Index i = 0; i < out[2]; ++i)
      for (Index j = 0; j < out[3]; ++j)
        for (Index c = 0; c < channels; ++c) visit(((n * out[2] + i) * out[3] + j) * channels + c, at(out, n, c, i, j));
}

}  // namespace

ImageColumns::ImageColumns(const ConvolutionForm& form)
    : form_(form),
      in_(form.in_shape()),
      out_(form.out_shape()),
      positions_(form.examples * form.out_height() * form.out_width()),
      patch_(form.in_channels * form.kernel * form.kernel),
      forward_({.rows = positions_,
                .columns = form.out_channels,
                .inner = patch_,
                .transpose_b = true,
                .bias = form.bias,
                .relu = form.relu}),
      weight_gradient_({.rows = form.out_channels, .columns = patch_, .inner = positions_, .transpose_a = true}),
      patch_gradient_({.rows = positions_, .columns = patch_, .inner = form.out_channels}),
      patches_(static_cast<std::size_t>(positions_ * patch_)),
      rows_(static_cast<std::size_t>(positions_ * form.out_channels)) {}

void ImageColumns::unfold(const Scalar* x) {
  std::fill(patches_.begin(), patches_.end(), Scalar(0));
  for_each_pixel(form_, in_, out_, [&](Index to, Index from) { patches_[static_cast<std::size_t>(to)] = x[from]; });
}

void ImageColumns::gather(const Scalar* blocked) {
  for_each_output(out_, [&](Index row, Index place) { rows_[static_cast<std::size_t>(row)] = blocked[place]; });
}

void ImageColumns::scatter(Scalar* blocked) const {
  for_each_output(out_, [&](Index row, Index place) { blocked[place] = rows_[static_cast<std::size_t>(row)]; });
}

void ImageColumns::forward(const Scalar* x, const Scalar* weight, const Scalar* bias, Scalar* y) {
  unfold(x);
  forward_(patches_.data(), weight, rows_.data(), bias);
  scatter(y);
}

void ImageColumns::backward_input(const Scalar* dy, const Scalar* weight, Scalar* dx) {
  gather(dy);
  patch_gradient_(rows_.data(), weight, patches_.data());
  std::fill_n(dx, in_.size(), Scalar(0));
  for_each_pixel(form_, in_, out_, [&](Index from, Index to) { dx[to] += patches_[static_cast<std::size_t>(from)]; });
}

void ImageColumns::backward_weight(const Scalar* x, const Scalar* dy, Scalar* dweight, Scalar* dbias) {
  unfold(x);
  gather(dy);
  weight_gradient_(rows_.data(), patches_.data(), dweight);
  if (!form_.bias) return;
  std::fill_n(dbias, form_.out_channels, Scalar(0));
  for (Index i = 0; i < positions_ * form_.out_channels; ++i)
    dbias[i % form_.out_channels] += rows_[static_cast<std::size_t>(i)];
}

}  // namespace velo
