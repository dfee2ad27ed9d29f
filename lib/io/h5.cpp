#include "io/h5.h"

#include <algorithm>
#include <atomic>
#include <functional>

#include "io/file.h"
#include "io/h5_impl.h"

namespace rn::io {
namespace {

// Written is version 1.8's format: metadata carries checksums, attributes may be long, and every
// tool of the last fifteen years reads it. Read is whatever libhdf5 knows.
Handle access_list(bool writing) {
  Handle fapl(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  if (writing) H5Pset_libver_bounds(fapl.get(), H5F_LIBVER_V18, H5F_LIBVER_V18);
  H5Pset_fapl_core(fapl.get(), std::size_t{1} << 20, false);
  return fapl;
}

// No file has this name: there is no backing store. Each image has a name of its own, since libhdf5
// takes two files of one name for one file.
std::string image_name() {
  static std::atomic<std::uint64_t> serial{0};
  return fmt::format("image {}", serial++);
}

// libhdf5 wants to copy a file image twice; these make it use ours in place, which a file opened
// for reading allows.
void* lend(std::size_t, H5FD_file_image_op_t, void* image) { return image; }
void* keep(void* to, const void*, std::size_t, H5FD_file_image_op_t, void*) { return to; }
void* refuse(void*, std::size_t, H5FD_file_image_op_t, void*) { return nullptr; }
herr_t leave(void*, H5FD_file_image_op_t, void*) { return 0; }
void* same(void* image) { return image; }
herr_t forget(void*) { return 0; }

}  // namespace

void silence_hdf5() {
  thread_local const herr_t done = H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  (void)done;
}

std::string hdf5_reason() {
  std::string reason;
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_UPWARD,
      [](unsigned n, const H5E_error2_t* error, void* out) -> herr_t {
        if (n == 0 && error->desc) *static_cast<std::string*>(out) = error->desc;
        return 0;
      },
      &reason);
  H5Eclear2(H5E_DEFAULT);
  const bool ugly = reason.empty() || reason.find('\n') != std::string::npos;
  return ugly ? std::string() : fmt::format(" ({})", reason);
}

std::string quoted(std::string_view name) {
  std::string text = "'";
  for (const char c : name.substr(0, 200)) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x20 || u == 0x7f) {
      text += fmt::format("\\x{:02x}", u);
    } else {
      text += c;
    }
  }
  return text + (name.size() > 200 ? "...'" : "'");
}

H5::H5(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
H5::H5(H5&&) noexcept = default;
H5& H5::operator=(H5&&) noexcept = default;
H5::~H5() = default;

H5 H5::create() {
  silence_hdf5();
  auto impl = std::make_unique<Impl>();
  impl->name = "new file";
  impl->writable = true;
  const Handle fapl = access_list(true);
  const Handle fcpl(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  H5Pset_obj_track_times(fcpl.get(), false);
  impl->file = H5Fcreate(image_name().c_str(), H5F_ACC_TRUNC, fcpl.get(), fapl.get());
  if (impl->file < 0) fail(ErrorKind::failed, "cannot make an HDF5 image{}", hdf5_reason());
  return H5(std::move(impl));
}

H5 H5::open(const std::string& path, std::string_view expected) {
  return open_image(read_file(path), path == "-" ? "stdin" : path, expected);
}

H5 H5::open_image(Bytes image, std::string name, std::string_view expected) {
  silence_hdf5();
  check_image(image, image.size(), name, expected);
  auto impl = std::make_unique<Impl>();
  impl->name = std::move(name);
  impl->bytes = std::move(image);
  impl->size = impl->bytes.size();
  const Handle fapl = access_list(false);
  H5FD_file_image_callbacks_t callbacks{
      lend, keep, refuse, leave, same, forget, impl->bytes.data()};
  H5Pset_file_image_callbacks(fapl.get(), &callbacks);
  H5Pset_file_image(fapl.get(), impl->bytes.data(), impl->bytes.size());
  impl->file = H5Fopen(image_name().c_str(), H5F_ACC_RDONLY, fapl.get());
  if (impl->file < 0) {
    fail(ErrorKind::input, "{}: a damaged HDF5 file{}; make or copy it again", impl->name,
         hdf5_reason());
  }
  return H5(std::move(impl));
}

const std::string& H5::name() const { return impl_->name; }

Bytes H5::image() const {
  silence_hdf5();
  // The second time gives back space that the first kept in reserve: further images are equal.
  for (int i = 0; impl_->writable && i < 2; ++i) {
    if (H5Fflush(impl_->file, H5F_SCOPE_GLOBAL) < 0) {
      fail(ErrorKind::failed, "cannot finish an HDF5 image{}", hdf5_reason());
    }
  }
  const ssize_t size = H5Fget_file_image(impl_->file, nullptr, 0);
  if (size < 0) fail(ErrorKind::failed, "cannot size an HDF5 image{}", hdf5_reason());
  Bytes bytes(static_cast<std::size_t>(size));
  if (H5Fget_file_image(impl_->file, bytes.data(), bytes.size()) != size) {
    fail(ErrorKind::failed, "cannot take an HDF5 image{}", hdf5_reason());
  }
  if (impl_->writable) settle_superblock(bytes);
  return bytes;
}

void H5::Impl::check_writable(const std::string& path) const {
  silence_hdf5();
  require(writable, "{}: is open for reading; cannot write {}", name, quoted(path));
}

}  // namespace rn::io
