// Host implementation of blas.hpp: oneDNN in float, OpenBLAS in double (oneDNN 2.6 has no product in double).
#include <cblas.h>

#include <algorithm>
#include <stdexcept>
#include <type_traits>

#include "harness/device/blas.hpp"
#include "harness/device/dnnl_support.hpp"

namespace velo {

namespace {

onednn::BoundPrimitive plan(const ProductForm& form) {
  using dnnl::memory;
  const auto matrix = [](Index rows, Index columns, bool transposed) {
    return memory::desc({rows, columns}, onednn::f32, transposed ? memory::dims{1, rows} : memory::dims{columns, 1});
  };
  const auto a = matrix(form.rows, form.inner, form.transpose_a);
  const auto b = matrix(form.inner, form.columns, form.transpose_b);
  const auto c = matrix(form.rows, form.columns, false);
  const memory::desc bias({1, form.columns}, onednn::f32, memory::dims{form.columns, 1});

  dnnl::post_ops after;
  if (form.accumulate) after.append_sum(1.0F);
  if (form.relu) onednn::append_relu(after);
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(after);

  onednn::BoundPrimitive out(dnnl::matmul(form.bias ? onednn::describe<dnnl::matmul>(attributes, a, b, bias, c)
                                                    : onednn::describe<dnnl::matmul>(attributes, a, b, c)));
  out.argument(DNNL_ARG_SRC, a);
  out.argument(DNNL_ARG_WEIGHTS, b);
  out.argument(DNNL_ARG_DST, c);
  if (form.bias) out.argument(DNNL_ARG_BIAS, bias);
  return out;
}

[[maybe_unused]] void run(const ProductForm& form, onednn::BoundPrimitive& primitive, const float* a, const float* b,
                          float* c, const float* bias) {
  primitive.point(0, a);
  primitive.point(1, b);
  primitive.point(2, c);
  if (form.bias) primitive.point(3, bias);
  primitive.run();
}

[[maybe_unused]] void run(const ProductForm& form, onednn::BoundPrimitive&, const double* a, const double* b, double* c,
                          const double* bias) {
  const auto int_of = [](Index value) { return static_cast<blasint>(value); };
  cblas_dgemm(CblasRowMajor, form.transpose_a ? CblasTrans : CblasNoTrans, form.transpose_b ? CblasTrans : CblasNoTrans,
              int_of(form.rows), int_of(form.columns), int_of(form.inner), 1.0, a,
              int_of(form.transpose_a ? form.rows : form.inner), b,
              int_of(form.transpose_b ? form.inner : form.columns), form.accumulate ? 1.0 : 0.0, c,
              int_of(form.columns));
  if (!form.bias && !form.relu) return;
  for (Index i = 0; i < form.rows; ++i)
    for (Index j = 0; j < form.columns; ++j) {
      double& out = c[i * form.columns + j];
      if (form.bias) out += bias[j];
      if (form.relu) out = std::max(out, 0.0);
    }
}

}  // namespace

struct Product::Plan {
  ProductForm form;
  onednn::BoundPrimitive primitive;
};

Product::Product(const ProductForm& form) : plan_(std::make_shared<Plan>()) {
  if (form.rows <= 0 || form.columns <= 0 || form.inner <= 0) throw std::logic_error("a product has an empty extent");
  if (form.accumulate && (form.bias || form.relu))
    throw std::logic_error("an accumulating product takes neither a bias nor a ReLU");
  plan_->form = form;
  if constexpr (std::is_same_v<Scalar, float>) plan_->primitive = plan(form);
}

void Product::operator()(const Scalar* a, const Scalar* b, Scalar* c, const Scalar* bias) const {
  run(plan_->form, plan_->primitive, a, b, c, bias);
}

}  // namespace velo
