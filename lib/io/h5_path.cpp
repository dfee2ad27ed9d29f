// Objects by path. Links are followed one by one, each looked at before: none leads out of the
// file.
#include <algorithm>

#include "io/h5_impl.h"

namespace rn::io {
namespace {

// A soft link may end in a link to another file, which libhdf5 would follow by itself.
herr_t stay(const char*, const char*, const char*, const char*, unsigned*, hid_t, void*) {
  return -1;
}

// Hands out the components of a path, "" at its end.
class Components {
 public:
  explicit Components(std::string_view path) : rest_(path) {}
  std::string next() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of('/'), rest_.size()));
    const std::string_view component = rest_.substr(0, rest_.find('/'));
    rest_.remove_prefix(component.size());
    return std::string(component);
  }

 private:
  std::string_view rest_;
};

}  // namespace

H5::Impl::Impl() : links(H5Pcreate(H5P_LINK_ACCESS), H5Pclose) {
  H5Pset_elink_cb(links.get(), stay, nullptr);
}

H5::Impl::~Impl() {
  if (file >= 0) H5Fclose(file);
}

Handle H5::Impl::find(const std::string& path) const {
  silence_hdf5();
  if (path.empty()) return {-1, H5Oclose};
  const auto damaged = [&] {
    fail(ErrorKind::input, "{}: cannot open {}{}", name, quoted(path), hdf5_reason());
  };
  Handle at(H5Oopen(file, "/", H5P_DEFAULT), H5Oclose);
  if (!at.ok()) damaged();
  Components components(path);
  for (std::string next = components.next(); !next.empty(); next = components.next()) {
    if (H5Iget_type(at.get()) != H5I_GROUP || next == ".") return {-1, H5Oclose};
    const htri_t there = H5Lexists(at.get(), next.c_str(), links.get());
    if (there == 0) return {-1, H5Oclose};
    H5L_info_t link;
    if (there < 0 || H5Lget_info(at.get(), next.c_str(), &link, links.get()) < 0) damaged();
    if (link.type != H5L_TYPE_HARD && link.type != H5L_TYPE_SOFT) return {-1, H5Oclose};
    Handle object(H5Oopen(at.get(), next.c_str(), links.get()), H5Oclose);
    if (!object.ok()) {
      // A soft link may lead to nowhere, a hard one not.
      if (link.type == H5L_TYPE_HARD) damaged();
      H5Eclear2(H5E_DEFAULT);
      return object;
    }
    at = std::move(object);
  }
  return at;
}

bool H5::Impl::has(const std::string& path) const { return find(path).ok(); }

Handle H5::Impl::open_object(const std::string& path) const {
  Handle object = find(path);
  if (!object.ok()) fail(ErrorKind::input, "{}: has no {}", name, quoted(path));
  return object;
}

void H5::Impl::make_groups(const std::string& path) const {
  // Component by component: groups that libhdf5 makes on the way would carry time stamps.
  const Handle gcpl(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
  H5Pset_obj_track_times(gcpl.get(), false);
  Components components(path);
  std::string prefix;
  for (std::string next = components.next(); !next.empty(); next = components.next()) {
    prefix += (prefix.empty() ? "" : "/") + next;
    if (has(prefix)) continue;
    const Handle group(H5Gcreate2(file, prefix.c_str(), H5P_DEFAULT, gcpl.get(), H5P_DEFAULT),
                       H5Gclose);
    if (!group.ok()) {
      fail(ErrorKind::failed, "{}: cannot make group {}{}", name, quoted(prefix), hdf5_reason());
    }
  }
}

void H5::Impl::make_parents(const std::string& path) const {
  const std::size_t slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0) make_groups(path.substr(0, slash));
}

bool H5::has(const std::string& path) const { return impl_->has(path); }

bool H5::is_group(const std::string& path) const {
  const Handle object = impl_->find(path);
  return object.ok() && H5Iget_type(object.get()) == H5I_GROUP;
}

bool H5::is_dataset(const std::string& path) const {
  const Handle object = impl_->find(path);
  return object.ok() && H5Iget_type(object.get()) == H5I_DATASET;
}

std::uint64_t H5::address(const std::string& path) const {
  const Handle object = impl_->open_object(path);
  hobj_ref_t reference = 0;
  if (H5Rcreate(&reference, object.get(), ".", H5R_OBJECT, -1) < 0) {
    fail(ErrorKind::input, "{}: cannot tell where {} lies{}", name(), quoted(path), hdf5_reason());
  }
  return reference;
}

std::vector<std::string> H5::list(const std::string& group) const {
  const Handle object = impl_->open_object(group);
  std::vector<std::string> names;
  const auto collect = [](hid_t, const char* name, const H5L_info_t*, void* out) -> herr_t {
    static_cast<std::vector<std::string>*>(out)->emplace_back(name);
    return 0;
  };
  if (H5Iget_type(object.get()) != H5I_GROUP ||
      H5Literate(object.get(), H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, collect, &names) < 0) {
    fail(ErrorKind::input, "{}: cannot list {}{}", name(), quoted(group), hdf5_reason());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace rn::io
