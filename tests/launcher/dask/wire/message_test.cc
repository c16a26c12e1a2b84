#include "dask/wire/message.h"

#include <random>

#include <gtest/gtest.h>

#include "dask/wire/handshake.h"
#include "dask/wire/message_writer.h"
#include "dask/wire/pickle_writer.h"

namespace trireme::launcher::dask {
namespace {

Message decode(MessageWriter& writer) { return Message::decode(writer.take_frames()); }

TEST(DaskMessage, FindsValuesAmongKeysOfAnyType) {
  MessageWriter writer;
  writer.map(4).array(2).text("execute").integer(1).number(0.5).nil().text("nil").integer(7).text("seven");
  writer.text("op").text("identity");
  const Message message = decode(writer);
  EXPECT_EQ(find_text(message.root(), "op"), "identity");
  EXPECT_EQ(find(message.root(), "seven"), nullptr);
  EXPECT_FALSE(find_bool(message.root(), "op", false));
}

TEST(DaskMessage, ReadsNumbersOfAnyKind) {
  MessageWriter writer;
  writer.map(4).text("i").integer(-3).text("u").integer(5).text("f").number(2.5).text("huge").number(1e300);
  const Message message = decode(writer);
  EXPECT_EQ(find_integer(message.root(), "i", 0), -3);
  EXPECT_EQ(find_number(message.root(), "i", 0), -3);
  EXPECT_EQ(find_number(message.root(), "u", 0), 5);
  EXPECT_EQ(find_integer(message.root(), "f", 0), 2);
  EXPECT_EQ(find_integer(message.root(), "huge", 7), 7);
  EXPECT_EQ(find_number(message.root(), "none", 9), 9);
}

TEST(DaskMessage, TakesArraysAndSetsForElements) {
  const Message array = Message::decode(MessageWriter().array(2).integer(1).integer(2).take());
  const Message set =
      Message::decode(MessageWriter().map(2).text("__Set__").boolean(true).text("as-list").array(1).text("a").take());
  EXPECT_EQ(elements(array.root()).size, 2u);
  EXPECT_EQ(elements(set.root()).size, 1u);
  EXPECT_EQ(elements(Message::decode(MessageWriter().text("a").take()).root()).size, 0u);
}

TEST(DaskMessage, RefusesWhatIsNotOneValue) {
  const std::string bad[] = {
      "",                                 // nothing
      "\x01\x02",                         // two values
      "\x81",                             // a map without its pair
      "\xc1",                             // a byte msgpack never uses
      "\xdd\xff\xff\xff\xff",             // an array of four milliards
      "\xdf\xff\xff\xff\xff",             // a map of as many
      "\xdb\xff\xff\xff\xffx",            // a text of as many bytes
      std::string(200, '\x91') + "\x01",  // arrays in arrays in arrays
      std::string("\xdd\x00\x00\x00\x64", 5) + std::string(50, '\xdc'),
  };
  for (const std::string& bytes : bad)
    EXPECT_THROW((void)Message::decode(bytes), MessageError) << testing::PrintToString(bytes);
}

TEST(DaskMessage, RefusesReferencesToFramesThatAreNotThere) {
  MessageWriter header;
  header.map(1).text("num-sub-frames").integer(2);
  const Bytes good(header.take());
  const auto opaque = [](std::int64_t frame, std::vector<Bytes> payload) {
    Frames frames{Bytes(MessageWriter().map(1).text("__Serialized__").integer(frame).take())};
    frames.insert(frames.end(), payload.begin(), payload.end());
    const Message message = Message::decode(std::move(frames));
    return message.opaque(message.root());
  };
  EXPECT_EQ(opaque(1, {good, Bytes("a"), Bytes("b")}).frames.size(), 2u);
  EXPECT_THROW(opaque(0, {good, Bytes("a"), Bytes("b")}), MessageError);
  EXPECT_THROW(opaque(4, {good, Bytes("a"), Bytes("b")}), MessageError);
  EXPECT_THROW(opaque(1, {good, Bytes("a")}), MessageError);
  EXPECT_THROW(opaque(1, {Bytes("\xc1")}), MessageError);
  EXPECT_THROW(opaque(1, {Bytes(MessageWriter().map(0).take())}), MessageError);
}

TEST(DaskMessage, KnowsAHandshake) {
  EXPECT_TRUE(is_handshake(Message::decode(frames_of(Bytes(handshake().joined()))).root()));
  EXPECT_FALSE(is_handshake(Message::decode(MessageWriter().map(0).take()).root()));
  EXPECT_FALSE(is_handshake(Message::decode(MessageWriter().integer(5).take()).root()));
}

TEST(DaskMessage, SurvivesMutatedBytes) {
  MessageWriter writer;
  writer.map(3).text("op").text("update-graph").text("keys").map(2).text("__Set__").nil().text("as-list").array(3);
  writer.text("a").array(2).text("b").integer(1).bytes("c").text("expr_ser").map(1).text("__Serialized__").integer(1);
  const std::string valid = writer.take();
  std::mt19937 random(20260802);
  for (int round = 0; round < 20'000; ++round) {
    std::string mutated = valid.substr(0, 1 + random() % valid.size());
    for (unsigned change = 0; change <= random() % 4; ++change)
      mutated[random() % mutated.size()] = static_cast<char>(random());
    try {
      const Message message = Message::decode(mutated);
      const Object* keys = find(message.root(), "keys");
      EXPECT_LE(keys ? elements(*keys).size : 0, mutated.size());
      if (keys) (void)text_of(key_of(*keys));
    } catch (const MessageError&) {
    }
  }
}

TEST(PickleWriter, WritesAnExceptionOfOneText) {
  constexpr std::string_view kLength("\x02\0\0\0", 4);
  EXPECT_EQ(pickled_exception("RuntimeError", "no"),
            "\x80\x04" + std::string("cbuiltins\nRuntimeError\n(X") + std::string(kLength) + "notR.");
}

}  // namespace
}  // namespace trireme::launcher::dask
