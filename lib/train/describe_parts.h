// What describe*.cpp share.
#pragma once

#include "io/provenance.h"
#include "train/describe.h"
#include "train/model_file.h"

namespace rn::train {

std::string describe_model_text(const io::H5& file, const DescribeOptions& options);
io::Json describe_model_json(const io::H5& file, const DescribeOptions& options);

// Of networks for video.
std::string describe_st_text(const io::H5& file, const DescribeOptions& options);
io::Json describe_st_json(const io::H5& file, const DescribeOptions& options);

struct TensorSummary {
  std::string name, kind;  // parameter, state, optimizer slot
  Shape shape;
  Dtype dtype = Dtype::f32;
  double mean = 0, stddev = 0, min = 0, max = 0;  // of the finite values
  std::int64_t nonfinite = 0;
};
std::vector<TensorSummary> summarize(const nn::Store& store, const ModelFile& file);
void warn_nonfinite(const std::string& file, const std::vector<TensorSummary>& tensors);
std::string tensor_table(const std::vector<TensorSummary>& tensors);
std::vector<io::Json> tensor_objects(const std::vector<TensorSummary>& tensors);
std::string block_table(const models::NetworkSpec& spec);
std::vector<io::Json> block_objects(const models::NetworkSpec& spec);

// Lines of the summary.
std::string summary_line(const char* key, const std::string& value);
std::string stages(const models::NetworkSpec& spec);
std::string input_line(const models::NetworkSpec& spec, const data::Normalization& of);
std::string class_line(const ModelFile& file);
std::string training_text(const ModelFile& file);          // several
void add_training(io::Json& json, const ModelFile& file);  // its part of the object

std::string maker_line(const io::Provenance& provenance);
std::string provenance_text(const io::Provenance& provenance);  // "name<tab>value" lines
io::Json provenance_json(const io::Provenance& provenance);

}  // namespace rn::train
