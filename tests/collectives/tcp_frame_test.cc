#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <string>

#include "tcp/frame_reader.h"
#include "trireme/base/error.h"

namespace trireme::collectives::test {
namespace {

// Gives room for the messages it wants, by tag.
class Sink final : public FrameSink {
 public:
  std::byte* place(const FrameHeader& header) override {
    if (header.tag == unwanted) return nullptr;
    auto& message = messages[header.tag];
    message.resize(header.total);
    return reinterpret_cast<std::byte*>(message.data()) + header.offset;
  }
  void arrived(const FrameHeader& header) override { arrived_bytes += header.length; }

  std::int32_t unwanted = -1;
  std::map<std::int32_t, std::string> messages;
  std::size_t arrived_bytes = 0;
};

void append(std::string& stream, std::int32_t tag, const std::string& message, std::size_t offset, std::size_t length) {
  const auto header = encode(FrameHeader{.tag = tag,
                                         .sequence = 1,
                                         .total = message.size(),
                                         .offset = offset,
                                         .length = static_cast<std::uint32_t>(length)});
  stream.append(reinterpret_cast<const char*>(header.data()), header.size()).append(message, offset, length);
}

// Gives the reader what it has room for, at most `piece` bytes at a time; what it did not take is left in `stream`.
void read(FrameReader& reader, std::string& stream, std::size_t piece) {
  while (!stream.empty() && !reader.is_waiting()) {
    std::size_t taken = 0;
    for (const auto& target : reader.targets()) {
      const auto bytes = std::min({target.iov_len, stream.size() - taken, piece - taken});
      std::memcpy(target.iov_base, stream.data() + taken, bytes);
      taken += bytes;
    }
    stream.erase(0, taken);
    reader.advance(taken);
  }
}

const std::string kLong(1000, 'x');

std::string two_messages() {
  std::string stream;
  append(stream, 1, kLong, 0, 400);
  append(stream, 2, "short", 0, 5);
  append(stream, 1, kLong, 400, 600);
  return stream;
}

TEST(FrameReader, PutsFramesTogetherHoweverTheirBytesCome) {
  for (const std::size_t ahead : {std::size_t{0}, std::size_t{64}, std::size_t{65536}}) {
    for (const std::size_t piece : {1U, 7U, 44U, 401U, 100'000U}) {
      Sink sink;
      FrameReader reader(sink, ahead);
      auto stream = two_messages();
      read(reader, stream, piece);
      EXPECT_EQ(sink.messages[1], kLong);
      EXPECT_EQ(sink.messages[2], "short");
      EXPECT_EQ(sink.arrived_bytes, 1005U);
    }
  }
}

TEST(FrameReader, LeavesAFrameThatNobodyWantsUntilItIs) {
  Sink sink;
  sink.unwanted = 2;
  FrameReader reader(sink, 0);
  auto stream = two_messages();
  read(reader, stream, 100'000);
  EXPECT_TRUE(reader.is_waiting());
  EXPECT_TRUE(reader.targets().empty());
  EXPECT_FALSE(reader.resume());
  sink.unwanted = -1;
  EXPECT_TRUE(reader.resume());
  read(reader, stream, 100'000);
  EXPECT_EQ(sink.messages[1], kLong);
  EXPECT_EQ(sink.messages[2], "short");
}

TEST(FrameReader, LargePayloadsAreReadStraightToTheirPlace) {
  Sink sink;
  FrameReader reader(sink, 0);
  std::string stream;
  append(stream, 1, kLong, 0, 1000);
  ASSERT_EQ(reader.targets()[0].iov_len, kFrameHeaderBytes);
  std::memcpy(reader.targets()[0].iov_base, stream.data(), kFrameHeaderBytes);
  reader.advance(kFrameHeaderBytes);
  EXPECT_EQ(reader.targets()[0].iov_base, sink.messages[1].data());
  EXPECT_EQ(reader.targets()[0].iov_len, kLong.size());
  EXPECT_EQ(reader.targets()[1].iov_len, kFrameHeaderBytes);
}

TEST(Frame, EveryFieldSurvives) {
  const FrameHeader header{.kind = MessageKind::kFromOwner,
                           .tag = -7,
                           .sequence = ~0ULL,
                           .total = 1ULL << 40,
                           .offset = 12345,
                           .length = 77};
  EXPECT_EQ(decode_header(encode(header)), header);
  const Hello hello{.token = {9, 8, 7}, .rank = 5, .connection = 3, .global_rank = -2};
  EXPECT_EQ(decode_hello(encode(hello)), hello);
}

TEST(Frame, WhatIsNoFrameIsRefused) {
  const FrameHeader good{.total = 100, .offset = 0, .length = 100};
  for (const auto& bad :
       {FrameHeader{.total = 100, .offset = 1, .length = 100}, FrameHeader{.total = 100, .offset = 100, .length = 1},
        FrameHeader{.total = ~0ULL, .offset = ~0ULL - 1, .length = 1},
        FrameHeader{.total = 0, .offset = 0, .length = 0},
        FrameHeader{.total = 1 << 30, .offset = 0, .length = kLargestFrame + 1}}) {
    EXPECT_THROW((void)decode_header(encode(bad)), CommError);
  }
  auto bytes = encode(good);
  bytes[0] = std::byte{99};
  EXPECT_THROW((void)decode_header(bytes), CommError);
  bytes = encode(good);
  bytes[2] = std::byte{99};
  EXPECT_THROW((void)decode_header(bytes), CommError);
  EXPECT_EQ(decode_hello(HelloBytes{}), std::nullopt);
}

TEST(RecordReader, ReadsRecordsByteByByteAndRefusesOthers) {
  const Record told{Record::Kind::kFailure, {FailureKind::kPeerLost, 3, "rank 3 is lost"}};
  const auto bytes = encode(told) + encode({.kind = Record::Kind::kGoodbye});
  RecordReader reader;
  std::vector<Record> records;
  for (const char byte : bytes) {
    reader.feed(std::as_bytes(std::span(&byte, 1)));
    while (auto record = reader.next()) records.push_back(*std::move(record));
  }
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].failure.text, "rank 3 is lost");
  EXPECT_EQ(records[0].failure.lost_rank, 3);
  EXPECT_EQ(records[1].kind, Record::Kind::kGoodbye);
  reader.feed(std::as_bytes(std::span("GET / HTTP/1.1")));
  EXPECT_THROW((void)reader.next(), CommError);
}

TEST(Record, AnEndlessReasonIsCutOff) {
  RecordReader reader;
  const auto bytes = encode({Record::Kind::kFailure, {FailureKind::kTimeout, -1, std::string(100'000, 'a')}});
  reader.feed(std::as_bytes(std::span(bytes)));
  EXPECT_EQ(reader.next()->failure.text, std::string(kLongestFailureText, 'a'));
}

}  // namespace
}  // namespace trireme::collectives::test
