#include "fuzz/h5_images.h"

#include <functional>
#include <iterator>
#include <vector>

#include "fuzz/check.h"
#include "io/keras_file.h"
#include "models/catalog.h"
#include "train/model_file.h"

namespace rn::fuzz {
namespace {

// Names that mean something to a reader, and ones that ought to mean nothing.
const char* const names[] = {"layer_names",
                             "weight_names",
                             "layer_names0",
                             "weight_names1",
                             "model_weights",
                             "layers",
                             "vars",
                             "0",
                             "1",
                             "name",
                             "dtype",
                             "model_config",
                             "keras_version",
                             "backend",
                             "conv1",
                             "conv1/kernel:0",
                             "kernel:0",
                             "conv2d_1",
                             "batch_normalization",
                             "optimizer",
                             "top_level_model_weights",
                             "_layer_checkpoint_dependencies",
                             "format",
                             "format_version",
                             "kind",
                             "blocks",
                             "stem",
                             "head",
                             "parameters",
                             "state",
                             "training",
                             "curves",
                             "classes",
                             "input",
                             "provenance",
                             "epoch",
                             "name",
                             "width",
                             "stride",
                             "in_channels",
                             "channels",
                             "mean",
                             "stddev",
                             "mean_image",
                             "stem.conv.weight",
                             "momentum",
                             "images",
                             "labels",
                             "train",
                             ".",
                             "..",
                             "a/b",
                             "\x01",
                             "\xff\xfe",
                             "a b",
                             "%s%n",
                             "x:18446744073709551616",
                             ""};

std::string name_of(Choices& choices) {
  if (choices.one_in(12)) return choices.text(24);
  if (choices.one_in(40)) return std::string(choices.below(2000), 'n');
  return choices.of(names);
}

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

hid_t type_of(Choices& choices) {
  const hid_t plain[] = {H5T_IEEE_F32LE, H5T_IEEE_F64LE, H5T_STD_I64LE,   H5T_STD_I32LE,
                         H5T_STD_U8LE,   H5T_STD_U64LE,  H5T_IEEE_F32BE,  H5T_STD_I16BE,
                         H5T_STD_I8LE,   H5T_STD_B32LE,  H5T_STD_REF_OBJ, H5T_UNIX_D32LE};
  switch (choices.below(8)) {
    case 0: {
      const hid_t type = H5Tcopy(H5T_C_S1);
      H5Tset_size(type, H5T_VARIABLE);
      return type;
    }
    case 1: {
      const hid_t type = H5Tcopy(H5T_C_S1);
      H5Tset_size(type, choices.below(300) + 1);
      if (choices.one_in(2)) H5Tset_strpad(type, H5T_STR_SPACEPAD);
      if (choices.one_in(2)) H5Tset_cset(type, H5T_CSET_UTF8);
      return type;
    }
    case 2: return H5Tcreate(H5T_OPAQUE, choices.below(9) + 1);
    case 3: {
      const hid_t type = H5Tcreate(H5T_COMPOUND, 16);
      H5Tinsert(type, "r", 0, H5T_IEEE_F64LE);
      H5Tinsert(type, "i", 8, H5T_IEEE_F64LE);
      return type;
    }
    case 4: {
      const hid_t half = H5Tcopy(H5T_IEEE_F32LE);
      H5Tset_fields(half, 15, 10, 5, 0, 10);
      H5Tset_size(half, 2);
      H5Tset_ebias(half, 15);
      return half;
    }
    case 5: return H5Tenum_create(H5T_STD_I8LE);
    default: return H5Tcopy(plain[choices.below(std::size(plain))]);
  }
}

struct Extent {
  hid_t space;
  std::uint64_t count;  // elements; 0 also for what is too large to be written
};

Extent space_of(Choices& choices) {
  if (choices.one_in(10)) return {H5Screate(H5S_NULL), 0};
  if (choices.one_in(6)) return {H5Screate(H5S_SCALAR), 1};
  static const hsize_t sizes[] = {
      1, 2, 3, 4, 16, 0, 64, 1000, hsize_t{1} << 31, hsize_t{1} << 40, hsize_t{1} << 62};
  std::vector<hsize_t> dims(choices.below(6) + (choices.one_in(20) ? 26 : 1));
  std::uint64_t count = 1;
  bool small = true;
  for (hsize_t& d : dims) {
    d = choices.of(sizes);
    small = small && !__builtin_mul_overflow(count, d, &count) && count <= 4096;
  }
  return {H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr), small ? count : 0};
}

// Content for `count` elements. Variable-length text wants pointers.
void fill(Choices& choices, hid_t type, std::uint64_t count,
          const std::function<void(const void*)>& write) {
  if (count == 0) return;
  if (H5Tis_variable_str(type) > 0) {
    std::vector<std::string> texts(count);
    std::vector<const char*> pointers;
    for (std::string& text : texts) text = name_of(choices);
    for (const std::string& text : texts) pointers.push_back(text.c_str());
    if (choices.one_in(4)) pointers[0] = nullptr;
    return write(pointers.data());
  }
  std::vector<unsigned char> bytes(count * H5Tget_size(type));
  if (H5Tget_class(type) == H5T_STRING) {
    const std::size_t width = H5Tget_size(type);
    for (std::size_t i = 0; i < count; ++i) {
      const std::string text = name_of(choices).substr(0, width);
      std::copy(text.begin(), text.end(), bytes.begin() + static_cast<std::ptrdiff_t>(i * width));
    }
  } else {
    for (std::size_t i = 0; i < bytes.size() && !choices.done(); ++i) {
      bytes[i] = static_cast<unsigned char>(choices.number(1));
    }
  }
  write(bytes.data());
}

void put_dataset(Choices& choices, hid_t at, const std::string& name) {
  const hid_t type = type_of(choices);
  const Extent extent = space_of(choices);
  const hid_t dcpl = H5Pcreate(H5P_DATASET_CREATE);
  const int rank = H5Sget_simple_extent_ndims(extent.space);
  switch (choices.below(8)) {
    case 0:
      if (rank > 0) {
        const std::vector<hsize_t> chunk(static_cast<std::size_t>(rank), choices.below(4) + 1);
        H5Pset_chunk(dcpl, rank, chunk.data());
        if (choices.one_in(2)) H5Pset_deflate(dcpl, 9);
        if (choices.one_in(3)) H5Pset_fletcher32(dcpl);
      }
      break;
    case 1: H5Pset_layout(dcpl, H5D_COMPACT); break;
    case 2: H5Pset_external(dcpl, "/dev/null", 0, H5F_UNLIMITED); break;
    case 3: H5Pset_fill_time(dcpl, H5D_FILL_TIME_NEVER); break;
    default: break;
  }
  const hid_t set =
      H5Dcreate2(at, name.c_str(), type, extent.space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
  if (set >= 0) {
    fill(choices, type, extent.count,
         [&](const void* values) { H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values); });
    H5Dclose(set);
  }
  H5Pclose(dcpl), H5Sclose(extent.space), H5Tclose(type);
}

void put_attribute(Choices& choices, hid_t at, const std::string& name) {
  if (H5Aexists(at, name.c_str()) > 0) H5Adelete(at, name.c_str());
  const hid_t type = type_of(choices);
  const Extent extent = space_of(choices);
  const hid_t made =
      extent.count > 0 || H5Sget_simple_extent_npoints(extent.space) == 0
          ? H5Acreate2(at, name.c_str(), type, extent.space, H5P_DEFAULT, H5P_DEFAULT)
          : -1;
  if (made >= 0) {
    fill(choices, type, extent.count, [&](const void* values) { H5Awrite(made, type, values); });
    H5Aclose(made);
  }
  H5Sclose(extent.space), H5Tclose(type);
}

// Goes down the tree by choice; the path it came to.
std::string walk(Choices& choices, hid_t file) {
  std::string path = "/";
  for (int depth = 0; depth < 6; ++depth) {
    H5G_info_t info;
    if (H5Gget_info_by_name(file, path.c_str(), &info, H5P_DEFAULT) < 0 || info.nlinks == 0 ||
        choices.one_in(4)) {
      break;
    }
    char name[256];
    if (H5Lget_name_by_idx(file, path.c_str(), H5_INDEX_NAME, H5_ITER_INC,
                           choices.below(info.nlinks), name, sizeof name, H5P_DEFAULT) < 0) {
      break;
    }
    path += (path.size() > 1 ? "/" : "") + std::string(name);
    H5O_info_t object;
    if (H5Oget_info_by_name(file, path.c_str(), &object, H5P_DEFAULT) < 0 ||
        object.type != H5O_TYPE_GROUP) {
      break;
    }
  }
  return path;
}

void change_number(Choices& choices, hid_t file, const std::string& path) {
  const hid_t set = H5Dopen2(file, path.c_str(), H5P_DEFAULT);
  if (set < 0) return;
  const hid_t type = H5Dget_type(set), space = H5Dget_space(set);
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  if (count > 0 && count <= 4096) {
    fill(choices, type, static_cast<std::uint64_t>(count),
         [&](const void* values) { H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values); });
  }
  H5Sclose(space), H5Tclose(type), H5Dclose(set);
}

void change_attribute(Choices& choices, hid_t object) {
  H5O_info_t info;
  if (H5Oget_info(object, &info) < 0 || info.num_attrs == 0) return;
  const hid_t opened = H5Aopen_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC,
                                      choices.below(info.num_attrs), H5P_DEFAULT, H5P_DEFAULT);
  if (opened < 0) return;
  char name[256] = {};
  H5Aget_name(opened, sizeof name, name);
  if (choices.one_in(3)) {
    H5Aclose(opened);
    if (choices.one_in(2)) {
      H5Adelete(object, name);
    } else {
      put_attribute(choices, object, name);
    }
    return;
  }
  const hid_t type = H5Aget_type(opened), space = H5Aget_space(opened);
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  if (count > 0 && count <= 4096) {
    fill(choices, type, static_cast<std::uint64_t>(count),
         [&](const void* values) { H5Awrite(opened, type, values); });
  }
  H5Sclose(space), H5Tclose(type), H5Aclose(opened);
}

void stroke(Choices& choices, hid_t file) {
  const std::string path = walk(choices, file);
  const std::string name = name_of(choices);
  const hid_t object = H5Oopen(file, path.c_str(), H5P_DEFAULT);
  if (object < 0) return;
  const bool is_group = H5Iget_type(object) == H5I_GROUP;
  switch (choices.below(9)) {
    case 0:
      if (path != "/") H5Ldelete(file, path.c_str(), H5P_DEFAULT);
      break;
    case 1:
      if (path != "/") {  // another data set in its place
        H5Ldelete(file, path.c_str(), H5P_DEFAULT);
        put_dataset(choices, file, path);
      }
      break;
    case 2: change_number(choices, file, path); break;
    case 3: change_attribute(choices, object); break;
    case 4: put_attribute(choices, object, name); break;
    case 5:
      if (is_group) put_dataset(choices, object, name);
      break;
    case 6:
      if (is_group) {
        const hid_t made = H5Gcreate2(object, name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        if (made >= 0) H5Gclose(made);
      }
      break;
    case 7:
      if (is_group) {
        const std::string target = walk(choices, file);
        switch (choices.below(3)) {
          case 0:
            H5Lcreate_hard(file, target.c_str(), object, name.c_str(), H5P_DEFAULT, H5P_DEFAULT);
            break;
          case 1:
            H5Lcreate_soft(target.c_str(), object, name.c_str(), H5P_DEFAULT, H5P_DEFAULT);
            break;
          default:
            H5Lcreate_external("/dev/null", "/x", object, name.c_str(), H5P_DEFAULT, H5P_DEFAULT);
        }
      }
      break;
    default: H5Lmove(file, path.c_str(), object, name.c_str(), H5P_DEFAULT, H5P_DEFAULT);
  }
  H5Oclose(object);
}

void copy_attributes(hid_t from, hid_t to) {
  H5O_info_t info;
  H5Oget_info(from, &info);
  for (hsize_t i = 0; i < info.num_attrs; ++i) {
    const hid_t opened =
        H5Aopen_by_idx(from, ".", H5_INDEX_NAME, H5_ITER_INC, i, H5P_DEFAULT, H5P_DEFAULT);
    char name[256] = {};
    H5Aget_name(opened, sizeof name, name);
    const hid_t type = H5Aget_type(opened), space = H5Aget_space(opened);
    std::vector<char> value(H5Aget_storage_size(opened) + 1);
    H5Aread(opened, type, value.data());
    const hid_t made = H5Acreate2(to, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(made, type, value.data());
    H5Aclose(made), H5Sclose(space), H5Tclose(type), H5Aclose(opened);
  }
}

// Of images made here: groups and data sets of fixed-size elements.
void copy_group(hid_t from, hid_t to) {
  copy_attributes(from, to);
  H5G_info_t info;
  H5Gget_info(from, &info);
  for (hsize_t i = 0; i < info.nlinks; ++i) {
    char name[256] = {};
    H5Lget_name_by_idx(from, ".", H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name, H5P_DEFAULT);
    const hid_t object = H5Oopen(from, name, H5P_DEFAULT);
    if (H5Iget_type(object) == H5I_GROUP) {
      const hid_t made = H5Gcreate2(to, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
      copy_group(object, made);
      H5Gclose(made);
    } else {
      const hid_t type = H5Dget_type(object), space = H5Dget_space(object);
      const hid_t made = H5Dcreate2(to, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
      std::vector<char> value(H5Dget_storage_size(object) + 1);
      H5Dread(object, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value.data());
      H5Dwrite(made, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value.data());
      copy_attributes(object, made);
      H5Dclose(made), H5Sclose(space), H5Tclose(type);
    }
    H5Oclose(object);
  }
}

}  // namespace

io::Bytes in_old_layout(const io::Bytes& image) {
  const File from(image), to({});
  const hid_t source = H5Gopen2(from.id, "/", H5P_DEFAULT),
              target = H5Gopen2(to.id, "/", H5P_DEFAULT);
  copy_group(source, target);
  H5Gclose(target), H5Gclose(source);
  return to.image();
}

io::Bytes model_image() {
  models::NetworkSpec spec = models::make_arch("resnet20-cifar");
  spec.arch = "small";
  spec.height = spec.width = 8;
  spec.classes = 3;
  spec.blocks.erase(spec.blocks.begin() + 1, spec.blocks.end());
  models::Network network(spec, Dtype::f32);
  network.initialize(7);
  train::ModelFile file;
  file.normalization.mean = {0.5, 0.25, 0.125};
  file.normalization.stddev = {0.2, 0.3, 0.4};
  file.class_names = {"cat", "dog", "ship"};
  file.data_uri = "synth:shapes";
  file.curves.epoch = {1, 2};
  file.curves.train_loss = {1.5, 1.25};
  train::TrainingState state;
  state.epoch = 1;
  state.batch = 128;
  file.training = state;
  return train::save_model(network, file, false);
}

io::Bytes keras_image(bool numbered) {
  const auto ramp = [](const Shape& shape) {
    return Tensor::zeros(shape, Dtype::f32, Tag::parameter);
  };
  if (!numbered) {
    std::vector<io::KerasLayer> layers(2);
    layers[0] = {"conv1", {}};
    layers[0].weights.push_back({"kernel", "f32", ramp({3, 3, 1, 2})});
    layers[0].weights.push_back({"bias", "f32", ramp({2})});
    layers[1] = {"bn", {}};
    for (const char* name : {"gamma", "beta", "moving_mean", "moving_variance"}) {
      layers[1].weights.push_back({name, "f32", ramp({2})});
    }
    return io::write_keras(layers, "{}").image();
  }
  io::H5 file = io::H5::create();
  for (const char* layer : {"conv2d", "batch_normalization", "functional/layers/dense"}) {
    const std::string vars = "layers/" + std::string(layer) + "/vars";
    for (const char* index : {"0", "1"}) file.write(vars + "/" + index, ramp({2, 2}));
    file.set(vars, "name", layer);
  }
  return file.image();
}

io::Bytes hostile_image(Choices& choices) {
  static const io::Bytes starts[] = {model_image(),
                                     keras_image(false),
                                     keras_image(true),
                                     {},
                                     in_old_layout(keras_image(false)),
                                     in_old_layout(model_image())};
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  const io::Bytes& start = choices.of(starts);
  io::Bytes image;
  {
    const File file(start);
    for (int i = 0; i < 24 && !choices.done(); ++i) stroke(choices, file.id);
    image = file.image();
  }
  H5Eclear2(H5E_DEFAULT);
  return image;
}

}  // namespace rn::fuzz
