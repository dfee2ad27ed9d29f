// HDF5 where it lies: files opened in their place, and the addresses of rows in them.
#include <algorithm>

#include "io/h5_impl.h"
#include "io/rows.h"

namespace rn::io {
namespace {

constexpr std::uint64_t head_bytes = std::uint64_t{1} << 20;  // looked at before libhdf5 is
// libhdf5 1.10 looks for the n-th chunk from the first one on.
constexpr std::uint64_t most_chunks = std::uint64_t{1} << 15;

// The addresses of the chunks of a data set of whole rows, in the order of its rows. Nothing, and
// `why`, where they are of another kind. Errors (input): damaged.
std::vector<std::uint64_t> chunks_of(const H5::Impl& impl, const Handle& dataset,
                                     const std::string& path, const Shape& shape,
                                     std::int64_t per_chunk, std::uint64_t row_bytes,
                                     std::string& why) {
  const auto damaged = [&](const std::string& what) {
    fail(ErrorKind::input, "{}: {}: {}{}; damaged? make or copy it again", impl.name, quoted(path),
         what, hdf5_reason());
  };
  const auto rows = static_cast<std::uint64_t>(shape[0]),
             each = static_cast<std::uint64_t>(per_chunk);
  const std::uint64_t wanted = (rows + each - 1) / each;
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(each, row_bytes, &bytes) || bytes > impl.size) {
    damaged("its chunks are larger than the file");
  }
  if (wanted > most_chunks) {
    why = fmt::format("lies in {} chunks, more than {}", wanted, most_chunks);
    return {};
  }
  const Handle space(H5Dget_space(dataset.get()), H5Sclose);
  hsize_t stored = 0;
  if (H5Dget_num_chunks(dataset.get(), space.get(), &stored) < 0 || stored != wanted) {
    damaged(fmt::format("{} of {} chunks are there", stored, wanted));
  }
  std::vector<std::uint64_t> at(wanted, HADDR_UNDEF);
  std::vector<hsize_t> offset(shape.size());
  for (hsize_t i = 0; i < stored; ++i) {
    unsigned mask = 0;
    haddr_t address = HADDR_UNDEF;
    hsize_t size = 0;
    if (H5Dget_chunk_info(dataset.get(), space.get(), i, offset.data(), &mask, &address, &size) <
        0) {
      damaged("a chunk cannot be found");
    }
    const std::uint64_t piece = offset[0] / each;
    const bool first_column =
        std::all_of(offset.begin() + 1, offset.end(), [](hsize_t x) { return x == 0; });
    if (size != bytes || address > impl.size || bytes > impl.size - address || piece >= wanted ||
        offset[0] % each != 0 || !first_column || at[piece] != HADDR_UNDEF) {
      damaged(fmt::format("chunk {} is not where it can be", i));
    }
    at[piece] = address;
  }
  return at;
}

}  // namespace

H5 H5::open_on_disk(const std::string& path, std::string_view expected) {
  silence_hdf5();
  auto impl = std::make_unique<Impl>();
  impl->name = path;
  impl->on_disk = std::make_shared<FileHandle>(path);
  impl->size = impl->on_disk->size();
  Bytes head(std::min(impl->size, head_bytes));
  if (const std::string wrong = impl->on_disk->read(0, head); !wrong.empty()) {
    fail(ErrorKind::input, "{}: its beginning {}", path, wrong);
  }
  check_image(head, impl->size, path, expected);
  const Handle fapl(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_fapl_sec2(fapl.get());
#if H5_VERSION_GE(1, 10, 7)
  H5Pset_file_locking(fapl.get(), false, true);  // readers take no lock
#endif
  impl->file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, fapl.get());
  if (impl->file < 0) {
    fail(ErrorKind::input, "{}: a damaged HDF5 file{}; make or copy it again", path, hdf5_reason());
  }
  void* descriptor = nullptr;
  if (H5Fget_vfd_handle(impl->file, H5P_DEFAULT, &descriptor) < 0 ||
      !impl->on_disk->same_as(*static_cast<int*>(descriptor))) {
    fail(ErrorKind::input, "{}: was replaced while it was being opened; try again", path);
  }
  return H5(std::move(impl));
}

std::optional<RowsOnDisk> H5::rows_on_disk(const std::string& path, std::string& why) const {
  const Shape shape = this->shape(path);
  const Handle dataset = impl_->open_dataset(path);
  const Handle dcpl(H5Dget_create_plist(dataset.get()), H5Pclose);
  const Handle type(H5Dget_type(dataset.get()), H5Tclose);
  const auto unsuited = [&](std::string reason) {
    why = std::move(reason);
    return std::nullopt;
  };
  if (!impl_->on_disk) return unsuited("is in no file that could be read again");
  if (shape.empty() || H5Tequal(type.get(), H5T_STD_U8LE) <= 0) return unsuited("is not uint8");
  std::uint64_t row_bytes = 1, total = 0;
  bool fits = true;
  for (std::size_t i = 1; i < shape.size(); ++i) {
    fits = fits &&
           !__builtin_mul_overflow(row_bytes, static_cast<std::uint64_t>(shape[i]), &row_bytes);
  }
  fits = fits && row_bytes > 0 &&
         !__builtin_mul_overflow(row_bytes, static_cast<std::uint64_t>(shape[0]), &total);
  if (!fits) return unsuited(fmt::format("has rows of {} bytes", rn::to_string(shape)));
  std::vector<std::uint64_t> pieces;
  std::int64_t per_piece = std::max<std::int64_t>(shape[0], 1);
  if (H5Pget_nfilters(dcpl.get()) > 0) return unsuited("is compressed");
  const H5D_layout_t layout = H5Pget_layout(dcpl.get());
  if (layout == H5D_CONTIGUOUS) {
    const haddr_t at = H5Dget_offset(dataset.get());
    H5Eclear2(H5E_DEFAULT);
    if (total > 0 && (at == HADDR_UNDEF || at > impl_->size || total > impl_->size - at)) {
      fail(ErrorKind::input,
           "{}: {} lies beyond the end of the file; damaged? make or copy it again", name(),
           quoted(path));
    }
    pieces.push_back(at);
  } else if (layout == H5D_CHUNKED) {
    std::vector<hsize_t> chunk(shape.size());
    const int rank = H5Pget_chunk(dcpl.get(), static_cast<int>(chunk.size()), chunk.data());
    bool whole = rank == static_cast<int>(shape.size()) && chunk[0] > 0;
    for (std::size_t i = 1; i < shape.size(); ++i) {
      whole = whole && chunk[i] == static_cast<hsize_t>(shape[i]);
    }
    if (!whole) return unsuited("is cut into chunks across its images");
    const Handle fcpl(H5Fget_create_plist(impl_->file), H5Pclose);
    hsize_t before = 0;
    // What libhdf5 1.10 says of chunks' addresses does not count it.
    if (H5Pget_userblock(fcpl.get(), &before) < 0 || before > 0) {
      return unsuited("stands behind a user block");
    }
    per_piece = static_cast<std::int64_t>(std::min<hsize_t>(chunk[0], hsize_t{1} << 32));
    pieces = chunks_of(*impl_, dataset, path, shape, per_piece, row_bytes, why);
    if (!why.empty()) return std::nullopt;
  } else {
    return unsuited("is stored in the file's own records");
  }
  return RowsOnDisk(impl_->on_disk, std::move(pieces), shape[0], per_piece, row_bytes);
}

RowsOnDisk::RowsOnDisk(std::shared_ptr<const FileHandle> file, std::vector<std::uint64_t> pieces,
                       std::int64_t rows, std::int64_t per_piece, std::uint64_t row_bytes)
    : file_(std::move(file)),
      pieces_(std::move(pieces)),
      rows_(rows),
      per_piece_(per_piece),
      row_bytes_(row_bytes) {
  file_->at_random();
}

std::uint64_t RowsOnDisk::address(std::int64_t row) const {
  require(row >= 0 && row < rows_, "RowsOnDisk: row {} of {}", row, rows_);
  return pieces_[static_cast<std::size_t>(row / per_piece_)] +
         static_cast<std::uint64_t>(row % per_piece_) * row_bytes_;
}

std::string RowsOnDisk::read(std::int64_t row, std::span<std::byte> out) const {
  const std::uint64_t at = address(row);
  require(out.size() == row_bytes_, "RowsOnDisk: a row of {} bytes into {}", row_bytes_,
          out.size());
  return file_->read(at, out);
}

void RowsOnDisk::will_need(std::int64_t row) const { file_->will_need(address(row), row_bytes_); }

}  // namespace rn::io
