// What is done to sound HDF5 images, stroke by stroke.
#include <functional>
#include <iterator>
#include <vector>

#include "fuzz/h5_images.h"

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
                             "sha256",
                             "shard",
                             "shards",
                             "first",
                             "total",
                             "source_sha256",
                             "train",
                             "test",
                             "lesions",
                             "index",
                             "paths",
                             "block",
                             "study",
                             "class_errors",
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
  const hsize_t count = count_attributes(object);
  if (count == 0) return;
  const hid_t opened = H5Aopen_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC, choices.below(count),
                                      H5P_DEFAULT, H5P_DEFAULT);
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
  const hssize_t elements = H5Sget_simple_extent_npoints(space);
  if (elements > 0 && elements <= 4096) {
    fill(choices, type, static_cast<std::uint64_t>(elements),
         [&](const void* values) { H5Awrite(opened, type, values); });
  }
  H5Sclose(space), H5Tclose(type), H5Aclose(opened);
}

// Links to somewhere, perhaps upwards: several make a tree that is deeper and wider than its file.
void put_links(Choices& choices, hid_t file, hid_t group, const std::string& name) {
  const std::string target = walk(choices, file);
  const std::size_t kind = choices.below(3);
  const std::size_t more = choices.one_in(4) ? choices.below(40) : 0;
  for (std::size_t i = 0; i <= more; ++i) {
    const std::string link = i == 0 ? name : name + std::to_string(i);
    if (kind == 0) {
      H5Lcreate_hard(file, target.c_str(), group, link.c_str(), H5P_DEFAULT, H5P_DEFAULT);
    } else if (kind == 1) {
      H5Lcreate_soft(target.c_str(), group, link.c_str(), H5P_DEFAULT, H5P_DEFAULT);
    } else {
      H5Lcreate_external("/dev/null", "/x", group, link.c_str(), H5P_DEFAULT, H5P_DEFAULT);
    }
  }
}

}  // namespace

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
    const hid_t object = H5Oopen(file, path.c_str(), H5P_DEFAULT);
    const bool is_group = object >= 0 && H5Iget_type(object) == H5I_GROUP;
    if (object >= 0) H5Oclose(object);
    if (!is_group) break;
  }
  return path;
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
      if (is_group) put_links(choices, file, object, name);
      break;
    default: H5Lmove(file, path.c_str(), object, name.c_str(), H5P_DEFAULT, H5P_DEFAULT);
  }
  H5Oclose(object);
}

io::Bytes hostile_image(Choices& choices) {
  static const io::Bytes starts[] = {model_image(),
                                     keras_image(false),
                                     keras_image(true),
                                     {},
                                     in_old_layout(keras_image(false)),
                                     in_old_layout(model_image()),
                                     data_image(),
                                     lesion_image(),
                                     in_old_layout(data_image()),
                                     in_old_layout(lesion_image()),
                                     shard_image(0),
                                     in_old_layout(shard_image(0)),
                                     chunked_image()};
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
