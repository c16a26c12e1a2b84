#include "dask/wire/frame_reader.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstring>
#include <random>

#include <gtest/gtest.h>

#include "dask/wire/message_writer.h"

namespace trireme::launcher::dask {
namespace {

using Messages = std::vector<std::vector<std::string>>;

std::string words(std::initializer_list<std::uint64_t> values) {
  std::string out;
  for (const std::uint64_t value : values) out.append(reinterpret_cast<const char*>(&value), sizeof value);
  return out;
}

// Feeds all of `stream` in pieces of at most `piece` bytes; the frames of the messages that came of it.
Messages read_all(FrameReader& reader, std::string_view stream, std::size_t piece) {
  Messages messages;
  while (!stream.empty()) {
    const std::span<char> room = reader.room();
    const std::size_t count = stream.copy(room.data(), std::min(piece, room.size()));
    reader.filled(count);
    stream.remove_prefix(count);
    while (auto frames = reader.next()) {
      messages.emplace_back();
      for (const Bytes& frame : *frames) messages.back().emplace_back(frame.view());
    }
  }
  return messages;
}

Messages read_all(std::string_view stream, std::size_t piece) {
  FrameReader reader;
  return read_all(reader, stream, piece);
}

// {"op": "identity"} as distributed 2026.8.0 puts it on the socket.
const std::string kGolden =
    std::string("\x1d\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x0d\0\0\0\0\0\0\0", 24) + "\x81\xa2op\xa8identity";

TEST(FrameReader, ReadsWhatTheWriterWrites) {
  EXPECT_EQ(MessageWriter().map(1).text("op").text("identity").finish().joined(), kGolden);
  EXPECT_EQ(read_all(kGolden + kGolden, 1 << 20), Messages(2, {"\x81\xa2op\xa8identity"}));
}

TEST(FrameReader, ReadsPiecesOfEverySize) {
  const std::string stream = kGolden + words({8 + 8 * 3 + 5, 3, 2, 3, 4}) + "mm" + "aaa" + "bbbb" + kGolden;
  const Messages expected{{"\x81\xa2op\xa8identity"}, {"mm", "aaa", "bbbb"}, {"\x81\xa2op\xa8identity"}};
  for (std::size_t piece = 1; piece < stream.size(); ++piece) EXPECT_EQ(read_all(stream, piece), expected) << piece;
}

TEST(FrameReader, ReadsLargeFramesInPieces) {
  const std::string large(300'000, 'l');
  const std::string stream =
      kGolden + words({8 + 8 * 4 + 2, 4, 2, 300'000, 0, 3}) + "mm" + large + "aaa" + kGolden + kGolden;
  const Messages expected{
      {"\x81\xa2op\xa8identity"}, {"mm", large, "", "aaa"}, {"\x81\xa2op\xa8identity"}, {"\x81\xa2op\xa8identity"}};
  for (const std::size_t piece : {1, 7, 1000, 65'536, 1'000'000}) EXPECT_EQ(read_all(stream, piece), expected) << piece;
}

TEST(FrameReader, AcceptsFramesOutsideOfTheBlock) {
  for (const std::uint64_t covered : {0, 2, 5, 9}) {
    const std::string stream = words({8 + 8 * 3 + covered, 3, 2, 3, 4}) + "mm" + "aaa" + "bbbb";
    EXPECT_EQ(read_all(stream, stream.size()), (Messages{{"mm", "aaa", "bbbb"}})) << covered;
  }
}

TEST(FrameReader, AcceptsEmptyFramesAndManyFrames) {
  EXPECT_EQ(read_all(words({8 + 8 * 4 + 2, 4, 2, 0, 0, 0}) + "mm", 7), (Messages{{"mm", "", "", ""}}));
  constexpr std::uint64_t kMany = 20'000;  // a table longer than what is read at once
  std::string stream = words({8 + 8 * kMany + kMany, kMany});
  for (std::uint64_t frame = 0; frame < kMany; ++frame) stream += words({1});
  stream += std::string(kMany, 'f');
  EXPECT_EQ(read_all(stream, 1 << 20), (Messages{std::vector<std::string>(kMany, "f")}));
}

TEST(FrameReader, RefusesHostileLengths) {
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
      words({8 + 8 + (1 << 30), 1, 1 << 30}),                    // a message above the limit
      std::string("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),  // another protocol
      std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00\x00\x00\x00\x00", 17),
  };
  for (const std::string& stream : hostile)
    EXPECT_THROW(read_all(stream, stream.size()), FrameError) << testing::PrintToString(stream);
}

TEST(FrameReader, SaysWhatIsTooLargeAndTheLimit) {
  const std::string stream = words({8 + 8 * 2 + 1, 2, 1, (16ull << 30) + 1});
  try {
    read_all(stream, stream.size());
    FAIL() << "nothing was thrown";
  } catch (const MessageTooLarge& error) {
    EXPECT_STREQ(error.what(), "a frame's length is 17179869185, the limit 17179869184");
  }
}

// Lengths that are announced and never come cost address space, not memory.
TEST(FrameReader, MemoryGrowsWithWhatComes) {
  const auto peak_kib = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  const long before = peak_kib();
  std::vector<FrameReader> readers(16);
  for (FrameReader& reader : readers)
    EXPECT_TRUE(read_all(reader, words({8 + 8 * 2 + 1, 2, 1, 1 << 30}) + "m" + std::string(1000, 'x'), 4096).empty());
  EXPECT_LT(peak_kib() - before, 512 << 10);
}

TEST(FrameReader, TakesWholeMessagesApart) {
  MessageWriter writer;
  writer.array(1).opaque({.kind = Opaque::Kind::kSerialized, .header = Bytes("h"), .frames = {Bytes("a"), Bytes("")}});
  const Bytes whole(writer.finish().joined());
  const Frames frames = frames_of(whole);
  ASSERT_EQ(frames.size(), 4u);
  EXPECT_EQ(frames[1].view(), "h");
  EXPECT_EQ(frames[2].view(), "a");
  EXPECT_EQ(frames[3].view(), "");
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_THROW(frames_of(whole.slice(0, size)), FrameError);
}

// Every mutation of a valid stream is read or refused; nothing else may happen (sanitizers watch).
TEST(FrameReader, SurvivesMutatedStreams) {
  std::mt19937 random(20260801);
  const std::string stream = kGolden + words({8 + 8 * 3 + 5, 3, 2, 3, 4}) + "mm" + "aaa" + "bbbb" + kGolden;
  for (int round = 0; round < 20'000; ++round) {
    std::string mutated = stream;
    for (unsigned change = 0; change <= random() % 4; ++change)
      mutated[random() % mutated.size()] = static_cast<char>(random());
    FrameReader reader({.message_bytes = 1 << 20, .payload_bytes = 1 << 20, .frames = 1000});
    try {
      for (const auto& frames : read_all(reader, mutated, 1 + random() % mutated.size())) {
        for (const std::string& frame : frames) EXPECT_LE(frame.size(), mutated.size());
      }
    } catch (const FrameError&) {
    }
  }
}

}  // namespace
}  // namespace trireme::launcher::dask
