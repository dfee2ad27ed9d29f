// One table of op cases drives everything that is asked of an op: agreement with the reference,
// gradients, refusal of bad shapes, agreement of devices, independence of threads, speed.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/rng.h"
#include "device/device.h"
#include "support/reference.h"

namespace rn::test {

// What happens to a tensor in a call.
enum class Role {
  in,     // read
  out,    // overwritten: starts as NaN, a second call leaves the same bytes
  add,    // added to: starts as noise, a second call adds the same again
  inout,  // read and changed
  host,   // a result in host memory, whatever the device: f64
};

using Fill = std::function<double(Rng&)>;
Fill normal(double mean = 0, double deviation = 1);
Fill uniform(double lo, double hi);
Fill scales();  // either sign, magnitude 0.5 to 1.5: no channel is lost
Fill labels(int classes);

struct Spec {
  std::string name;
  Shape shape;
  Role role = Role::in;
  Fill fill = normal();
  Dtype dtype = Dtype::bf16;  // in a run in bf16; in others bf16 and f32 stand for the run's dtype
  double floor = 0;      // magnitude of sums that may cancel: errors are relative to at least it
  bool required = true;  // the op refuses to run without it
  bool any_first = false, any_last = false;  // other first / last dimensions are no error
};

// Tensors by name; an absent one is an undefined Tensor, as ops want optional arguments.
class Tensors {
 public:
  Tensor operator()(const std::string& name) const {
    const auto it = tensors_.find(name);
    return it == tensors_.end() ? Tensor() : it->second;
  }
  void set(const std::string& name, const Tensor& tensor) { tensors_[name] = tensor; }

 private:
  std::map<std::string, Tensor> tensors_;
};

// One call of an op.
struct Step {
  std::string op;  // the function's name, as in its error messages
  std::vector<Spec> specs;
  std::function<void(Tensors&, Stream&)> run;
  std::function<void(Values&)> reference;  // writes what is overwritten, adds what is added
  // References that belong to the values as stored (moments): recomputed from what the op wrote.
  std::function<void(Values& want, const Values& got)> from_stored;
  double flops = 0;
  bool rejects = true;  // try broken shapes
};

// dLoss/d(input), found in what the backward step left.
struct Derivative {
  std::string input;
  std::function<Array(const Values& backward)> gradient;
};

struct Case {
  std::string op;                                     // the file: conv, pool, ...
  std::string name;                                   // shapes and attributes
  std::vector<Step> steps;                            // forward first
  std::function<void(Values&)> prepare;               // inputs that follow from other inputs
  std::function<double(const Values& forward)> loss;  // a projection of the forward step's outputs
  std::vector<Derivative> derivatives;                // checked by finite differences, if any
  std::function<void()> extra;                        // anything else; throws what went wrong
  bool bench = false;                                 // large: only timed
  bool bf16 = false;                                  // the op takes bf16 activations
};

using Cases = std::vector<Case>;

// Named a1, b1, ... as in reference.h.
struct OperandOptions {
  bool a1 = false, b1 = false, x2 = false, a2 = false, b2 = false, relu = false, stored = false;
};
std::string to_string(const OperandOptions& options);
// The operand's tensors, `stored` with the given role.
void add_operand(std::vector<Spec>& specs, const OperandOptions& options, const Shape& shape,
                 Role stored);
struct GradientOptions {
  bool p = false, q = false, r = false, add = false, stored = false;
};
std::string to_string(const GradientOptions& options);
void add_gradient(std::vector<Spec>& specs, const GradientOptions& options, const Shape& shape);
// Reductions number 0 and 1: none, sums only, against x1, against x1 with a center.
enum class Reduce { none, plain, against, centered };
void add_reductions(std::vector<Spec>& specs, Reduce first, Reduce second, const Shape& shape);
void reference_reductions(Values& want, const Array& d);
// Gradients of x1, x2, a1, b1, a2, b2 out of d_input (with respect to what is before the
// activation).
std::vector<Derivative> operand_derivatives(const OperandOptions& options);

void conv_cases(Cases& cases);
void pointwise_cases(Cases& cases);
void batch_norm_cases(Cases& cases);
void pool_cases(Cases& cases);
void linear_cases(Cases& cases);
void loss_cases(Cases& cases);
void reduce_cases(Cases& cases);
void index_cases(Cases& cases);
void optimizer_cases(Cases& cases);
void adam_cases(Cases& cases);
void clip_cases(Cases& cases);
void dropout_cases(Cases& cases);
void stream_cases(Cases& cases);
void ck_cases(Cases& cases);
void flow_cases(Cases& cases);
void temporal_cases(Cases& cases);

// Throws std::runtime_error unless `call` throws a shape error that names `op`.
void expect_refused(const std::string& op, const std::string& what,
                    const std::function<void()>& call);

}  // namespace rn::test
