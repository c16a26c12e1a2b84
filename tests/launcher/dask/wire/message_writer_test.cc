#include "dask/wire/message_writer.h"

#include <cstring>

#include <gtest/gtest.h>

namespace trireme::launcher::dask {
namespace {

Bytes header(std::int64_t sub_frames) {
  return Bytes(
      MessageWriter().map(2).text("serializer").text("pickle").text("num-sub-frames").integer(sub_frames).take());
}

Opaque made(std::vector<Bytes> frames) {
  return {.kind = Opaque::Kind::kSerialized, .header = header(std::ssize(frames)), .frames = std::move(frames)};
}

// As a peer reads it: through the socket's bytes.
Message sent(Outgoing message) { return Message::decode(frames_of(Bytes(message.joined()))); }

TEST(MessageWriter, OpaqueValuesComeOutAsTheyWentIn) {
  MessageWriter writer;
  writer.map(3).text("a").opaque(made({Bytes("one"), Bytes("two")})).text("b").opaque(made({})).text("c").opaque({});
  const Message message = sent(writer.finish());
  const Opaque a = message.opaque(*find(message.root(), "a"));
  EXPECT_EQ(a.kind, Opaque::Kind::kSerialized);
  EXPECT_EQ(a.header.view(), header(2).view());
  ASSERT_EQ(a.frames.size(), 2u);
  EXPECT_EQ(a.frames[1].view(), "two");
  EXPECT_TRUE(message.opaque(*find(message.root(), "b")).frames.empty());
  EXPECT_EQ(message.opaque(*find(message.root(), "c")).kind, Opaque::Kind::kNil);
}

TEST(MessageWriter, ForwardsValuesWithNewOffsets) {
  MessageWriter first;
  first.map(2).text("x").opaque(made({Bytes("x")})).text("y").array(2).integer(1).opaque(made({Bytes("y")}));
  const Message message = sent(first.finish());
  MessageWriter second;
  second.array(2).opaque(made({Bytes("before"), Bytes("before")})).value(message, *find(message.root(), "y"));
  const Message forwarded = sent(second.finish());
  EXPECT_EQ(forwarded.frames().size(), 1u + 3 + 2);
  const Object& y = elements(forwarded.root()).first[1];
  EXPECT_EQ(forwarded.opaque(elements(y).first[1]).frames[0].view(), "y");
}

TEST(MessageWriter, LargePayloadIsNotCopied) {
  const Bytes large(std::string(1 << 20, 'l'));
  MessageWriter writer;
  writer.opaque(made({Bytes("small"), large, Bytes("tail")}));
  const Outgoing message = writer.finish();
  EXPECT_LT(message.owned_size, 1000u);
  EXPECT_GT(message.size, large.size());
  const auto shares = [&](const Bytes& piece) { return piece.view().data() == large.view().data(); };
  EXPECT_EQ(std::ranges::count_if(message.pieces, shares), 1);
  EXPECT_EQ(message.joined().size(), message.size);
}

TEST(MessageWriter, LargeFramesStandOutsideOfTheBlock) {
  MessageWriter writer;
  writer.opaque(made({Bytes("small"), Bytes(std::string(100'000, 'l'))}));
  const std::string bytes = writer.finish().joined();
  std::uint64_t block = 0;
  std::memcpy(&block, bytes.data(), sizeof block);
  EXPECT_EQ(block + 8 + 100'000, bytes.size());
}

TEST(MessageWriter, WritesPicklesForTheReceiver) {
  for (const std::size_t size : {3, 100'000}) {
    MessageWriter writer;
    writer.pickled(Bytes(std::string(size, 'p')));
    const Message message = sent(writer.finish());
    const Opaque pickle = message.opaque(message.root());
    EXPECT_EQ(pickle.kind, Opaque::Kind::kPickled);
    const Message inside = Message::decode(Frames{pickle.header});
    EXPECT_EQ(inside.bytes(*find(inside.root(), "pickled-obj")).view(), std::string(size, 'p'));
    EXPECT_EQ(elements(*find(inside.root(), "compression")).size, 0u);
  }
}

TEST(MessageWriter, StreamsAreArraysOfWhatWasWritten) {
  MessageWriter writer;
  for (int turn = 0; turn < 2; ++turn) {
    for (int count = 0; count < 20; ++count) writer.map(1).text("op").opaque(made({Bytes("p")}));
    const Message message = sent(writer.finish_array(20));
    EXPECT_EQ(elements(message.root()).size, 20u);
    EXPECT_EQ(message.frames().size(), 41u);
    EXPECT_TRUE(writer.empty());
  }
}

}  // namespace
}  // namespace trireme::launcher::dask
