// Which clips are meant: files, folders of them, lists.
#pragma once

#include <string>
#include <vector>

namespace rn::video {

struct ClipName {
  std::string path;  // as it can be opened
  std::string name;  // below its folder or list: "boxing/person01.avi"; never leads out of a folder
};

// A clip's name for results: as it was given where that stays below its folder, else the file's
// alone.
std::string name_of_clip(const std::string& given);

bool is_list(const std::string& path);  // by its suffix: .txt, .lst, .list, .csv, .tsv
bool is_folder(const std::string& path);

// The clips of a folder and of those in it (by their suffixes), in byte order of their names; of a
// list, one a line, relative to the list's folder, also with a number behind it as in the split
// lists of UCF101, or the first column of a CSV file; or the file itself. Errors (input): nothing
// there, no clip, two clips of one name.
std::vector<ClipName> find_clips(const std::vector<std::string>& inputs);

}  // namespace rn::video
