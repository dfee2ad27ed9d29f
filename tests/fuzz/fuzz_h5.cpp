// HDF5 by structure: valid images with hostile names, types, shapes, links and attributes.
#include "fuzz/h5_images.h"
#include "fuzz/h5_readers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  rn::fuzz::Choices choices(data, size);
  const rn::io::Bytes image = rn::fuzz::hostile_image(choices);
  if (!image.empty()) rn::fuzz::read_everything(image);
  return 0;
}
