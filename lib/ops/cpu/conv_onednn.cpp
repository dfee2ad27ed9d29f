// f32 and bf16 tiles through oneDNN, v2 and v3. Weights are packed into the layout and type that
// the primitive of the largest tile prefers; smaller tiles are held to it.
#include <omp.h>

#include <dnnl.hpp>
#include <map>
#include <mutex>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "ops/cpu/conv_kernel.h"
#include "ops/cpu/scratch.h"
#include "ops/cpu/winograd.h"

namespace rn::ops::cpu {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;

dnnl::engine& engine() {
  static dnnl::engine instance(dnnl::engine::kind::cpu, 0);
  return instance;
}

// A lane is one thread: oneDNN's own threading is off on every thread that calls it.
dnnl::stream& stream() {
  thread_local dnnl::stream instance = [] {
    omp_set_num_threads(1);
    return dnnl::stream(engine());
  }();
  return instance;
}

template <class T>
constexpr memory::data_type type_of =
    std::is_same_v<T, bfloat16> ? memory::data_type::bf16 : memory::data_type::f32;

template <class T>
memory::desc describe(const memory::dims& dims, Tag tag) {
  return {dims, type_of<T>, tag};
}

struct Primitive {
  dnnl::primitive run;
  memory::desc src, weights, dst, scratchpad;
};

template <class T>
class OnednnKernel final : public ConvKernel<T> {
 public:
  using W = Wide<T>;

  OnednnKernel(ConvPass pass, const ConvGeometry& geometry, int tile, Epilogue epilogue)
      : pass_(pass), geometry_(geometry), tile_(tile), epilogue_(epilogue) {
    stream();  // single-threaded before any primitive is made
    const memory::dims dims{geometry.o, geometry.i, geometry.kh, geometry.kw};
    plain_ = describe<W>(dims, Tag::ohwi);
    primitives_.resize(static_cast<std::size_t>(tile));
    const bool result = pass == ConvPass::backward_weights;
    Primitive full = make(tile, result ? describe<W>(dims, Tag::any) : describe<T>(dims, Tag::any));
    packed_ = full.weights;
    primitives_[static_cast<std::size_t>(tile - 1)] = std::move(full);
    for (int n = 1; n < tile; ++n) {
      primitives_[static_cast<std::size_t>(n - 1)] = make(n, packed_);
    }
    pack_ = dnnl::reorder(memory(plain_, engine(), nullptr), memory(packed_, engine(), nullptr));
    unpack_ = dnnl::reorder(memory(packed_, engine(), nullptr), memory(plain_, engine(), nullptr));
  }

  std::int64_t packed_size() const override {
    const std::size_t size = pass_ == ConvPass::backward_weights ? sizeof(W) : sizeof(T);
    return static_cast<std::int64_t>((packed_.get_size() + size - 1) / size);
  }

  void pack(const W* ohwi, T* packed) const override {
    memory from(plain_, engine(), const_cast<W*>(ohwi)), to(packed_, engine(), packed);
    dnnl::reorder(pack_).execute(stream(), from, to);
    stream().wait();
  }

  void unpack_add(const W* packed, W alpha, W* ohwi) const override {
    W* plain = scratch<W>(Slot::weights, geometry_.weights_size());
    memory from(packed_, engine(), const_cast<W*>(packed)), to(plain_, engine(), plain);
    dnnl::reorder(unpack_).execute(stream(), from, to);
    stream().wait();
    for (std::int64_t k = 0; k < geometry_.weights_size(); ++k) ohwi[k] += alpha * plain[k];
  }

  void run(int images, const T* from, const T* packed, T* to, const W* bias) const override {
    run_to(images, from, packed, to, bias);
  }

  void run_wide(int images, const T* from, const T* packed, W* to) const override {
    run_to(images, from, packed, to, nullptr);
  }

  void run_weights(int images, const T* x, const T* g, W* packed) const override {
    execute(at(images), {{DNNL_ARG_SRC, const_cast<T*>(x)},
                         {DNNL_ARG_DIFF_WEIGHTS, packed},
                         {DNNL_ARG_DIFF_DST, const_cast<T*>(g)}});
  }

 private:
  const Primitive& at(int images) const {
    require(images >= 1 && images <= tile_, "conv tile of {} images, made for {}", images, tile_);
    return primitives_[static_cast<std::size_t>(images - 1)];
  }

  void run_to(int images, const T* from, const T* packed, void* to, const W* bias) const {
    const bool forward = pass_ == ConvPass::forward;
    void* input = const_cast<T*>(from);
    execute(at(images), {{forward ? DNNL_ARG_SRC : DNNL_ARG_DIFF_SRC, forward ? input : to},
                         {forward ? DNNL_ARG_DST : DNNL_ARG_DIFF_DST, forward ? to : input},
                         {DNNL_ARG_WEIGHTS, const_cast<T*>(packed)},
                         {DNNL_ARG_BIAS, const_cast<W*>(bias)}});
  }

  // Null stands for an argument that the primitive has not. The objects that oneDNN wants around
  // pointers are made once for each thread and primitive: making them costs as much as all else
  // that is not the convolution.
  void execute(const Primitive& primitive,
               std::initializer_list<std::pair<int, void*>> pointers) const {
    thread_local std::unordered_map<const Primitive*, std::unordered_map<int, memory>> bound;
    std::unordered_map<int, memory>& args = bound[&primitive];
    const auto bind = [&](int name, void* pointer) {
      const auto found = args.find(name);
      if (found != args.end()) return found->second.set_data_handle(pointer);
      args.emplace(name, memory(desc_of(primitive, name), engine(), pointer));
    };
    for (const auto& [name, pointer] : pointers) {
      if (pointer) bind(name, pointer);
    }
    bind(DNNL_ARG_SCRATCHPAD, scratch_bytes(Slot::onednn, primitive.scratchpad.get_size()));
    dnnl::stream& queue = stream();
    primitive.run.execute(queue, args);
    queue.wait();
  }

  memory::desc desc_of(const Primitive& primitive, int argument) const {
    switch (argument) {
      case DNNL_ARG_SRC:
      case DNNL_ARG_DIFF_SRC: return primitive.src;
      case DNNL_ARG_DST:
      case DNNL_ARG_DIFF_DST: return primitive.dst;
      case DNNL_ARG_BIAS: return bias_desc();
      case DNNL_ARG_SCRATCHPAD: return primitive.scratchpad;
      default: return primitive.weights;
    }
  }

  memory::desc bias_desc() const {
    return epilogue_.bias ? describe<W>({geometry_.o}, Tag::x) : memory::desc();
  }

  dnnl::post_ops post_ops() const {
    dnnl::post_ops ops;
    if (epilogue_.sum) ops.append_sum(1.0F);
    return ops;
  }

  template <class Description>
  static Primitive take(const Description& d, ConvPass pass) {
    if (pass == ConvPass::forward) {
      return {{}, d.src_desc(), d.weights_desc(), d.dst_desc(), d.scratchpad_desc()};
    }
    if (pass == ConvPass::backward_data) {
      return {{}, d.diff_src_desc(), d.weights_desc(), d.diff_dst_desc(), d.scratchpad_desc()};
    }
    return {{}, d.src_desc(), d.diff_weights_desc(), d.diff_dst_desc(), d.scratchpad_desc()};
  }

  Primitive make(int images, const memory::desc& weights) const {
    const ConvGeometry& g = geometry_;
    const bool wide_src = epilogue_.wide && pass_ == ConvPass::backward_data;
    const bool wide_dst = epilogue_.wide && pass_ == ConvPass::forward;
    const memory::dims src_dims{images, g.i, g.h, g.w}, dst_dims{images, g.o, g.p, g.q};
    const memory::desc src =
        wide_src ? describe<W>(src_dims, Tag::nhwc) : describe<T>(src_dims, Tag::nhwc);
    const memory::desc dst =
        wide_dst ? describe<W>(dst_dims, Tag::nhwc) : describe<T>(dst_dims, Tag::nhwc);
    const memory::dims strides{g.sh, g.sw}, before{g.ph, g.pw};
    // What the kernel reaches beyond the input behind; less than `before` where a stride skips it.
    const memory::dims after{(g.p - 1) * g.sh + g.kh - g.h - g.ph,
                             (g.q - 1) * g.sw + g.kw - g.w - g.pw};
    const auto algorithm = dnnl::algorithm::convolution_direct;
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    dnnl::primitive_attr forward_attr = attr;
    forward_attr.set_post_ops(post_ops());
    using Forward = dnnl::convolution_forward;
    using Data = dnnl::convolution_backward_data;
    using Weights = dnnl::convolution_backward_weights;
    const auto training = dnnl::prop_kind::forward_training;
    // Backward passes only take a hint from it: it is of one type then.
    const bool is_forward = pass_ == ConvPass::forward;
    const memory::desc hint_src = is_forward ? src : describe<T>(src_dims, Tag::nhwc);
    const memory::desc hint_weights =
        is_forward ? weights : describe<T>({g.o, g.i, g.kh, g.kw}, Tag::any);
#if DNNL_VERSION_MAJOR >= 3
    const Forward::primitive_desc forward(engine(), training, algorithm, hint_src, hint_weights,
                                          bias_desc(), dst, strides, before, after, forward_attr);
#else
    const Forward::primitive_desc forward(Forward::desc(training, algorithm, hint_src, hint_weights,
                                                        bias_desc(), dst, strides, before, after),
                                          forward_attr, engine());
#endif
    Primitive primitive;
    if (pass_ == ConvPass::forward) {
      primitive = take(forward, pass_);
      primitive.run = Forward(forward);
    } else if (pass_ == ConvPass::backward_data) {
#if DNNL_VERSION_MAJOR >= 3
      const Data::primitive_desc data(engine(), algorithm, src, weights, dst, strides, before,
                                      after, forward, attr);
#else
      const Data::primitive_desc data(
          Data::desc(algorithm, src, weights, dst, strides, before, after), attr, engine(),
          forward);
#endif
      primitive = take(data, pass_);
      primitive.run = Data(data);
    } else {
#if DNNL_VERSION_MAJOR >= 3
      const Weights::primitive_desc back(engine(), algorithm, src, weights, dst, strides, before,
                                         after, forward, attr);
#else
      const Weights::primitive_desc back(
          Weights::desc(algorithm, src, weights, dst, strides, before, after), attr, engine(),
          forward);
#endif
      primitive = take(back, pass_);
      primitive.run = Weights(back);
    }
    return primitive;
  }

  ConvPass pass_;
  ConvGeometry geometry_;
  int tile_;
  Epilogue epilogue_;
  memory::desc plain_, packed_;
  dnnl::reorder pack_, unpack_;
  std::vector<Primitive> primitives_;
};

template <class T>
const ConvKernel<T>& cached(ConvPass pass, const ConvGeometry& geometry, int tile,
                            Epilogue epilogue) {
  using Key = std::tuple<ConvPass, ConvGeometry, int, Epilogue>;
  static std::mutex mutex;
  static auto* cache = new std::map<Key, std::unique_ptr<OnednnKernel<T>>>;
  std::lock_guard lock(mutex);
  std::unique_ptr<OnednnKernel<T>>& kernel = (*cache)[{pass, geometry, tile, epilogue}];
  if (!kernel) {
    try {
      kernel = std::make_unique<OnednnKernel<T>>(pass, geometry, tile, epilogue);
    } catch (const dnnl::error& error) {
      fail(ErrorKind::failed, "oneDNN refuses a {}x{} convolution of {}x{}x{}: {}", geometry.kh,
           geometry.kw, geometry.h, geometry.w, geometry.i, error.what());
    }
  }
  return *kernel;
}

}  // namespace

const ConvKernel<float>& direct_kernel(ConvPass pass, const ConvGeometry& geometry, int tile,
                                       Epilogue epilogue) {
  return cached<float>(pass, geometry, tile, epilogue);
}

template <>
const ConvKernel<float>& conv_kernel(ConvPass pass, const ConvGeometry& geometry, int tile,
                                     Epilogue epilogue) {
  if (const auto* fewer = winograd_kernel(pass, geometry, tile, epilogue)) return *fewer;
  return direct_kernel(pass, geometry, tile, epilogue);
}

template <>
const ConvKernel<bfloat16>& conv_kernel(ConvPass pass, const ConvGeometry& geometry, int tile,
                                        Epilogue epilogue) {
  return cached<bfloat16>(pass, geometry, tile, epilogue);
}

}  // namespace rn::ops::cpu
