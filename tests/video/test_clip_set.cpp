#include <filesystem>

#include "io/file.h"
#include "support/catch.h"
#include "support/files.h"
#include "video/clip_set.h"
#include "video/clips.h"

using namespace rn;
using namespace rn::video;
using data::Split;

namespace {

void put(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  io::write_file(path, std::as_bytes(std::span(text)));
}

std::string said(const std::string& uri, Split split = Split::train) {
  try {
    open_clips(uri, split);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("clips in folders of classes, with and without splits", "[video]") {
  const test::TempDir dir;
  for (const char* name : {"b/2.avi", "b/1.avi", "a/deep/x.mp4", "a/readme.txt"}) {
    put(dir / "plain/" + name, "-");
  }
  const ClipSet plain = open_clips("clips:" + (dir / "plain"), Split::train);
  CHECK(plain.class_names == std::vector<std::string>{"a", "b"});
  REQUIRE(plain.clips.size() == 3);
  CHECK(plain.clips[0].name == "a/deep/x.mp4");
  CHECK(plain.clips[1].name == "b/1.avi");
  CHECK(plain.clips[1].label == 1);
  CHECK(plain.clips[1].path == (dir / "plain/b/1.avi"));
  CHECK(clip_splits("clips:" + (dir / "plain")) == std::vector<Split>{Split::train});
  CHECK(said("clips:" + (dir / "plain"), Split::test).find("'test'") != std::string::npos);

  for (const char* name : {"train/walk/1.avi", "train/run/1.avi", "test/walk/1.avi"}) {
    put(dir / "split/" + name, "-");
  }
  const ClipSet test = open_clips("clips:" + (dir / "split"), Split::test);
  CHECK(test.class_names == std::vector<std::string>{"run", "walk"});  // of all splits
  REQUIRE(test.clips.size() == 1);
  CHECK(test.clips[0].name == "test/walk/1.avi");  // as video-flow names it
  CHECK(test.clips[0].label == 1);

  put(dir / "flat/1.avi", "-");
  CHECK(said("clips:" + (dir / "flat")).find("no folder that says its class") != std::string::npos);
  CHECK(said("clips:" + (dir / "none")).find("no such folder") != std::string::npos);
  CHECK(said("folder:x").find("expected clips:WHERE") != std::string::npos);
  CHECK(said("clips:" + (dir / "split") + "?spilt=1").find("spilt=1") != std::string::npos);
}

TEST_CASE("the split lists of UCF101", "[video]") {
  const test::TempDir dir;
  const std::string at = dir / "ucf";
  put(at + "/lists/classInd.txt", "1 Biking\r\n2 Apply Eye\r\n3 Never\r\n");
  put(at + "/lists/trainlist01.txt", "Biking/v_1.avi 1\r\nApply Eye/v 2.avi 2\r\n\r\n");
  put(at + "/lists/testlist01.txt", "Apply Eye/v_3.avi\r\n");
  const std::string uri = "clips:" + at + "?split=1";
  const ClipSet train = open_clips(uri, Split::train), test = open_clips(uri, Split::test);
  CHECK(train.class_names == std::vector<std::string>{"Biking", "Apply Eye", "Never"});
  REQUIRE(train.clips.size() == 2);
  CHECK(train.clips[1].name == "Apply Eye/v 2.avi");
  CHECK(train.clips[1].label == 1);
  REQUIRE(test.clips.size() == 1);  // named, though it is not there
  CHECK(test.clips[0].label == 1);
  CHECK(test.clips[0].path == at + "/Apply Eye/v_3.avi");

  // Without the index the numbers of the training list are it.
  std::filesystem::remove(at + "/lists/classInd.txt");
  CHECK(open_clips(uri, Split::test).class_names ==
        std::vector<std::string>{"Biking", "Apply Eye"});
  put(at + "/lists/testlist01.txt", "Unknown/v_3.avi\n");
  CHECK(said(uri).find("'Unknown'") != std::string::npos);
  put(at + "/lists/trainlist01.txt", "Biking/v_1.avi 1\nBiking/v_2.avi 2\nApply Eye/v.avi 2\n");
  CHECK(said(uri).find("is of class 2") != std::string::npos);
  CHECK(said("clips:" + at + "?split=2").find("trainlist02.txt") != std::string::npos);
  put(at + "/lists/trainlist01.txt", "v_1.avi 1\n");
  CHECK(said(uri).find("is no CLASS/CLIP") != std::string::npos);
}

TEST_CASE("the split lists of HMDB51", "[video]") {
  const test::TempDir dir;
  const std::string at = dir / "hmdb", lists = dir / "splits";
  put(at + "/wave/a.avi", "-");
  put(lists + "/wave_test_split1.txt", "a.avi 1 \nb#1 (x).avi 2 \nc.avi 0 \n");
  put(lists + "/brush_hair_test_split1.txt", "#d.avi 2 \n");
  const std::string uri = "clips:" + at + "?split=1&lists=" + lists;
  const ClipSet train = open_clips(uri, Split::train), test = open_clips(uri, Split::test);
  CHECK(train.class_names == std::vector<std::string>{"brush_hair", "wave"});
  REQUIRE(train.clips.size() == 1);
  CHECK(train.clips[0].label == 1);
  REQUIRE(test.clips.size() == 2);
  CHECK(test.clips[0].name == "brush_hair/#d.avi");
  CHECK(test.clips[1].name == "wave/b#1 (x).avi");
  put(lists + "/wave_test_split1.txt", "a.avi 3\n");
  CHECK(said(uri).find("0, 1 or 2") != std::string::npos);
  CHECK(said("clips:" + at + "?split=1").find("no split lists") != std::string::npos);
}

TEST_CASE("clips of a CSV file", "[video]") {
  const test::TempDir dir;
  const std::string list = dir / "list.csv", uri = "clips:" + list;
  put(list,
      "path,label,split\n\"a, b.avi\",10,train\n# none\nsub/c.avi, 9 ,test\n/x/d.avi,9,val\n");
  const ClipSet test = open_clips(uri, Split::test);
  CHECK(test.class_names == std::vector<std::string>{"9", "10"});  // as numbers
  REQUIRE(test.clips.size() == 1);
  CHECK(test.clips[0].label == 0);
  CHECK(test.clips[0].path == (dir / "sub/c.avi"));
  CHECK(open_clips(uri, Split::train).clips[0].name == "a, b.avi");
  CHECK(open_clips(uri, Split::val).clips[0].name == "d.avi");
  CHECK(clip_splits(uri).size() == 3);
  const auto clips = find_clips({list});  // for video-flow
  REQUIRE(clips.size() == 3);
  CHECK(clips[0].name == "a, b.avi");
  put(list, "a.avi,x\nb.avi,y\n");
  CHECK(open_clips(uri, Split::train).clips.size() == 2);
  put(list, "a.avi,x\na.avi,y\n");
  CHECK(said(uri).find("named twice") != std::string::npos);
  put(list, "a.avi\n");
  CHECK(said(uri).find("path,label") != std::string::npos);
  put(list, "a.avi,x,tset\n");
  CHECK(said(uri).find("split 'tset'") != std::string::npos);
  put(list, "\"a.avi,x\n");
  CHECK(said(uri).find("open quote") != std::string::npos);
  put(list, "");
  CHECK(said(uri).find("no clips") != std::string::npos);
}
