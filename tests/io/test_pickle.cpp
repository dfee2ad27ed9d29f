#include "io/pickle.h"
#include "io/weight_files.h"
#include "support/catch.h"
#include "support/files.h"

using namespace rn;
using namespace rn::io;
using namespace rn::test;
using namespace std::literals;
using Kind = Pickle::Kind;

namespace {

// Keeps the bytes that the pickle points into.
struct Read {
  Bytes bytes;
  Pickle pickle;
  explicit Read(const std::string& text) : bytes(as_bytes(text)), pickle(bytes, "m.pt") {}
  const Pickle::Value* operator->() const { return &pickle.root(); }
  const Pickle::Value& item(std::size_t i) const { return pickle[pickle.root().items.at(i)]; }
};

std::string refused(const std::string& text) {
  const std::string message = error_of(ErrorKind::input, [&] { Read{text}; });
  CHECK(contains(message, "m.pt: byte "));
  return message;
}

}  // namespace

TEST_CASE("pickle: numbers of every protocol") {
  CHECK(Read("N.")->kind == Kind::none);
  CHECK(Read("\x88.")->integer == 1);
  CHECK(Read("I01\n.")->kind == Kind::boolean);
  CHECK(Read("I-42\n.")->integer == -42);
  CHECK(Read("L-42L\n.")->integer == -42);
  CHECK(Read("L123456789012345678901234567890L\n.")->kind == Kind::big);
  CHECK(Read("K\xff.")->integer == 255);
  CHECK(Read("M\xff\xff.")->integer == 65535);
  CHECK(Read("J\xff\xff\xff\xff.")->integer == -1);
  CHECK(Read("\x8a\x00."s)->integer == 0);
  CHECK(Read("\x8a\x01\x80.")->integer == -128);
  CHECK(Read("\x8a\x02\xff\x00."s)->integer == 255);
  CHECK(Read("\x8b\x01\x00\x00\x00\x7f."s)->integer == 127);
  CHECK(Read("\x8a\x09" + std::string(9, '\1') + ".")->kind == Kind::big);
  CHECK(Read("F-1.5\n.")->real == -1.5);
  CHECK(Read("G\x3f\xf8\0\0\0\0\0\0."s)->real == 1.5);
  CHECK(contains(refused("Ix\n."), "no number: 'x'"));
  CHECK(contains(refused("F1,5\n."), "no number"));
}

TEST_CASE("pickle: text and bytes of every protocol") {
  CHECK(Read("S'a\\'\\n\\x41'\n.")->text == "a'\nA");
  CHECK(Read("S\"plain\"\n.")->text == "plain");
  CHECK(Read("T\3\0\0\0abc."s)->text == "abc");
  CHECK(Read("U\3abc.")->text == "abc");
  CHECK(Read("Vabc\n.")->text == "abc");
  CHECK(Read("X\3\0\0\0abc."s)->text == "abc");
  CHECK(Read("\x8c\3abc.")->text == "abc");
  CHECK(Read("\x8d\3\0\0\0\0\0\0\0abc."s)->text == "abc");
  CHECK(Read("C\3abc.")->kind == Kind::bytes);
  CHECK(Read("B\3\0\0\0abc."s)->kind == Kind::bytes);
  CHECK(Read("\x8e\3\0\0\0\0\0\0\0abc."s)->text == "abc");
  CHECK(Read("\x96\3\0\0\0\0\0\0\0abc."s)->text == "abc");
  CHECK(contains(refused("Sabc\n."), "without quotes"));
  CHECK(contains(refused("S'abc\\'\n."), "ends inside"));
  CHECK(contains(refused("S'\\xg0'\n."), "broken escape"));
  CHECK(contains(refused("S'\n."), "without quotes"));
}

TEST_CASE("pickle: containers") {
  const Read list("(lI1\na(I2\nI3\ne.");
  REQUIRE(list->items.size() == 3);
  CHECK(list.item(2).integer == 3);
  CHECK(Read("(I1\nI2\nl.")->items.size() == 2);
  CHECK(Read(").")->kind == Kind::tuple);
  CHECK(Read("K\1K\2\x86.")->items.size() == 2);
  CHECK(Read("K\1K\2K\3\x87.")->items.size() == 3);
  CHECK(Read("K\1\x85.")->items.size() == 1);
  CHECK(Read("\x8f(K\1K\2\x90.")->items.size() == 2);
  CHECK(Read("(K\1\x91.")->kind == Kind::set);
  const Read dict("}U\1aK\1s(U\1bK\2U\1aK\3u.");
  CHECK(dict.pickle.find(*dict.operator->(), "a")->integer == 3);  // the last one, as in Python
  CHECK(dict.pickle.find(*dict.operator->(), "b")->integer == 2);
  CHECK(dict.pickle.find(*dict.operator->(), "c") == nullptr);
  CHECK(Read("(U\1aK\1d.")->items.size() == 2);
  CHECK(contains(refused("(U\1ad."), "a key without a value"));
  CHECK(contains(refused("}(U\1au."), "a key without a value"));
  CHECK(contains(refused("]U\1aK\1s."), "added to a list"));
  CHECK(contains(refused("K\1K\2a."), "added to a number"));
}

TEST_CASE("pickle: memo, stack and frames") {
  const Read pair("]q\x05h\x05\x86.");
  CHECK(pair->items[0] == pair->items[1]);
  CHECK(Read("]p7\nK\1\x86h\7\x86.")->items.size() == 2);
  CHECK(Read("\x80\x04\x95\x06\0\0\0\0\0\0\0\x8c\1a\x94h\0\x86."s)->items.size() == 2);
  CHECK(Read("K\1K\0020."s)->integer == 1);
  CHECK(Read("K\1(K\2K\0031."s)->integer == 1);
  CHECK(Read("K\1(0.")->integer == 1);
  CHECK(Read("K\0012\x86."s)->items.size() == 2);
  CHECK(contains(refused("h\1."), "memo 1 is used before it is set"));
  CHECK(contains(refused("q\1."), "the stack is empty"));
  CHECK(contains(refused("."), "the stack is empty"));
  CHECK(contains(refused("K\1(a."),
                 "the stack is empty"));  // what lies under the mark is out of reach
  CHECK(contains(refused("t."), "a mark is missing"));
  CHECK(contains(refused("\x80\x09."), "protocol 9"));
  CHECK(contains(refused("\x95\xff\0\0\0\0\0\0\0N."s), "a frame of 255 bytes is cut off"));
  CHECK(Read("K\1.rest").pickle.length() == 3);
}

TEST_CASE("pickle: cycles and depth do no harm") {
  const Read self("]q\0h\0a."s);
  CHECK(&self.item(0) == self.operator->());
  const Read loop("}q\0U\1ah\0s."s);
  CHECK(loop.pickle.find(*loop.operator->(), "a") == loop.operator->());
  std::string deep;
  for (int i = 0; i < 200'000; ++i) deep += ')';
  for (int i = 0; i < 199'999; ++i) deep += '\x86';
  CHECK(Read(deep + ".")->items.size() == 2);
  CHECK(contains(refused(std::string(1001, '(') + "."), "nested deeper than 1000"));
}

TEST_CASE("pickle: nothing is called, calls are data") {
  const Read call("cos\nsystem\n(U\7rm -rf tR.");
  CHECK(call->kind == Kind::object);
  CHECK(call.pickle.describe(*call.operator->()) == "'os.system'");
  CHECK(Read("cbuiltins\neval\nU\1x\x85R}b.")->state != Pickle::nothing);
  CHECK(Read("ca\nB\n)\x81.")->kind == Kind::object);
  CHECK(Read("ca\nB\n)}\x92.")->kind == Kind::object);
  CHECK(Read("(ca\nB\nK\1o.")->kind == Kind::object);
  CHECK(Read("(K\1ia\nB\n.")->kind == Kind::object);
  CHECK(Read("\x8c\1a\x8c\1B\x93.")->text == "a.B");
  const Read chain("ca\nB\n)R)R.");  // what a call gives may be called
  CHECK(chain.pickle.describe(*chain.operator->()) == "'a.B'");
  CHECK(Read("Pid\n.")->kind == Kind::persistent);
  CHECK(Read("U\2idQ.")->kind == Kind::persistent);
  CHECK(contains(refused("K\1)R."), "a number is called"));
  CHECK(contains(refused("ca\nB\nK\1R."), "arguments are a number"));
  CHECK(contains(refused("ca\n\n."), "a class without a name"));
  CHECK(contains(refused("K\1K\2\x93."), "no text"));
  CHECK(contains(refused("(o."), "without a class"));
  CHECK(contains(refused("]}b."), "a state is set on a list"));
  CHECK(contains(refused("\x82\1."), "opcode 0x82"));  // the extension registry
  CHECK(contains(refused("\x97."), "opcode 0x97"));    // buffers outside
  CHECK(contains(refused("\xff."), "opcode 0xff"));
}

TEST_CASE("pickle: OrderedDict and defaultdict are dicts") {
  const Read python3("ccollections\nOrderedDict\n)RU\1aK\1s}U\x09_metadataNsb.");
  CHECK(python3->kind == Kind::dict);
  CHECK(python3.pickle.find(*python3.operator->(), "a")->integer == 1);
  const Read python2("ccollections\nOrderedDict\n(](](U\1aK\1e](U\1bK\2eetR.");
  CHECK(python2->kind == Kind::dict);
  CHECK(python2.pickle.find(*python2.operator->(), "b")->integer == 2);
  CHECK(Read("ccollections\ndefaultdict\nc__builtin__\nlist\n\x85RU\1aK\1s.")->kind == Kind::dict);
  CHECK(contains(refused("ccollections\nOrderedDict\nK\1\x85R."), "OrderedDict of a number"));
  CHECK(contains(refused("ccollections\nOrderedDict\n]K\1a\x85R."), "no pairs"));
}

TEST_CASE("pickle: a list given many times does not multiply") {
  std::string text = "]q\0("s;
  for (int i = 0; i < 5000; ++i) text += "U\1aK\1\x86";
  text += "e";
  for (int i = 0; i < 1000; ++i) text += "ccollections\nOrderedDict\nh\0\x85R"s;
  CHECK(contains(refused(text + "."), "more than 4194304 values"));
}

TEST_CASE("pickle: a long text used as the name of many classes does not multiply") {
  const std::string name = "X" + "\xe9\x03\0\0"s + std::string(1001, 'n') + "q\0"s;
  CHECK(contains(refused(name + "U\1a\x93."), "the name of a class is longer than 1000 bytes"));
  CHECK(contains(refused("U\1a" + name + "\x93."), "is longer than 1000 bytes"));
}

TEST_CASE("pickle: cut at any byte is refused") {
  PickleText p;
  p.op("}(").text("w").tensor("FloatStorage", "0", 4, {2, 2}, {2, 1}).text("e").integer(3).op("u");
  const std::string whole = p.end();
  REQUIRE_NOTHROW(Read(whole));
  for (std::size_t keep = 0; keep < whole.size(); ++keep) {
    CAPTURE(keep);
    refused(whole.substr(0, keep));
  }
  CHECK(contains(refused("X\xff\xff\xff\xff."), "4294967295 bytes are wanted"));
  CHECK(contains(refused("\x8d\xff\xff\xff\xff\xff\xff\xff\xff."), "bytes are wanted"));
}
