// Valid HDF5 images, made with libhdf5 itself: in the layouts of Keras and of our model files, with
// content that a careful writer would never put there.
#pragma once

#include <hdf5.h>

#include "fuzz/choices.h"
#include "io/h5.h"

namespace rn::fuzz {

// A small model file: a sound one.
io::Bytes model_image();
// Sound files of Keras: the older layout, and that of Keras 3.
io::Bytes keras_image(bool numbered);

// The same content in the oldest layout that libhdf5 writes, as h5py does: without checksums, so
// that damaged bytes get far.
io::Bytes in_old_layout(const io::Bytes& image);

// One of the above or an empty file, changed by as many hostile strokes as there are choices.
io::Bytes hostile_image(Choices& choices);

}  // namespace rn::fuzz
