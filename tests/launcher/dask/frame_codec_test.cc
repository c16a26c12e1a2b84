#include "dask/frame_codec.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

namespace trireme::launcher::dask {
namespace {

std::string words(std::initializer_list<std::uint64_t> values) {
  std::string out;
  for (const std::uint64_t value : values) out.append(reinterpret_cast<const char*>(&value), sizeof value);
  return out;
}

// Feeds all of `stream` in pieces of `piece` bytes; the messages that came of it.
std::vector<std::string> read_all(FrameReader& reader, std::string_view stream, std::size_t piece) {
  std::vector<std::string> messages;
  while (!stream.empty()) {
    std::string_view bytes = stream.substr(0, piece);
    stream.remove_prefix(bytes.size());
    while (!bytes.empty()) {
      if (auto message = reader.next(bytes)) messages.push_back(std::move(*message));
    }
  }
  return messages;
}

// {"op": "identity"} as distributed 2026.8.0 puts it on the socket.
const std::string kGolden =
    std::string("\x1d\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x0d\0\0\0\0\0\0\0", 24) + "\x81\xa2op\xa8identity";

TEST(FrameCodec, WritesTheBytesThatDistributedWrites) { EXPECT_EQ(encode_frame("\x81\xa2op\xa8identity"), kGolden); }

TEST(FrameCodec, ReadsWhatItWrites) {
  FrameReader reader;
  EXPECT_EQ(read_all(reader, kGolden + encode_frame("") + encode_frame("x"), 1 << 20),
            (std::vector<std::string>{"\x81\xa2op\xa8identity", "", "x"}));
}

TEST(FrameCodec, ReadsPiecesOfEverySize) {
  const std::string stream = kGolden + words({8 + 8 * 3 + 5, 3, 2, 3, 4}) + "mm" + "aaa" + "bbbb" + kGolden;
  for (std::size_t piece = 1; piece < stream.size(); ++piece) {
    FrameReader reader;
    EXPECT_EQ(read_all(reader, stream, piece),
              (std::vector<std::string>{"\x81\xa2op\xa8identity", "mm", "\x81\xa2op\xa8identity"}));
  }
}

TEST(FrameCodec, AcceptsFramesOutsideOfTheBlock) {
  for (const std::uint64_t covered : {0, 2, 5, 9}) {
    FrameReader reader;
    const std::string stream = words({8 + 8 * 3 + covered, 3, 2, 3, 4}) + "mm" + "aaa" + "bbbb";
    EXPECT_EQ(read_all(reader, stream, stream.size()), std::vector<std::string>{"mm"}) << covered;
  }
}

TEST(FrameCodec, AcceptsEmptyFrames) {
  FrameReader reader;
  const std::string stream = words({8 + 8 * 4 + 2, 4, 2, 0, 0, 0}) + "mm";
  EXPECT_EQ(read_all(reader, stream, 7), std::vector<std::string>{"mm"});
}

TEST(FrameCodec, RefusesHostileLengths) {
  constexpr std::uint64_t kHuge = ~0ull;
  const std::string hostile[] = {
      words({kHuge, 1, 5}),                                      // a block of everything
      words({24, kHuge}),                                        // too many frames
      words({8, 0}),                                             // none
      words({16, 1, kHuge}),                                     // a frame of everything
      words({8 + 8 * 2, 2, 1, kHuge}),                           // payload of everything
      words({8 + 8 * 3, 3, 0, kHuge / 2 + 1, kHuge / 2 + 1}),    // sums that wrap around
      words({8 + 8 * 2 + 3, 2, 2, 3}),                           // a block that ends inside a frame
      words({7, 1, 2}),                                          // a block shorter than its own head
      words({8 + 8 + (17 << 20), 1, 17 << 20}),                  // a message above the limit
      std::string("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),  // another protocol
      std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00\x00\x00\x00\x00", 17),
  };
  for (const std::string& stream : hostile) {
    FrameReader reader;
    EXPECT_THROW(read_all(reader, stream, stream.size()), FrameError) << testing::PrintToString(stream);
  }
}

TEST(FrameCodec, DropsPayloadInsteadOfKeepingIt) {
  FrameReader reader({.message_bytes = 16, .payload_bytes = 1 << 30, .frames = 4});
  std::string_view head_left;
  const std::string head = words({8 + 8 * 2, 2, 1, 64 << 20}) + "m";
  head_left = head;
  EXPECT_EQ(reader.next(head_left), std::nullopt);
  const std::string megabyte(1 << 20, 'p');
  for (int part = 0; part < 63; ++part) {
    std::string_view bytes = megabyte;
    EXPECT_EQ(reader.next(bytes), std::nullopt);
    EXPECT_TRUE(bytes.empty());
  }
  std::string_view bytes = megabyte;
  EXPECT_EQ(reader.next(bytes), "m");
}

// Every mutation of a valid stream is read or refused; nothing else may happen (sanitizers watch).
TEST(FrameCodec, SurvivesMutatedStreams) {
  std::mt19937 random(20260801);
  const std::string stream = kGolden + words({8 + 8 * 3 + 5, 3, 2, 3, 4}) + "mm" + "aaa" + "bbbb" + kGolden;
  for (int round = 0; round < 20'000; ++round) {
    std::string mutated = stream;
    for (unsigned change = 0; change <= random() % 4; ++change)
      mutated[random() % mutated.size()] = static_cast<char>(random());
    FrameReader reader;
    try {
      for (const std::string& message : read_all(reader, mutated, 1 + random() % mutated.size())) {
        EXPECT_LE(message.size(), mutated.size());
      }
    } catch (const FrameError&) {
    }
  }
}

}  // namespace
}  // namespace trireme::launcher::dask
