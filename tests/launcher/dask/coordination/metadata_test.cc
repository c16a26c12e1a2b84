#include "dask/coordination/metadata.h"

#include <gmock/gmock.h>

#include "dask/coordination/caller_error.h"
#include "dask/wire/message_writer.h"
#include "launcher/dask/coordination/named.h"

namespace trireme::launcher::dask {
namespace {

using Path = std::vector<Key>;

Bytes number(std::int64_t value) {
  MessageWriter writer;
  return Bytes(writer.integer(value).take());
}

Bytes map_of(std::string_view name, std::int64_t value) {
  MessageWriter writer;
  return Bytes(writer.map(1).text(name).integer(value).take());
}

TEST(Metadata, GivesWhatWasSet) {
  Metadata metadata;
  metadata.set(Path{key("x")}, number(1));
  metadata.set(Path{key("y"), key("z")}, number(2));

  EXPECT_EQ(metadata.get(Path{key("x")}, {}).view(), number(1).view());
  EXPECT_EQ(metadata.get(Path{key("y")}, {}).view(), map_of("z", 2).view());
}

TEST(Metadata, LooksIntoMapsThatWereSet) {
  Metadata metadata;
  metadata.set(Path{key("x")}, map_of("a", 1));
  EXPECT_EQ(metadata.get(Path{key("x"), key("a")}, {}).view(), number(1).view());

  metadata.set(Path{key("x"), key("b")}, number(2));
  EXPECT_EQ(find_integer(Message::decode(Frames{metadata.get(Path{key("x")}, {})}).root(), "a", 0), 1);
  EXPECT_EQ(find_integer(Message::decode(Frames{metadata.get(Path{key("x")}, {})}).root(), "b", 0), 2);
}

TEST(Metadata, ReplacesAValueThatIsInTheWay) {
  Metadata metadata;
  metadata.set(Path{key("x")}, number(1));
  metadata.set(Path{key("x"), key("a")}, number(2));

  EXPECT_EQ(metadata.get(Path{key("x")}, {}).view(), map_of("a", 2).view());
}

TEST(Metadata, ReplacesAMapByAValue) {
  Metadata metadata;
  metadata.set(Path{key("x")}, map_of("a", 1));
  metadata.set(Path{key("x")}, number(2));

  EXPECT_EQ(metadata.get(Path{key("x")}, {}).view(), number(2).view());
}

TEST(Metadata, HasADefaultOrRaises) {
  Metadata metadata;
  metadata.set(Path{key("x")}, number(1));

  EXPECT_EQ(metadata.get(Path{key("y"), key("z")}, number(7)).view(), number(7).view());
  EXPECT_THROW(static_cast<void>(metadata.get(Path{key("y")}, {})), CallerError);
  EXPECT_THROW(static_cast<void>(metadata.get(Path{key("x"), key("a")}, {})), CallerError);
  EXPECT_THROW(metadata.set(Path{}, number(1)), CallerError);
}

TEST(Metadata, GivesTheWholeTreeForNoKeys) {
  Metadata metadata;
  metadata.set(Path{key("x")}, number(1));
  EXPECT_EQ(metadata.get(Path{}, {}).view(), map_of("x", 1).view());
}

}  // namespace
}  // namespace trireme::launcher::dask
