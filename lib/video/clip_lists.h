// The lists that split UCF101 and HMDB51, as their authors hand them out.
#pragma once

#include <string>
#include <vector>

namespace rn::video {

struct ListedClip {
  std::string name;   // below the folder of clips: "Biking/v_Biking_g01_c01.avi"
  std::string label;  // the class by its name
  bool test = false;
};

struct ListedClips {
  std::vector<std::string> class_names;  // by number
  std::vector<ListedClip> clips;         // in the order of the lists
};

// Split `number` of the clips in `folder`, whose lists are in `lists`; where that is empty, in
// `folder` or a folder in it. Errors (input): no lists of either kind, or none of this number; a
// line that is none.
ListedClips read_split_lists(const std::string& folder, const std::string& lists, int number);

}  // namespace rn::video
