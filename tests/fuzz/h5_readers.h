// Every reader of HDF5 here, over one image.
#pragma once

#include "fuzz/check.h"
#include "io/keras_file.h"
#include "io/provenance.h"
#include "io/schema.h"
#include "train/model_file.h"

namespace rn::fuzz {

inline void read_everything(const io::Bytes& image) {
  holds([&] { check_weights(io::read_keras(io::H5::open_image(image, "fuzz"))); });
  holds([&] {
    const io::H5 file = io::H5::open_image(image, "fuzz");
    holds([&] { io::schema::identify(file); });
    holds([&] { io::read_provenance(file); });
    holds([&] { train::read_model_file(file); });
    holds([&] { train::load_model(file); });
  });
}

}  // namespace rn::fuzz
