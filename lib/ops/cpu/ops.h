// The CPU's side of the ops (conv has its own header). Arguments as in the contracts, checked.
#pragma once

#include <span>

#include "ops/adam.h"
#include "ops/batch_norm.h"
#include "ops/clip.h"
#include "ops/dropout.h"
#include "ops/flow.h"
#include "ops/loss.h"
#include "ops/optimizer.h"
#include "ops/pool.h"

namespace rn::ops::cpu {

void batch_norm_forward(const BatchNormForward& args);
void batch_norm_backward(const BatchNormBackward& args);
void batch_norm_update(const Moments& moments, double momentum, bool unbiased,
                       const Tensor& running_mean, const Tensor& running_var);

void linear_forward(const Tensor& input, const Tensor& weights, const Tensor& bias,
                    const Tensor& output);
void linear_backward(const Tensor& d_output, const Tensor& input, const Tensor& weights,
                     const Tensor& d_input, const Tensor& d_weights, const Tensor& d_bias);

void softmax_cross_entropy(const SoftmaxCrossEntropy& attr, const Tensor& logits,
                           const Tensor& labels, const Tensor& losses, const Tensor& d_logits);

int sgd_step(const Sgd& attr, std::span<const SgdParameter> parameters);
int adam_step(const Adam& attr, std::span<const AdamParameter> parameters);
void clip(const Clip& attr, const Tensor& x);
void dropout(const Dropout& attr, const Tensor& x);

void operand_forward(const Operand& input, const Tensor& output, Moments* moments);
void operand_backward(const Gradient& gradient, const Operand& input, const Tensor& d_input,
                      const Reductions& reductions);
void gradient_forward(const Gradient& gradient, const Tensor& output);
void axpby(double alpha, const Tensor& x, double beta, const Tensor& y);
void gated_product_forward(double gate, const Tensor& a, const Tensor& m, const Tensor& output);
void gated_product_backward(double gate, const Tensor& d_output, const Tensor& a, const Tensor& m,
                            const Tensor& d_a, const Tensor& d_m);

void global_average_pool_forward(const Operand& input, const Tensor& output);
void global_average_pool_backward(const Tensor& d_output, const Operand& input,
                                  const Tensor& d_input, const Reductions& reductions);
void pool_forward(const Pool2d& pool, const Tensor& input, const Tensor& output);
void pool_backward(const Pool2d& pool, const Tensor& input, const Tensor& d_output,
                   const Tensor& d_input);
void pad_shortcut_forward(const PadShortcut& shortcut, const Tensor& input, const Tensor& output);
void pad_shortcut_backward(const PadShortcut& shortcut, const Tensor& d_output,
                           const Tensor& d_input);

void tv_l1_flow(const TvL1& parameters, const Tensor& from, const Tensor& to, const Tensor& flow);

void index_select(const Tensor& input, const Tensor& rows, const Tensor& output);
void index_add(const Tensor& input, const Tensor& rows, const Tensor& output);

bool all_finite(const Tensor& x);
double sum(const Tensor& x);
double sum_squares(const Tensor& x);

}  // namespace rn::ops::cpu
