#include "dask/wire/key.h"

#include <gtest/gtest.h>

#include "dask/wire/message.h"
#include "dask/wire/message_writer.h"

namespace trireme::launcher::dask {
namespace {

Key key(MessageWriter& writer) { return key_of(Message::decode(writer.take()).root()); }

TEST(DaskKey, ComparesAsPythonDoes) {
  const Key one = key(MessageWriter().integer(1));
  EXPECT_EQ(key(MessageWriter().number(1.0)), one);
  EXPECT_EQ(key(MessageWriter().boolean(true)), one);
  EXPECT_EQ(key(MessageWriter().packed(std::string_view("\xd3\0\0\0\0\0\0\0\1", 9))),
            one);  // an integer written longer than needed
  EXPECT_NE(key(MessageWriter().text("1")), one);
  EXPECT_NE(key(MessageWriter().number(1.5)), one);
  EXPECT_NE(key(MessageWriter().bytes("a")), key(MessageWriter().text("a")));
}

TEST(DaskKey, TuplesAreEqualWhenTheirElementsAre) {
  const Key tuple = key(MessageWriter().array(2).text("x").array(1).integer(0));
  EXPECT_EQ(key(MessageWriter().array(2).text("x").array(1).boolean(false)), tuple);
  EXPECT_NE(key(MessageWriter().array(2).text("x").integer(0)), tuple);
}

TEST(DaskKey, PrintsAsPythonDoes) {
  EXPECT_EQ(text_of(text_key("it's")), R"('it\'s')");
  EXPECT_EQ(text_of(key(MessageWriter().array(3).text("x").integer(-3).number(2.5))), "('x', -3, 2.5)");
  EXPECT_EQ(text_of(key(MessageWriter().array(1).bytes("b"))), "(b'b',)");
  EXPECT_EQ(name_of(text_key("inc-1")), "inc-1");
  EXPECT_EQ(name_of(key(MessageWriter().array(0))), "()");
}

}  // namespace
}  // namespace trireme::launcher::dask
