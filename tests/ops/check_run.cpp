#include "ops/check_run.h"

#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/parallel.h"
#include "ops/backend.h"
#include "ops/check_ceilings.h"
#include "support/tolerance.h"

namespace rn::test {
namespace {

Dtype dtype_in_run(const Spec& spec, Dtype run) {
  if (run == Dtype::bf16) return spec.dtype;
  return spec.dtype == Dtype::bf16 || spec.dtype == Dtype::f32 ? run : spec.dtype;
}

// Calls f(T*) with the tensor's memory; CPU tensors only.
template <class F>
void with_memory(const Tensor& tensor, F&& f) {
  switch (tensor.dtype()) {
    case Dtype::f32: f(tensor.data<float>()); break;
    case Dtype::f64: f(tensor.data<double>()); break;
    case Dtype::bf16: f(tensor.data<bfloat16>()); break;
    case Dtype::i32: f(tensor.data<std::int32_t>()); break;
    default: fail(ErrorKind::failed, "check-ops: no cases of {}", to_string(tensor.dtype()));
  }
}

// The same name gives the same numbers in every step of a case.
Values make_values(const Case& of, const Step& step) {
  Values values;
  for (const Spec& spec : step.specs) {
    std::uint32_t stream = 2166136261u;
    for (const char c : of.name + "/" + spec.name) {
      stream = (stream ^ static_cast<unsigned char>(c)) * 16777619u;
    }
    Rng rng(1, RngPurpose::test, stream);
    Array array(spec.shape);
    for (double& value : array.v) value = spec.fill(rng);
    values[spec.name] = std::move(array);
  }
  if (of.prepare) of.prepare(values);
  return values;
}

void round_values(Values& values, const Step& step, Dtype dtype) {
  if (dtype == Dtype::f64) return;
  for (const Spec& spec : step.specs) {
    const Dtype as = dtype_in_run(spec, dtype);
    for (double& value : values[spec.name].v) {
      if (as == Dtype::bf16) value = bfloat16(value);
      if (as == Dtype::f32) value = static_cast<float>(value);
    }
  }
}

Tensor make_tensor(const Spec& spec, const Array& array, Dtype dtype) {
  Tensor tensor(spec.shape, dtype_in_run(spec, dtype), Tag::workspace);
  with_memory(tensor, [&]<class T>(T* data) {
    const bool unset = spec.role == Role::out || spec.role == Role::host;
    for (std::int64_t i = 0; i < array.size(); ++i) {
      double value = array[i];
      if (unset && !std::is_integral_v<T>) value = std::numeric_limits<double>::quiet_NaN();
      data[i] = static_cast<T>(value);
    }
  });
  return tensor;
}

class Call {
 public:
  Call(const Step& step, const Values& values, Dtype dtype, Device device)
      : step_(step), device_(device), stream_(device) {
    for (const Spec& spec : step.specs) {
      Tensor tensor = make_tensor(spec, values.at(spec.name), dtype);
      if (!device.is_cpu() && spec.role != Role::host) {
        Tensor there = tensor.to(device, stream_);
        stream_.synchronize();
        tensor = there;
      }
      tensors_.set(spec.name, tensor);
    }
  }

  void run() { step_.run(tensors_, stream_); }
  void wait() { stream_.synchronize(); }
  Tensors& tensors() { return tensors_; }
  Stream& stream() { return stream_; }

  Tensor on_host(const std::string& name) {
    const Tensor tensor = tensors_(name);
    if (tensor.device().is_cpu()) return tensor.clone();
    const Tensor copy = tensor.to(cpu, stream_);
    stream_.synchronize();
    return copy;
  }

  std::map<std::string, Tensor> results() {
    wait();
    std::map<std::string, Tensor> all;
    for (const Spec& spec : step_.specs) {
      if (spec.role != Role::in) all[spec.name] = on_host(spec.name);
    }
    return all;
  }

 private:
  const Step& step_;
  Device device_;
  Stream stream_;
  Tensors tensors_;
};

Array to_array(const Tensor& tensor) {
  Array array(tensor.shape());
  with_memory(tensor, [&]<class T>(T* data) {
    for (std::int64_t i = 0; i < array.size(); ++i) array[i] = static_cast<double>(data[i]);
  });
  return array;
}

struct Difference {
  double relative = 0;
  std::int64_t at = 0;
};

// The largest difference over the largest magnitude; NaN or Inf is infinitely far from a number.
Difference difference(const Array& got, const Array& want, double floor) {
  Difference worst;
  double magnitude = floor, most = 0;
  for (const double value : want.v) magnitude = std::max(magnitude, std::abs(value));
  for (std::int64_t i = 0; i < want.size(); ++i) {
    double error = std::abs(got[i] - want[i]);
    if (got[i] == want[i] || (std::isnan(got[i]) && std::isnan(want[i]))) error = 0;
    if (std::isnan(error)) error = std::numeric_limits<double>::infinity();
    if (error > most) {
      most = error;
      worst.at = i;
    }
  }
  worst.relative = most == 0 ? 0 : most / magnitude;
  return worst;
}

bool same_bytes(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() &&
         (a.bytes() == 0 || std::memcmp(a.raw(), b.raw(), a.bytes()) == 0);
}

Values add_results(const Values& inputs, const std::map<std::string, Tensor>& results) {
  Values values = inputs;
  for (const auto& [name, tensor] : results) values[name] = to_array(tensor);
  return values;
}

// What is wrong with the results against the reference; empty if nothing.
std::string against_reference(const Case& of, const Step& step, Dtype dtype, const Values& inputs,
                              const std::map<std::string, Tensor>& results) {
  Values want = inputs;
  step.reference(want);
  if (step.from_stored) step.from_stored(want, add_results(inputs, results));
  for (const auto& [name, tensor] : results) {
    const Array got = to_array(tensor);
    if (got.shape != want[name].shape) return name + " has another shape";
    double floor = 0;
    for (const Spec& spec : step.specs) {
      if (spec.name == name) floor = spec.floor;
    }
    const Difference off = difference(got, want[name], floor);
    const double allowed = tolerance(of.op, dtype);
    if (!(off.relative <= allowed)) {
      return fmt::format(
          "{}[{}] is {:.9g}, expected {:.9g}: off by {:.2e} of the largest, allowed {:.0e}", name,
          off.at, got[off.at], want[name][off.at], off.relative, allowed);
    }
  }
  return {};
}

// A second call: what is overwritten stays the same, what is added to grows by the same again.
std::string second_call(const Case& of, const Step& step, Dtype dtype, Call& call,
                        const Values& inputs, const std::map<std::string, Tensor>& first) {
  call.run();
  const auto second = call.results();
  for (const Spec& spec : step.specs) {
    if (spec.role == Role::in || spec.role == Role::inout) continue;
    const Tensor &a = first.at(spec.name), &b = second.at(spec.name);
    if (spec.role != Role::add) {
      if (!same_bytes(a, b)) return spec.name + " changed in a second call: it is not overwritten";
      continue;
    }
    const Array &start = inputs.at(spec.name), once = to_array(a), twice = to_array(b);
    Array first_delta(once.shape), second_delta(once.shape);
    double magnitude = 0;
    for (std::int64_t i = 0; i < once.size(); ++i) {
      first_delta[i] = once[i] - start[i];
      second_delta[i] = twice[i] - once[i];
      magnitude = std::max(magnitude, std::abs(twice[i]));
    }
    const Difference off = difference(second_delta, first_delta, magnitude);
    if (!(off.relative <= tolerance(of.op, dtype))) {
      return fmt::format("{}[{}] grew by {:.9g}, then by {:.9g}: it is not added to", spec.name,
                         off.at, first_delta[off.at], second_delta[off.at]);
    }
  }
  return {};
}

template <class F>
void guarded(const Case& of, const std::string& property, Report& report, F&& f) {
  std::string why;
  try {
    why = f();
  } catch (const Error& error) {
    why = error.what();
    if (error.kind() == ErrorKind::device && why.find("no CUDA kernel yet") != why.npos) {
      report.skip(of, property, why);
      return;
    }
  } catch (const std::exception& error) {
    why = error.what();
  }
  if (why.empty()) {
    report.pass(of, property);
  } else {
    report.fail(of, property, why);
  }
}

}  // namespace

void Report::pass(const Case& of, const std::string& property) {
  ++passed;
  if (verbose) fmt::print("ok    {} {}: {}\n", of.op, of.name, property);
}

void Report::skip(const Case& of, const std::string& property, const std::string& why) {
  ++skipped;
  fmt::print("skipped: {} {}: {}: {}\n", of.op, of.name, property, why);
}

void Report::fail(const Case& of, const std::string& property, const std::string& why) {
  ++failed;
  fmt::print("FAIL  {} {}: {}: {}\n", of.op, of.name, property, why);
}

void check_values(const Case& of, Dtype dtype, Device device, Report& report) {
  for (const Step& step : of.steps) {
    std::string where = fmt::format("{} {} {}", step.op, to_string(dtype), to_string(device));
    if (dtype == Dtype::bf16) where += fmt::format(" {}", to_string(ops::bf16_arithmetic()));
    Values inputs = make_values(of, step);
    round_values(inputs, step, dtype);
    std::map<std::string, Tensor> first;
    guarded(of, where, report, [&]() -> std::string {
      Call call(step, inputs, dtype, device);
      call.run();
      first = call.results();
      std::string why = against_reference(of, step, dtype, inputs, first);
      if (why.empty()) why = second_call(of, step, dtype, call, inputs, first);
      return why;
    });
    if (!device.is_cpu() || first.empty()) continue;
    guarded(of, where + " threads", report, [&]() -> std::string {
      const int before = threads();
      for (const int count : {1, 2, 3}) {
        set_threads(count);
        Call call(step, inputs, dtype, device);
        call.run();
        const auto again = call.results();
        set_threads(before);
        for (const auto& [name, tensor] : first) {
          if (!same_bytes(tensor, again.at(name))) {
            return fmt::format("{} has other bytes with {} threads than with {}", name, count,
                               before);
          }
        }
      }
      return {};
    });
  }
  if (of.extra && dtype == Dtype::f64 && device.is_cpu()) {
    guarded(of, "extra", report, [&]() -> std::string {
      of.extra();
      return {};
    });
  }
}

void check_gradients(const Case& of, Device device, Report& report) {
  if (of.derivatives.empty()) return;
  const Step &forward = of.steps.at(0), &backward = of.steps.at(1);
  guarded(of, "gradient " + to_string(device), report, [&]() -> std::string {
    Values at = make_values(of, backward);
    // Sums start from nothing here: what is checked is the gradient, not the adding.
    for (const Spec& spec : backward.specs) {
      if (spec.role == Role::add) at[spec.name] = Array(spec.shape);
    }
    Call call(backward, at, Dtype::f64, device);
    call.run();
    const Values gradients = add_results(at, call.results());
    Values inputs = make_values(of, forward);
    // The loss may speak of tensors that only the backward step reads (cotangents).
    const auto loss_of = [&](const Values& values) {
      Call again(forward, values, Dtype::f64, device);
      again.run();
      Values all = at;
      for (const auto& [name, array] : values) all[name] = array;
      return of.loss(add_results(all, again.results()));
    };
    for (const Derivative& derivative : of.derivatives) {
      const Array want = derivative.gradient(gradients);
      double magnitude = 0;
      for (const double value : want.v) magnitude = std::max(magnitude, std::abs(value));
      Rng rng(2, RngPurpose::test, 7);
      for (int probe = 0; probe < 6; ++probe) {
        // Single elements, then whole directions.
        Array direction(want.shape);
        if (probe < 4) {
          direction[rng.below(static_cast<std::uint32_t>(want.size()))] = 1;
        } else {
          for (double& value : direction.v) value = rng.normal();
        }
        double expected = 0, length = 0;
        for (std::int64_t i = 0; i < want.size(); ++i) {
          expected += want[i] * direction[i];
          length += direction[i] * direction[i];
        }
        const double step = 1e-6;
        Array& x = inputs.at(derivative.input);
        const Array kept = x;
        double side[2];
        for (int s = 0; s < 2; ++s) {
          for (std::int64_t i = 0; i < x.size(); ++i) {
            x[i] = kept[i] + (s == 0 ? step : -step) * direction[i];
          }
          side[s] = loss_of(inputs);
        }
        x = kept;
        const double got = (side[0] - side[1]) / (2 * step);
        const double rounding = 1e-9 * (1 + std::abs(side[0]));
        const double allowed = gradient_tolerance * magnitude * std::sqrt(length) + rounding;
        if (!(std::abs(got - expected) <= allowed)) {
          return fmt::format("d {} {} is {:.9g}, finite differences give {:.9g}", derivative.input,
                             probe < 4 ? "element" : "direction", expected, got);
        }
      }
    }
    return {};
  });
}

void check_refusals(const Case& of, Device device, Report& report) {
  for (const Step& step : of.steps) {
    if (!step.rejects) continue;
    const Values inputs = make_values(of, step);
    guarded(of, step.op + " refuses", report, [&]() -> std::string {
      for (const Spec& spec : step.specs) {
        if (spec.role == Role::host || spec.name.rfind("moments.", 0) == 0) continue;
        const auto refused = [&](const std::string& what, const Tensor& broken) {
          Call call(step, inputs, Dtype::f32, device);
          call.tensors().set(spec.name, broken);
          expect_refused(step.op, fmt::format("{} {}", spec.name, what), [&] { call.run(); });
        };
        const Dtype dtype = dtype_in_run(spec, Dtype::f32);
        const auto made = [&](Shape shape, Dtype type) {
          return Tensor(std::move(shape), type, Tag::workspace, device);
        };
        Shape longer = spec.shape, wider = spec.shape, deeper = spec.shape;
        if (!spec.shape.empty()) {
          longer.front() += 1;
          wider.back() += 1;
        }
        deeper.insert(deeper.begin(), 1);
        if (!spec.any_first && longer != spec.shape)
          refused("with one more row", made(longer, dtype));
        if (!spec.any_last && wider != spec.shape)
          refused("with one more channel", made(wider, dtype));
        if (!spec.any_first) refused("with one more dimension", made(deeper, dtype));
        refused("of bytes", made(spec.shape, Dtype::u8));
        if (spec.required) refused("missing", Tensor());
      }
      return {};
    });
  }
}

void bench(const Case& of, Dtype dtype, Device device) {
  for (const Step& step : of.steps) {
    Values inputs = make_values(of, step);
    Call call(step, inputs, dtype, device);
    double bytes = 0;
    for (const Spec& spec : step.specs) {
      const double size = static_cast<double>(element_count(spec.shape)) *
                          static_cast<double>(size_of(dtype_in_run(spec, dtype)));
      bytes += spec.role == Role::add || spec.role == Role::inout ? 2 * size : size;
    }
    call.run();
    call.wait();
    using Clock = std::chrono::steady_clock;
    double best = 1e9, spent = 0;
    for (int round = 0; round < 1000 && (round < 5 || spent < 0.5); ++round) {
      const auto start = Clock::now();
      call.run();
      call.wait();
      const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
      best = std::min(best, seconds);
      spent += seconds;
    }
    std::string line = fmt::format(
        "{:<9} {:<56} {:<29} {} {:>9.3f} ms {:>7.1f} GFLOP/s {:>6.1f} GB/s", of.op, of.name,
        step.op, to_string(dtype), best * 1e3, step.flops / best * 1e-9, bytes / best * 1e-9);
    if (device.is_cpu()) {
      // The roofline: no less than the time for the operations, nor than that for the bytes.
      const double compute = step.flops / peak_flops(dtype == Dtype::f64);
      const double memory = bytes / peak_bandwidth(bytes);
      line += fmt::format("  {:>3.0f} % of {}", 100 * std::max(compute, memory) / best,
                          compute > memory ? "operations" : "bytes");
    }
    fmt::print("{}\n", line);
  }
}

}  // namespace rn::test
