// Clips with classes and splits: what is trained and evaluated on.
#pragma once

#include <string>
#include <vector>

#include "data/source.h"

namespace rn::video {

struct SetClip {
  std::string path;        // as it can be opened; nobody has looked whether it can
  std::string name;        // below its folder or list: its flow is FLOW/NAME.h5
  std::int32_t label = 0;  // place in class_names
};

struct ClipSet {
  std::string uri;
  std::vector<std::string> class_names;  // the same for all splits
  std::vector<SetClip> clips;            // of one split
};

// "clips:WHERE", where WHERE is
// - a folder of classes, WHERE/CLASS/..., or one of splits, WHERE/train/CLASS/... beside
//   WHERE/test/...: classes and clips in byte order of their names;
// - a folder of clips with lists that split them, after a question mark: split=1 (2, 3), and
//   lists=DIR where they are not in WHERE or a folder below it. Those of UCF101 (trainlist01.txt,
//   testlist01.txt, classInd.txt) and of HMDB51 (CLASS_test_split1.txt, 1 to train, 2 to test);
// - a CSV file of rows path,label[,split], paths relative to its folder, a header or not. Classes
//   are in byte order, or in that of numbers where all are whole numbers.
// Errors: usage (no such URI), input (nothing there, no clips or none in this split, a list that is
// none, a class that is not in the index, two clips of one name).
ClipSet open_clips(const std::string& uri, data::Split split);

// The splits that it has, in the order train, val, test. Errors: as of open_clips.
std::vector<data::Split> clip_splits(const std::string& uri);

// One row of a CSV file: cells between commas (or tabs, in a .tsv), blanks around them cut; a cell
// in double quotes may hold any of these, and "" is a quote. Empty lines and those that begin with
// # are passed over. Errors (input): unreadable, no text, an open quote.
std::vector<std::vector<std::string>> read_csv(const std::string& path);

}  // namespace rn::video
