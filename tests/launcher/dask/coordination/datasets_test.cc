#include "dask/coordination/datasets.h"

#include <gmock/gmock.h>

#include "dask/coordination/caller_error.h"
#include "dask/coordination/flush_barrier.h"
#include "launcher/dask/coordination/named.h"

namespace trireme::launcher::dask {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

Datasets::Named named(std::string_view name, const std::vector<Key>& keys) {
  return {key(name), {.data = {.kind = Opaque::Kind::kSerialized, .header = Bytes(std::string(name))}, .keys = keys}};
}

TEST(Datasets, ClaimTheirKeysWhilePublished) {
  Datasets datasets;
  EXPECT_THAT(datasets.put({named("z", {key("a"), key("b")})}, false).desired,
              ElementsAre(claim("published-z", "a"), claim("published-z", "b")));

  EXPECT_THAT(datasets.erase({key("z"), key("unknown")}).released,
              ElementsAre(claim("published-z", "a"), claim("published-z", "b")));
  EXPECT_EQ(datasets.find(key("z")), nullptr);
}

TEST(Datasets, AreFoundByNameAndListedInOrder) {
  Datasets datasets;
  static_cast<void>(datasets.put({named("longer", {}), named("z", {}), named("a", {})}, false));

  EXPECT_EQ(datasets.find(key("a"))->data.header.view(), "a");
  EXPECT_THAT(datasets.names(), ElementsAre(key("a"), key("longer"), key("z")));
}

TEST(Datasets, AreReplacedOnlyWhereThatIsAskedFor) {
  Datasets datasets;
  static_cast<void>(datasets.put({named("z", {key("a"), key("b")})}, false));
  EXPECT_THROW(static_cast<void>(datasets.put({named("new", {}), named("z", {})}, false)), CallerError);
  EXPECT_EQ(datasets.find(key("new")), nullptr);

  const Claims claims = datasets.put({named("z", {key("b"), key("c")})}, true);

  EXPECT_THAT(claims.desired, UnorderedElementsAre(claim("published-z", "b"), claim("published-z", "c")));
  EXPECT_THAT(claims.released, ElementsAre(claim("published-z", "a")));
}

TEST(FlushBarrier, LetsARequestPassThatComesBehindTheStream) {
  FlushBarrier barrier;
  EXPECT_FALSE(barrier.arrive("client", "uid"));
  EXPECT_TRUE(barrier.pass("client", "uid", 1));
  EXPECT_FALSE(barrier.pass("client", "uid", 2));
}

TEST(FlushBarrier, HoldsARequestThatComesBeforeTheStream) {
  FlushBarrier barrier;
  EXPECT_FALSE(barrier.pass("client", "uid", 1));
  EXPECT_FALSE(barrier.arrive("other", "uid"));
  EXPECT_EQ(barrier.arrive("client", "uid"), Ticket{1});
}

TEST(FlushBarrier, ForgetsRequestsAndClients) {
  FlushBarrier barrier;
  EXPECT_FALSE(barrier.pass("client", "one", 1));
  EXPECT_FALSE(barrier.pass("client", "two", 2));
  barrier.forget(1);
  EXPECT_FALSE(barrier.arrive("client", "one"));
  barrier.forget_client("client");
  EXPECT_FALSE(barrier.arrive("client", "two"));
}

}  // namespace
}  // namespace trireme::launcher::dask
