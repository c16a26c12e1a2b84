#include "dask/message.h"

#include <gtest/gtest.h>

#include <random>

#include "dask/pickle_writer.h"

namespace trireme::launcher::dask {
namespace {

TEST(DaskMessage, FindsValuesAmongKeysOfAnyType) {
  MessageWriter writer;
  writer.map(4).array(2).text("execute").integer(1).number(0.5).nil().text("nil").integer(7).text("seven");
  writer.text("op").text("identity");
  const Message message = Message::decode(writer.take());
  EXPECT_EQ(find_text(message.root(), "op"), "identity");
  EXPECT_EQ(find(message.root(), "seven"), nullptr);
  EXPECT_FALSE(find_bool(message.root(), "op", false));
}

TEST(DaskMessage, TakesArraysAndSetsForElements) {
  const Message array = Message::decode(MessageWriter().array(2).integer(1).integer(2).take());
  const Message set = Message::decode(
      MessageWriter().map(2).text("__Set__").value(msgpack::object(true)).text("as-list").array(1).text("a").take());
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
      const msgpack::object* keys = find(message.root(), "keys");
      EXPECT_LE(keys ? elements(*keys).size : 0, mutated.size());
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
