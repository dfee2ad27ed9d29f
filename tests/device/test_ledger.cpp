#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "device/buffer.h"
#include "device/ledger.h"
#include "support/catch.h"

using rn::Buffer;
using rn::Ledger;
using rn::Tag;

static_assert(!std::is_copy_constructible_v<Buffer> && !std::is_copy_assignable_v<Buffer>);
static_assert(std::is_nothrow_move_constructible_v<Buffer> &&
              std::is_nothrow_move_assignable_v<Buffer>);

TEST_CASE("the ledger counts bytes by tag, and they return to what they were") {
  Ledger& ledger = Ledger::global();
  const auto before = ledger.live(Tag::gradient), total = ledger.live_total();
  const auto others = ledger.live(Tag::parameter), allocations = ledger.allocations();
  {
    const Buffer a(1000, Tag::gradient), b(24, Tag::gradient);
    CHECK(a.bytes() == 1000);
    CHECK(a.tag() == Tag::gradient);
    CHECK(ledger.live(Tag::gradient) == before + 1024);
    CHECK(ledger.live(Tag::parameter) == others);
    CHECK(ledger.live_total() == total + 1024);
    CHECK(ledger.allocations() == allocations + 2);
    CHECK(reinterpret_cast<std::uintptr_t>(a.data()) % 64 == 0);
    CHECK(reinterpret_cast<std::uintptr_t>(b.data()) % 64 == 0);
  }
  CHECK(ledger.live(Tag::gradient) == before);
  CHECK(ledger.live_total() == total);
}

TEST_CASE("peaks are the most at one moment, by tag and in total") {
  Ledger& ledger = Ledger::global();
  ledger.reset_peaks();
  const auto state = ledger.live(Tag::state), input = ledger.live(Tag::input);
  const auto total = ledger.live_total();
  CHECK(ledger.peak(Tag::state) == state);
  CHECK(ledger.peak_total() == total);
  { const Buffer a(4096, Tag::state); }
  { const Buffer b(1024, Tag::input); }
  const Buffer c(100, Tag::state);
  CHECK(ledger.peak(Tag::state) == state + 4096);
  CHECK(ledger.peak(Tag::input) == input + 1024);
  CHECK(ledger.peak_total() == total + 4096);  // never both at once
  ledger.reset_peaks();
  CHECK(ledger.peak(Tag::state) == state + 100);
  CHECK(ledger.peak_total() == total + 100);
}

TEST_CASE("buffers move: the memory is counted once and freed once") {
  Ledger& ledger = Ledger::global();
  const auto before = ledger.live(Tag::optimizer);
  {
    Buffer a(512, Tag::optimizer);
    void* const memory = a.data();
    Buffer b(std::move(a));
    CHECK(b.data() == memory);
    CHECK(a.data() == nullptr);
    CHECK(a.bytes() == 0);
    CHECK(ledger.live(Tag::optimizer) == before + 512);
    Buffer c(256, Tag::optimizer);
    c = std::move(b);
    CHECK(c.data() == memory);
    CHECK(c.bytes() == 512);
    CHECK(ledger.live(Tag::optimizer) - before <= 768);  // the old memory goes now or with b
    b = Buffer();
    CHECK(ledger.live(Tag::optimizer) == before + 512);
    c = Buffer();
    CHECK(ledger.live(Tag::optimizer) == before);
  }
  CHECK(ledger.live(Tag::optimizer) == before);
}

TEST_CASE("memory that is not there is an error that counts nothing") {
#ifdef __SANITIZE_ADDRESS__
  RN_SKIP("AddressSanitizer ends the process instead of refusing memory");
#endif
  Ledger& ledger = Ledger::global();
  const auto total = ledger.live_total();
  for (const std::size_t bytes :
       {std::numeric_limits<std::size_t>::max(), std::numeric_limits<std::size_t>::max() / 2}) {
    try {
      const Buffer huge(bytes, Tag::workspace);
      FAIL("allocated " << bytes << " bytes");
    } catch (const rn::Error& error) {
      CHECK(error.kind() == rn::ErrorKind::failed);
      CHECK(std::string(error.what()).find("out of memory") != std::string::npos);
    }
  }
  CHECK(ledger.live_total() == total);
  const Buffer empty(0, Tag::workspace);
  CHECK(empty.bytes() == 0);
}
