#include "dask/wire/pickle_writer.h"

#include <vector>

#include <gmock/gmock.h>

#include "dask/wire/message.h"
#include "dask/wire/message_writer.h"

namespace trireme::launcher::dask {
namespace {

using namespace std::string_literals;

Key pair_key(std::int64_t a, std::int64_t b) {
  return key_of(Message::decode(MessageWriter().array(2).integer(a).integer(b).take()).root());
}

Key integer_key(std::int64_t value) { return key_of(Message::decode(MessageWriter().integer(value).take()).root()); }

// Opened by real workers in shuffles_test.py.
TEST(PickleWriter, WritesTheRunOfAShuffleWithEachWorkersAddressOnce) {
  const std::vector<Key> partitions{integer_key(0), pair_key(1, 70000), integer_key(2)};
  const std::vector<std::string> workers{"w1", "w2", "w1"};
  const std::string expected =
      "\x80\x04"
      "cdistributed.shuffle._core\nShuffleRunSpec\n)\x81}("
      "X\x06\0\0\0run_idJ\x05\0\0\0X\x07\0\0\0span_idN"
      "X\x04\0\0\0speccpickle\nloads\n(\x8e\x06\0\0\0\0\0\0\0pickletR"
      "X\x0a\0\0\0worker_for}("
      "J\0\0\0\0X\x02\0\0\0w1\x94"
      "(J\x01\0\0\0J\x70\x11\x01\0tX\x02\0\0\0w2\x94"
      "J\x02\0\0\0j\0\0\0\0"
      "uub."s;
  EXPECT_EQ(pickled_shuffle_run(5, "pickle", partitions, workers), expected);
}

TEST(PickleWriter, WritesLongIntegersInEightBytes) {
  EXPECT_THAT(pickled_shuffle_run(std::int64_t{1} << 40, "", {}, {}),
              testing::HasSubstr("\x8a\x08\0\0\0\0\0\x01\0\0"s));
}

TEST(PickleWriter, RefusesPartitionsThatAreNoIntegers) {
  const std::vector<Key> partitions{text_key("x")};
  const std::vector<std::string> workers{"w1"};
  EXPECT_THROW((void)pickled_shuffle_run(1, "", partitions, workers), MessageError);
}

TEST(PickleWriter, WritesExceptionsAndInstancesOfClassesInModules) {
  EXPECT_EQ(pickled_exception("a.b", "Error", "no"),
            "\x80\x04"
            "ca.b\nError\n(X\x02\0\0\0notR."s);
  EXPECT_EQ(pickled_instance("a.b", "Plugin"),
            "\x80\x04"
            "ca.b\nPlugin\n)R."s);
}

}  // namespace
}  // namespace trireme::launcher::dask
