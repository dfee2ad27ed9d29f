// Spatiotemporal residual networks (Feichtenhofer, Pinz, Wildes 2016): an appearance stream that
// sees frames and a motion stream that sees stacks of optical flow, both residual networks of one
// block table. Before the second unit of each stage, the branch of appearance's unit reads motion's
// value too (the shortcut does not), and convolutions of these units have taps in time. Parts can
// be left out, down to one stream alone, which is an image network over frames.
//
// A clip is T frames. Frames are carried as images [N*T, H, W, C], clip by clip, so that all that
// is two-dimensional is as in other networks, and batch norms see N*T frames.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/catalog.h"
#include "models/network.h"

namespace rn::models {

enum class Connection {
  none,
  additive,        // the branch reads a + gate * m
  multiplicative,  // the branch reads a * (1 - gate + gate * m)
};
const char* to_string(Connection);                          // "none", ...
Connection parse_connection(const std::string& text);       // errors (usage): unknown word
TemporalPool parse_temporal_pool(const std::string& text);  // errors (usage)

// A network of one or two streams, as data. Which units have temporal convolutions, and the pooling
// over time, are in the streams' own tables (nn::BlockSpec::temporal, HeadSpec::temporal_pool).
struct StSpec {
  std::string arch;                          // "resnet50": where it came from; decides nothing
  std::optional<NetworkSpec> appearance;     // 3 channels
  std::optional<NetworkSpec> motion;         // 2L channels: u1, v1, u2, v2, ...
  Connection connection = Connection::none;  // needs both
  double gate = 1;                           // of all connections, where a network starts
  // a is the value before the ReLU of appearance's unit, as in the paper's equation and code, else
  // behind it, as its own branch reads it.
  bool before_relu = false;
  bool operator==(const StSpec&) const = default;

  const NetworkSpec& any() const { return appearance ? *appearance : *motion; }
  std::int64_t classes() const { return any().classes; }
  std::int64_t flow_stack() const { return motion ? motion->channels / 2 : 0; }  // L
};

// Errors (input): no stream, classes or tables that differ, a connection without two streams, a
// block that cannot be what it says.
void check(const StSpec& spec);

struct StOptions {
  bool appearance = true, motion = true;
  // 0: the architecture's own.
  std::int64_t height = 0, width = 0, classes = 0;
  int base_width = 0;
  std::int64_t flow_stack = 10;                  // L: fields of flow that go with a frame
  Connection connection = Connection::additive;  // none where a stream is left out
  double gate = 1;
  bool before_relu = false;
  bool temporal_convs = true;
  TemporalPool temporal_pool = TemporalPool::none;
  int pool_size = 5, pool_stride = 2;  // of it, in frames
};

// arch: a catalog name of a post-activation residual network with at least two units a stage:
// "resnet50", "resnet18", "resnet14-cifar", ... Errors (usage): another name; options that do not
// go together.
//   appearance: {.motion = false, .temporal_convs = false}
//   motion:     {.appearance = false, .temporal_convs = false}
//   two-stream: {.connection = none, .temporal_convs = false}
//   ST-ResNet:  {}
//   ST-ResNet*: {.temporal_pool = after_average} (the paper) or before_average (its code)
StSpec make_st_spec(const std::string& arch, const StOptions& options = {});
// The same of a table, that of an image network's file for one: sizes and classes are its own where
// options say 0; base_width is not read.
StSpec make_st_spec(const NetworkSpec& table, const StOptions& options);

// Of the units with a connection (and temporal convolutions): the second of each stage; places in
// the block table. Errors (input): a stage without a second unit, or with one that changes the
// shape.
std::vector<std::int64_t> second_units(const NetworkSpec& spec);

// What goes in: on any device. Sizes may differ from the spec's (fully convolutional). A stream's
// input is not read where the network has not that stream.
struct StInput {
  Tensor frames;           // [N*T, H, W, 3], normalised, of the network's dtype
  Tensor flow;             // [N*T, H, W, 2L]
  std::int64_t clips = 1;  // N; T = rows / N
};

// One of each stream that is there, else undefined.
struct StLogits {
  Tensor appearance, motion;  // [N * outputs(T), classes], clip by clip; f32 beside bf16
};

// Everything one pass keeps: hand the same object to forward and backward.
struct StSaved {
  Saved appearance, motion;
  std::int64_t frames = 0;  // T
  void release();           // gives the activations back to the pool
};

class StNetwork {
 public:
  // Parameters are zero until initialize() or until values are loaded. Errors: as of Network.
  StNetwork(StSpec spec, Dtype dtype, Device device = cpu);
  StNetwork(StNetwork&&) noexcept = default;
  StNetwork& operator=(StNetwork&&) noexcept = default;

  const StSpec& spec() const { return spec_; }
  Dtype dtype() const { return dtype_; }  // of activations
  // Parameters and states of both streams, "appearance.stem.conv.weight", ...: what optimizers and
  // files work on.
  nn::Store& store() { return *store_; }
  const nn::Store& store() const { return *store_; }
  // As of Network for each stream, but for temporal convolutions: every tap is a third (of three)
  // of what the image network's weights would be.
  void initialize(std::uint64_t seed, double gain = 1);

  // The streams, by themselves; null where there is none.
  Network* appearance() { return appearance_.get(); }
  Network* motion() { return motion_.get(); }
  const Network* appearance() const { return appearance_.get(); }
  const Network* motion() const { return motion_.get(); }

  // One for each connection, in the order of stages; spec.gate at first. 0: the connection is not
  // there, forward and backward.
  std::vector<double> gates;

  // Logits that a clip of so many frames has. Errors (usage): too few for the pooling over time.
  std::int64_t outputs(std::int64_t frames) const;

  // Of `pass`: pool, stream, batch_statistics, keep, dropout count; frames is set here.
  // Errors (shape): inputs that do not fit each other or the spec.
  StLogits forward(const StInput& input, const nn::Pass& pass, StSaved& saved) const;
  // From the gradients of the logits: adds to the gradients of both streams' parameters, motion's
  // through the connections too. A stream whose gradient is undefined gets 0 for its own loss.
  void backward(const StLogits& d_logits, const nn::Pass& pass, StSaved& saved) const;

  // Takes the batch's statistics of the pass into the running ones (committing a step).
  void commit(const StSaved& saved, std::optional<double> momentum = {}) const;
  // Name of the first layer ("motion.stage1.block2.conv1") whose outputs were not finite, or empty.
  std::string first_nonfinite(const StSaved& saved) const;

  // Of Network, for each stream.
  void set_checkpoints(const Checkpoints& checkpoints);

 private:
  // The connections that are there, from one side.
  void tie(Saved& saved, nn::Tie::Kind kind) const;

  StSpec spec_;
  Dtype dtype_;
  std::unique_ptr<nn::Store> store_;
  std::unique_ptr<Network> appearance_, motion_;
  std::vector<std::int64_t> units_;  // places of the connections
};

// Makes every tap of a stream's temporal convolutions the same share (a third, of three) of what
// the middle one is: over equal frames they are then the convolution that the middle one was.
void average_taps(Network& stream);

// Takes a stream's values from an image network of the same table but for temporal extents, input
// channels and classes: parameters and running statistics by name. Temporal convolutions get a
// third of the weights at each of three taps; a first layer of other channels gets, at each
// channel, the mean over the image network's channels; a head of other classes keeps what
// initialize() gave it. Returns the names of parameters that were not copied as they are.
// Errors (input): tables that differ; names the block.
std::vector<std::string> take_image_network(const Network& image, Network& stream);

}  // namespace rn::models
