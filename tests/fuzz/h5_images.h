// Valid HDF5 images, made with libhdf5 itself: in the layouts of Keras and of our model files, with
// content that a careful writer would never put there.
#pragma once

#include <hdf5.h>

#include "fuzz/check.h"
#include "fuzz/choices.h"
#include "models/network_spec.h"

namespace rn::fuzz {

// A copy of an opened image, open for writing.
struct File {
  hid_t id = -1;
  explicit File(const io::Bytes& image) {
    static int serial = 0;  // libhdf5 takes two files of one name for one file
    const std::string name = "fuzz" + std::to_string(serial++);
    const hid_t fapl = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(fapl, 1 << 16, false);
    if (image.empty()) {
      id = H5Fcreate(name.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, fapl);
    } else {
      H5Pset_file_image(fapl, const_cast<std::byte*>(image.data()), image.size());
      id = H5Fopen(name.c_str(), H5F_ACC_RDWR, fapl);
    }
    H5Pclose(fapl);
    if (id < 0) broken("cannot open a sound image for writing");
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { H5Fclose(id); }
  io::Bytes image() const {
    H5Fflush(id, H5F_SCOPE_GLOBAL);
    const ssize_t size = H5Fget_file_image(id, nullptr, 0);
    io::Bytes bytes(size < 0 ? 0 : static_cast<std::size_t>(size));
    if (!bytes.empty()) H5Fget_file_image(id, bytes.data(), bytes.size());
    return bytes;
  }
};

// Attributes of an opened object. (What tells it differs between versions of libhdf5.)
inline hsize_t count_attributes(hid_t object) {
  hsize_t count = 0;
  const auto add = [](hid_t, const char*, const H5A_info_t*, void* to) -> herr_t {
    ++*static_cast<hsize_t*>(to);
    return 0;
  };
  H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, add, &count);
  return count;
}

// The first blocks of a CIFAR network, for small images and three classes.
models::NetworkSpec small_network(std::size_t blocks);

// Sound files, small: a model, a data set, a lesion study, and Keras' older layout and its newer.
io::Bytes model_image();
io::Bytes data_image();
io::Bytes shard_image(std::int64_t index);  // of two
io::Bytes chunked_image();                  // a data set in chunks of one image
io::Bytes lesion_image();
io::Bytes keras_image(bool numbered);

// The same content in the oldest layout that libhdf5 writes, as h5py does: without checksums, so
// that damaged bytes get far.
io::Bytes in_old_layout(const io::Bytes& image);

// Goes down the tree of an opened file by choice; the path it came to.
std::string walk(Choices& choices, hid_t file);
// Changes one thing in a file.
void stroke(Choices& choices, hid_t file);

// One of the above or an empty file, changed by as many hostile strokes as there are choices.
io::Bytes hostile_image(Choices& choices);

}  // namespace rn::fuzz
