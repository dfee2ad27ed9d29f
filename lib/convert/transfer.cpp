#include "convert/transfer.h"

#include <cstring>
#include <set>

#include "convert/families.h"

namespace rn::convert {
namespace {

constexpr const char* counter_suffix = ".num_batches_tracked";

// Axes of the source for each axis of the result, at most four.
using Axes = std::vector<int>;

// Where our axes lie in theirs (to read), by rank; empty: the same.
Axes reading_axes(Convention convention, LayerKind kind, std::size_t rank) {
  if (kind == LayerKind::conv && rank == 4) {
    return convention == Convention::torch ? Axes{0, 2, 3, 1} : Axes{3, 0, 1, 2};
  }
  if (kind == LayerKind::linear && rank == 2 && convention == Convention::keras) return {1, 0};
  return {};
}

Axes inverse(const Axes& axes) {
  Axes result(axes.size());
  for (std::size_t i = 0; i < axes.size(); ++i) {
    result[static_cast<std::size_t>(axes[i])] = static_cast<int>(i);
  }
  return result;
}

Shape permuted(const Shape& shape, const Axes& axes) {
  if (axes.empty()) return shape;
  Shape result;
  for (const int axis : axes) result.push_back(shape[static_cast<std::size_t>(axis)]);
  return result;
}

// to: the permuted shape, same dtype.
template <class T>
void permute(const Tensor& from, const Axes& axes, const Tensor& to) {
  const std::size_t missing = 4 - axes.size();
  std::int64_t size[4] = {1, 1, 1, 1}, step[4] = {0, 0, 0, 0};
  Shape steps(from.shape().size(), 1);
  for (std::size_t i = steps.size() - 1; i > 0; --i) steps[i - 1] = steps[i] * from.shape()[i];
  for (std::size_t i = 0; i < axes.size(); ++i) {
    size[missing + i] = to.shape()[i];
    step[missing + i] = steps[static_cast<std::size_t>(axes[i])];
  }
  const T* in = from.data<T>();
  T* out = to.data<T>();
  for (std::int64_t a = 0; a < size[0]; ++a) {
    for (std::int64_t b = 0; b < size[1]; ++b) {
      for (std::int64_t c = 0; c < size[2]; ++c) {
        const T* row = in + a * step[0] + b * step[1] + c * step[2];
        for (std::int64_t d = 0; d < size[3]; ++d) *out++ = row[d * step[3]];
      }
    }
  }
}

void copy_permuted(const Tensor& from, const Axes& axes, const Tensor& to) {
  const Tensor source = from.dtype() == to.dtype() ? from : from.cast(to.dtype(), to.tag());
  if (axes.empty()) {
    to.copy_from(source);
  } else {
    with_float(to.dtype(), "convert", [&]<class T>() { permute<T>(source, axes, to); });
  }
}

struct Pair {
  std::string ours;
  LayerKind kind;
  const io::Weight* theirs;
};

// One line of what does not fit.
class Complaints {
 public:
  void missing(const std::string& name) { missing_.push_back(name); }
  void unused(const std::string& name) { unused_.push_back(name); }
  void misfit(const std::string& what) { misfits_.push_back(what); }
  void raise(const io::WeightFile& file, const Recognized& found) const {
    std::string text;
    const auto add = [&](const std::vector<std::string>& names, const char* what) {
      if (names.empty()) return;
      text += fmt::format("{}{} {}: {}", text.empty() ? "" : "; ", names.size(), what, some(names));
    };
    add(missing_, "missing");
    add(misfits_, "mis-shaped");
    add(unused_, "left over");
    if (text.empty()) return;
    fail(ErrorKind::input, "{}: does not fit {} ({}): {}", file.name, found.spec.arch, found.family,
         text);
  }

 private:
  std::vector<std::string> missing_, unused_, misfits_;
};

std::vector<Pair> account(const Inventory& names, const Recognized& found) {
  const io::WeightFile& file = names.file();
  const Convention convention = names.keras() ? Convention::keras : Convention::torch;
  Complaints complaints;
  std::set<const io::Weight*> used;
  std::vector<Pair> pairs;
  for (const Layer& layer : layers_of(found.spec)) {
    const std::string& theirs = found.layers.at(layer.name);
    for (const Slot& slot : slots_of(layer)) {
      const auto there = names.entries().find(theirs + "." + slot.name);
      if (there == names.entries().end()) {
        complaints.missing(tensor_name(convention, theirs, layer.kind, slot.name));
        continue;
      }
      const io::Weight& weight = *there->second.weight;
      used.insert(&weight);
      const Shape& shape = weight.value.shape();
      const Axes axes = reading_axes(convention, layer.kind, slot.shape.size());
      const Shape wanted = permuted(slot.shape, inverse(axes));
      if (shape != wanted) {
        complaints.misfit(
            fmt::format("{} {} instead of {}", weight.name, to_string(shape), to_string(wanted)));
      } else if (weight.value.dtype() != Dtype::f32 && weight.value.dtype() != Dtype::f64) {
        complaints.misfit(fmt::format("{} holds {}", weight.name, weight.stored));
      } else {
        pairs.push_back({layer.name + "." + slot.name, layer.kind, &weight});
      }
    }
  }
  for (const io::Weight& weight : file.weights) {
    if (used.count(&weight) == 0 && !weight.name.ends_with(counter_suffix)) {
      complaints.unused(weight.name);
    }
  }
  complaints.raise(file, found);
  return pairs;
}

}  // namespace

std::string tensor_name(Convention convention, const std::string& layer, LayerKind kind,
                        const std::string& slot) {
  if (convention == Convention::torch) return layer + "." + slot;
  static const std::map<std::string, std::string> norms{{"weight", "gamma"},
                                                        {"bias", "beta"},
                                                        {"running_mean", "moving_mean"},
                                                        {"running_var", "moving_variance"}};
  if (kind == LayerKind::norm) return layer + "/" + norms.at(slot);
  return layer + "/" + (slot == "weight" ? "kernel" : slot);
}

models::Network load(const io::WeightFile& file, const Recognized& found) {
  const Inventory names(file);
  const std::vector<Pair> pairs = account(names, found);
  std::map<std::string, Pair> by_name;
  Dtype dtype = Dtype::f32;
  for (const Pair& pair : pairs) {
    by_name.emplace(pair.ours, pair);
    if (pair.theirs->value.dtype() == Dtype::f64) dtype = Dtype::f64;
  }
  models::Network network(found.spec, dtype);
  const Convention convention = names.keras() ? Convention::keras : Convention::torch;
  const auto fill = [&](const std::string& name, const Tensor& value) {
    const auto pair = by_name.find(name);
    require(pair != by_name.end(), "convert: nothing for {}", name);
    copy_permuted(pair->second.theirs->value,
                  reading_axes(convention, pair->second.kind, value.shape().size()), value);
  };
  for (const auto& parameter : network.store().parameters()) {
    fill(parameter->name, parameter->value);
  }
  for (const auto& state : network.store().states()) fill(state->name, state->value);
  return network;
}

NormCounters load_counters(const io::WeightFile& file, const Recognized& found) {
  constexpr std::int64_t most = std::int64_t{1} << 53;
  const Inventory names(file);
  NormCounters counters;
  for (const Layer& layer : layers_of(found.spec)) {
    const auto there = names.entries().find(found.layers.at(layer.name) + counter_suffix);
    if (layer.kind != LayerKind::norm || there == names.entries().end()) continue;
    const Tensor& value = there->second.weight->value;
    const bool whole = value.dtype() == Dtype::i64 && value.size() == 1;
    const std::int64_t count = whole ? *value.data<std::int64_t>() : -1;
    if (count < 0 || count > most) {
      fail(ErrorKind::input, "{}: {} is {}{}; expected one number of batches", file.name,
           there->first, value.describe(), whole ? fmt::format(", {}", count) : std::string());
    }
    if (count > 0) counters[layer.name] = count;
  }
  return counters;
}

std::vector<io::Weight> unload(const models::Network& network, Convention convention,
                               const std::vector<std::pair<Layer, std::string>>& layers,
                               const std::optional<NormCounters>& counters) {
  std::map<std::string, Tensor> values;
  for (const auto& p : network.store().parameters()) values.emplace(p->name, p->value);
  for (const auto& s : network.store().states()) values.emplace(s->name, s->value);
  std::vector<io::Weight> weights;
  for (const auto& [layer, theirs] : layers) {
    for (const Slot& slot : slots_of(layer)) {
      const Tensor& value = values.at(layer.name + "." + slot.name);
      const Axes axes = inverse(reading_axes(convention, layer.kind, value.shape().size()));
      Tensor copy(permuted(value.shape(), axes), value.dtype(), Tag::workspace);
      copy_permuted(value, axes, copy);
      weights.push_back({tensor_name(convention, theirs, layer.kind, slot.name),
                         value.dtype() == Dtype::f64 ? "f64" : "f32", std::move(copy)});
    }
    if (layer.kind == LayerKind::norm && convention == Convention::torch && counters) {
      Tensor counter({}, Dtype::i64, Tag::workspace);
      const auto known = counters->find(layer.name);
      *counter.data<std::int64_t>() = known == counters->end() ? 0 : known->second;
      weights.push_back({theirs + counter_suffix, "i64", std::move(counter)});
    }
  }
  return weights;
}

}  // namespace rn::convert
