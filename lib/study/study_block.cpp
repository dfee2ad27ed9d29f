#include "study/study_block.h"

#include <algorithm>

#include "study/result_file.h"

namespace rn::study {

std::vector<StudyBlock> blocks_of(const models::NetworkSpec& spec) {
  std::vector<StudyBlock> blocks;
  for (const nn::BlockSpec& block : spec.blocks) {
    blocks.push_back({block.name, block.stage(), block.downsamples(),
                      block.preactivation == nn::Preactivation::shared});
  }
  return blocks;
}

bool any_shares_preactivation(const std::vector<StudyBlock>& blocks) {
  return std::any_of(blocks.begin(), blocks.end(),
                     [](const StudyBlock& b) { return b.shared_preactivation; });
}

void write_blocks(io::H5& file, const std::vector<StudyBlock>& blocks) {
  using B = StudyBlock;
  file.write_column("blocks/name", column<std::string>(blocks, [](const B& b) { return b.name; }));
  file.write_column("blocks/stage",
                    column<std::string>(blocks, [](const B& b) { return b.stage; }));
  file.write_column("blocks/downsampling",
                    column<std::int64_t>(blocks, [](const B& b) { return b.downsamples; }));
  file.write_column("blocks/shared_preactivation", column<std::int64_t>(blocks, [](const B& b) {
                      return b.shared_preactivation;
                    }));
}

std::vector<StudyBlock> read_blocks(const io::H5& file) {
  const ResultReader in(file);
  const auto names = file.read_strings("blocks/name");
  const std::size_t n = names.size();
  if (n == 0 || n > static_cast<std::size_t>(most_blocks)) {
    fail(ErrorKind::input, "{}: has {} blocks; expected 1 to {}", file.name(), n, most_blocks);
  }
  const auto stage = in.texts("blocks/stage", n);
  const auto down = in.ints("blocks/downsampling", n),
             shared = in.ints("blocks/shared_preactivation", n);
  std::vector<StudyBlock> blocks;
  for (std::size_t b = 0; b < n; ++b) {
    blocks.push_back({names[b], stage[b], down[b] != 0, shared[b] != 0});
  }
  return blocks;
}

}  // namespace rn::study
