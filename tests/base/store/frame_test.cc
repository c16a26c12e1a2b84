#include "store/frame.h"

#include <gtest/gtest.h>

#include <vector>

#include "trireme/base/error.h"

namespace trireme::detail {
namespace {

using namespace std::string_literals;

std::string bytes_of(const StoreFrame& frame) {
  std::string bytes;
  append_frame(bytes, frame);
  return bytes;
}

std::vector<StoreFrame> decode(FrameDecoder& decoder) {
  std::vector<StoreFrame> frames;
  while (auto frame = decoder.next()) frames.push_back(*frame);
  return frames;
}

const StoreFrame kSet{.type = FrameType::kSet, .id = 7, .number = -2, .key = "key", .value = "value\0x"s};

TEST(StoreFrame, HasTheDocumentedBytes) {
  EXPECT_EQ(bytes_of({.type = FrameType::kAdd, .id = 0x0102, .number = -1, .key = "ab", .value = "c"}),
            "\x18\x00\x00\x00"                  // length 24
            "\x05"                              // add
            "\x02\x01\x00\x00\x00\x00\x00\x00"  // id
            "\xff\xff\xff\xff\xff\xff\xff\xff"  // number
            "\x02\x00\x00\x00"                  // key length
            "abc"s);
}

TEST(StoreFrame, ComesBackAsItWent) {
  FrameDecoder decoder;
  decoder.feed(bytes_of(kSet) + bytes_of({.type = FrameType::kHeartbeat}));
  EXPECT_EQ(decode(decoder), (std::vector<StoreFrame>{kSet, {.type = FrameType::kHeartbeat}}));
}

TEST(StoreFrame, ComesBackFromSingleBytes) {
  FrameDecoder decoder;
  std::vector<StoreFrame> frames;
  for (int round = 0; round < 3; ++round) {
    for (const char byte : bytes_of(kSet)) {
      decoder.feed({&byte, 1});
      if (auto frame = decoder.next()) frames.push_back(*frame);
    }
  }
  EXPECT_EQ(frames, (std::vector<StoreFrame>{kSet, kSet, kSet}));
}

TEST(StoreFrame, RejectsALengthAboveTheLimitBeforeItsBytesCome) {
  FrameDecoder decoder(kMaxHelloBytes);
  decoder.feed("GET ");
  EXPECT_THROW(static_cast<void>(decoder.next()), DataError);
}

TEST(StoreFrame, RejectsALengthTooSmallForAFrame) {
  FrameDecoder decoder;
  decoder.feed("\x14\x00\x00\x00"s);
  EXPECT_THROW(static_cast<void>(decoder.next()), DataError);
}

TEST(StoreFrame, RejectsAnUnknownTypeAtItsFirstByte) {
  for (const char type : {'\x00', '\x09', '\x0f', '\x12', '\x28', '\xff'}) {
    FrameDecoder decoder;
    decoder.feed("\x15\x00\x00\x00"s + type);
    EXPECT_THROW(static_cast<void>(decoder.next()), DataError) << static_cast<int>(type);
  }
}

TEST(StoreFrame, RejectsAKeyLongerThanItsFrame) {
  auto bytes = bytes_of(kSet);
  bytes[4 + 1 + 8 + 8] = 100;
  FrameDecoder decoder;
  decoder.feed(bytes);
  EXPECT_THROW(static_cast<void>(decoder.next()), DataError);
}

TEST(StoreFrame, RejectsAKeyAboveTheBound) {
  FrameDecoder decoder;
  decoder.feed(bytes_of({.type = FrameType::kSet, .key = std::string(kMaxKeyBytes + 1, 'k')}));
  EXPECT_THROW(static_cast<void>(decoder.next()), DataError);
}

TEST(StoreFrame, AcceptsTheLargestFrame) {
  const StoreFrame largest{
      .type = FrameType::kSet, .key = std::string(kMaxKeyBytes, 'k'), .value = std::string(kMaxValueBytes, 'v')};
  FrameDecoder decoder;
  decoder.feed(bytes_of(largest));
  EXPECT_EQ(decode(decoder), std::vector<StoreFrame>{largest});
}

}  // namespace
}  // namespace trireme::detail
