#include "io/zip.h"

#include <zip.h>

#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "io/quoted.h"

namespace rn::io {
namespace {

constexpr std::int64_t max_entries = 1'000'000;
// What deflate can shrink at most, with something to spare.
constexpr std::uint64_t max_ratio = 1100;

std::string reason(zip_error_t& error) {
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return text;
}

}  // namespace

struct Zip::Impl {
  zip_t* archive = nullptr;
  std::unordered_map<std::string_view, std::size_t> index;  // into entries_
  std::unordered_set<std::string_view> twice;
  ~Impl() {
    if (archive) zip_discard(archive);
  }
};

Zip::Zip(std::span<const std::byte> archive, std::string name)
    : name_(std::move(name)), impl_(std::make_unique<Impl>()) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(archive.data(), archive.size(), 0, &error);
  if (source) impl_->archive = zip_open_from_source(source, ZIP_RDONLY, &error);
  if (!impl_->archive) {
    if (source) zip_source_free(source);
    fail(ErrorKind::input, "{}: a damaged zip archive ({}); copy it again", name_, reason(error));
  }
  zip_error_fini(&error);
  const std::int64_t count = zip_get_num_entries(impl_->archive, 0);
  if (count < 0 || count > max_entries) {
    fail(ErrorKind::input, "{}: a zip archive of {} entries; {} are the most", name_, count,
         max_entries);
  }
  for (std::int64_t i = 0; i < count; ++i) {
    const char* entry = zip_get_name(impl_->archive, static_cast<zip_uint64_t>(i), ZIP_FL_ENC_RAW);
    entries_.emplace_back(entry ? entry : "");
  }
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (!impl_->index.emplace(entries_[i], i).second) impl_->twice.insert(entries_[i]);
  }
}

Zip::~Zip() = default;

bool Zip::has(const std::string& entry) const { return impl_->index.contains(entry); }

Bytes Zip::read(const std::string& entry, std::uint64_t limit) const {
  const auto found = impl_->index.find(entry);
  if (found == impl_->index.end()) {
    fail(ErrorKind::input, "{}: the archive has no entry {}", name_, quoted(entry));
  }
  if (impl_->twice.contains(entry)) {
    fail(ErrorKind::input, "{}: the archive has entry {} twice", name_, quoted(entry));
  }
  const auto index = static_cast<zip_uint64_t>(found->second);
  zip_stat_t stat;
  zip_stat_init(&stat);
  constexpr zip_uint64_t needed = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
  if (zip_stat_index(impl_->archive, index, 0, &stat) != 0 || (stat.valid & needed) != needed) {
    fail(ErrorKind::input, "{}: {}: damaged entry of the archive", name_, quoted(entry));
  }
  const bool stored = stat.comp_method == ZIP_CM_STORE;
  const bool encrypted =
      (stat.valid & ZIP_STAT_ENCRYPTION_METHOD) && stat.encryption_method != ZIP_EM_NONE;
  if (encrypted || (!stored && stat.comp_method != ZIP_CM_DEFLATE)) {
    fail(ErrorKind::input, "{}: {} is {}; only stored and deflated entries are read", name_,
         quoted(entry), encrypted ? "encrypted" : "compressed in another way");
  }
  if (stat.size > limit) {
    fail(ErrorKind::input, "{}: {} claims {} bytes, more than the {} allowed here", name_,
         quoted(entry), stat.size, limit);
  }
  if (stored ? stat.size != stat.comp_size : stat.size / max_ratio > stat.comp_size) {
    fail(ErrorKind::input, "{}: {} claims {} bytes of {} in the archive; damaged?", name_,
         quoted(entry), stat.size, stat.comp_size);
  }
  zip_file_t* file = zip_fopen_index(impl_->archive, index, 0);
  if (!file) {
    fail(ErrorKind::input, "{}: cannot open {} ({})", name_, quoted(entry),
         zip_error_strerror(zip_get_error(impl_->archive)));
  }
  Bytes bytes(stat.size);
  std::size_t done = 0;
  zip_int64_t got = 1;
  while (done < bytes.size() && got > 0) {
    got = zip_fread(file, bytes.data() + done, bytes.size() - done);
    if (got > 0) done += static_cast<std::size_t>(got);
  }
  // Reading on to the end is what makes libzip compare the checksum.
  std::byte beyond{};
  const bool whole = done == bytes.size() && zip_fread(file, &beyond, 1) == 0;
  const std::string why = zip_error_strerror(zip_file_get_error(file));
  zip_fclose(file);
  if (!whole) {
    fail(ErrorKind::input, "{}: {} is damaged ({}); copy the file again", name_, quoted(entry),
         why);
  }
  return bytes;
}

}  // namespace rn::io
