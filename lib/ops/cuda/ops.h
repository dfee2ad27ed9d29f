// The GPU's side of the ops. Each op is implemented in cuda/<op>.cu, or in nocuda/<op>.cpp, which
// says that it is not there; a CUDA build takes the former where both exist. Arguments as in the
// contracts, checked; tensors and stream are of one device.
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

namespace rn::ops::cuda {

void batch_norm_forward(const BatchNormForward& args, Stream& stream);
void batch_norm_backward(const BatchNormBackward& args, Stream& stream);
void batch_norm_update(std::span<const BatchNormUpdate> updates, Stream& stream);

void linear_forward(const Tensor& input, const Tensor& weights, const Tensor& bias,
                    const Tensor& output, Stream& stream);
void linear_backward(const Tensor& d_output, const Tensor& input, const Tensor& weights,
                     const Tensor& d_input, const Tensor& d_weights, const Tensor& d_bias,
                     Stream& stream);

void softmax_cross_entropy(const SoftmaxCrossEntropy& attr, const Tensor& logits,
                           const Tensor& labels, const Tensor& losses, const Tensor& d_logits,
                           Stream& stream);

int sgd_step(const Sgd& attr, std::span<const SgdParameter> parameters, Stream& stream);
void sgd_step(const Sgd& attr, std::span<const SgdParameter> parameters, const Tensor& flags,
              Stream& stream);
int adam_step(const Adam& attr, std::span<const AdamParameter> parameters, Stream& stream);
void clip(const Clip& attr, const Tensor& x, Stream& stream);
void dropout(const Dropout& attr, const Tensor& x, Stream& stream);

void operand_forward(const Operand& input, const Tensor& output, Moments* moments, Stream& stream);
void operand_backward(const Gradient& gradient, const Operand& input, const Tensor& d_input,
                      const Reductions& reductions, Stream& stream);
void gradient_forward(const Gradient& gradient, const Tensor& output, Stream& stream);
void axpby(double alpha, const Tensor& x, double beta, const Tensor& y, Stream& stream);
void gated_product_forward(double gate, const Tensor& a, const Tensor& m, const Tensor& output,
                           Stream& stream);
void gated_product_backward(double gate, const Tensor& d_output, const Tensor& a, const Tensor& m,
                            const Tensor& d_a, const Tensor& d_m, Stream& stream);

void global_average_pool_forward(const Operand& input, const Tensor& output, Stream& stream);
void global_average_pool_backward(const Tensor& d_output, const Operand& input,
                                  const Tensor& d_input, const Reductions& reductions,
                                  Stream& stream);
void pool_forward(const Pool2d& pool, const Tensor& input, const Tensor& output, Stream& stream);
void pool_backward(const Pool2d& pool, const Tensor& input, const Tensor& d_output,
                   const Tensor& d_input, Stream& stream);
void pad_shortcut_forward(const PadShortcut& shortcut, const Tensor& input, const Tensor& output,
                          Stream& stream);
void pad_shortcut_backward(const PadShortcut& shortcut, const Tensor& d_output,
                           const Tensor& d_input, Stream& stream);

void tv_l1_flow(const TvL1& parameters, const Tensor& from, const Tensor& to, const Tensor& flow,
                Stream& stream);

void index_select(const Tensor& input, const Tensor& rows, const Tensor& output, Stream& stream);
void index_add(const Tensor& input, const Tensor& rows, const Tensor& output, Stream& stream);

bool all_finite(const Tensor& x, Stream& stream);
int first_not_finite(std::span<const Tensor> list, Stream& stream);
double sum(const Tensor& x, Stream& stream);
double sum_squares(const Tensor& x, Stream& stream);

}  // namespace rn::ops::cuda
