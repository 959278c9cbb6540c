#include "workloads/nn/linear.hpp"

#include <cmath>

#include "workloads/nn/costs.hpp"

namespace velo::nn {

Linear::Linear(ParameterLayout& layout, const std::string& name, Index in, Index out, LinearOptions options)
    : in_(in), out_(out), options_(options) {
  const auto start = Initialiser::uniform(1.0 / std::sqrt(static_cast<double>(in)));
  weight_ = layout.add({name + "/weight", options.kind, {out, in}, in, out, options.weight_start.value_or(start)});
  if (options_.bias)
    bias_ = layout.add({name + "/bias", ParameterKind::bias, {out}, in, out, options.bias_start.value_or(start)});
}

const Linear::Products& Linear::products(Index rows) const {
  return products_.find(rows, [&] {
    Products p;
    p.forward = Product({.rows = rows,
                         .columns = out_,
                         .inner = in_,
                         .transpose_b = true,
                         .bias = options_.bias,
                         .relu = options_.activation == Activation::relu});
    p.weight_gradient = Product({.rows = out_, .columns = in_, .inner = rows, .transpose_a = true});
    p.input_gradient = Product({.rows = rows, .columns = in_, .inner = out_});
    return p;
  });
}

Value Linear::operator()(Tape& tape, Value x) const {
  const Tensor in = tape[x];
  const Index rows = in.size() / in_;
  tape.operation("linear", weight_, [&] { return linear_costs(rows, in_, out_, tape.differentiable(x)); });
  const Value z = tape.output({rows, out_});
  products(rows).forward(in.data, tape.parameter(weight_), tape[z].data,
                         options_.bias ? tape.parameter(bias_) : nullptr);
  Value y = z;
  if (!derivative_from_output(options_.activation)) y = tape.output({rows, out_});
  if (options_.activation != Activation::relu) apply(options_.activation, tape[z].data, tape[y].data, rows * out_);
  tape.record([this, &tape, x, z, y] { backward(tape, x, z, y); });
  return y;
}

void Linear::backward(Tape& tape, Value x, Value before, Value y) const {
  const Tensor dy = tape.gradient(y);
  if (!dy) return;
  const Index rows = dy.shape[0];
  const Scalar* kept = tape[before].data;
  if (options_.bias)
    apply_backward_and_sum(options_.activation, kept, dy.data, tape.parameter_gradient(bias_), rows, out_);
  else
    apply_backward(options_.activation, kept, dy.data, dy.size());
  if (tape.shows_layers())
    tape.show_layer(weight_, options_.bias ? std::optional(bias_) : std::nullopt, {tape[x].data, {rows, in_}},
                    {dy.data, {rows, out_}});
  const Products& p = products(rows);
  p.weight_gradient(dy.data, tape[x].data, tape.parameter_gradient(weight_));
  if (tape.differentiable(x)) p.input_gradient(dy.data, tape.parameter(weight_), tape.gradient_target(x).data);
}

}  // namespace velo::nn
