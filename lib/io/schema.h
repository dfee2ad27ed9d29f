// Names in our HDF5 files, and how a file says what it is. docs/man/resnet-h5.5 is the document of
// this format; the numbers and names here are its promises.
#pragma once

#include <cstdint>
#include <string>

#include "io/h5.h"

namespace rn::io::schema {

enum class Format { model, result, data };

// Version of the layout that this build writes; it reads this one and all before it.
inline constexpr std::int64_t format_version = 1;

// Root attributes.
inline constexpr const char* format_attribute = "format";
inline constexpr const char* version_attribute = "format_version";
// Of a result: "lesion", "curves", ...; of a model: absent (a network for images), or st_kind.
inline constexpr const char* kind_attribute = "kind";
inline constexpr const char* st_kind = "st_resnet";  // two streams (or one), over clips

// Groups of a model file.
inline constexpr const char* parameters = "parameters";        // parameters/<dotted.name>
inline constexpr const char* state = "state";                  // running statistics, by dotted name
inline constexpr const char* norm_batches = "norm_batches";    // a table: name, count
inline constexpr const char* optimizer = "optimizer";          // optimizer/<slot>/<dotted.name>
inline constexpr const char* trained_state = "trained_state";  // trained_state/<dotted.name>
inline constexpr const char* blocks = "blocks";                // the block table, column by column
inline constexpr const char* stem = "stem";                    // attributes of the stem
inline constexpr const char* head = "head";                    // attributes of the head
inline constexpr const char* training = "training";            // attributes epoch, step, seed, ...
inline constexpr const char* curves = "curves";                // learning curves, column by column
inline constexpr const char* classes = "classes";              // class names, one column
inline constexpr const char* input = "input";                  // mean, stddev or mean_image
inline constexpr const char* provenance = "provenance";
// Of a network for video: a stream's stem, blocks, head and input.
inline constexpr const char* appearance = "appearance";
inline constexpr const char* motion = "motion";

// Data sets of a data file: <split>/images uint8 [N, H, W, C], <split>/labels int32 [N].
inline constexpr const char* images = "images";
inline constexpr const char* labels = "labels";
inline constexpr const char* digests = "sha256";  // <split>/sha256 uint8 [N, 32], of each image

// Attributes of a split of which the file holds a part only.
inline constexpr const char* shard_attribute = "shard";    // from 0
inline constexpr const char* shards_attribute = "shards";  // how many there are
inline constexpr const char* first_attribute = "first";    // number of this part's first image
inline constexpr const char* total_attribute = "total";    // images of the whole split
inline constexpr const char* source_attribute = "source_sha256";  // digest of what was cut up

const char* to_string(Format format);    // "resnet-tools model", ... : the root attribute's value
std::string expectation(Format format);  // "a model written by resnet-train", ...

// Writes the root attributes that say what the file is.
void mark(H5& file, Format format);

// Errors (input), saying what the file is instead: foreign HDF5, another of our formats, or one
// written by a newer version.
void check(const H5& file, Format format);

// Which of our formats the file is in. Errors (input): foreign, newer.
Format identify(const H5& file);

// H5::open and check in one.
H5 open(const std::string& path, Format format);

// The same, with the file's SHA-256, by which provenance names inputs.
struct Digested {
  H5 file;
  std::string digest;
};
Digested open_digested(const std::string& path, Format format);

}  // namespace rn::io::schema
