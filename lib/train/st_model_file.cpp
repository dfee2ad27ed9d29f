#include "train/st_model_file.h"

namespace rn::train {

io::Bytes save_st_model(const models::StNetwork&, const StModelFile&, bool) {
  fail(ErrorKind::usage, "save_st_model is not there yet");
}
LoadedStModel load_st_model(const std::string&, std::optional<Dtype>, Device) {
  fail(ErrorKind::usage, "load_st_model is not there yet");
}
LoadedStModel load_st_model(const io::H5&, std::optional<Dtype>, Device) {
  fail(ErrorKind::usage, "load_st_model is not there yet");
}
StModelFile read_st_model_file(const io::H5&) {
  fail(ErrorKind::usage, "read_st_model_file is not there yet");
}
bool is_st_model(const io::H5&) { return false; }

}  // namespace rn::train
