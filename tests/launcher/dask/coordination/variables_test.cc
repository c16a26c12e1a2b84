#include "dask/coordination/variables.h"

#include <gmock/gmock.h>

#include "launcher/dask/coordination/named.h"

namespace trireme::launcher::dask {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(Variables, GiveWhatWasSet) {
  Variables variables;
  const auto change = variables.set(key("x"), data("1"));

  EXPECT_THAT(change.claims.desired, IsEmpty());
  EXPECT_EQ(variables.get(key("x"), "client", 1)->record.data.view(), "1");
}

TEST(Variables, AnswerThoseThatWaited) {
  Variables variables;
  EXPECT_FALSE(variables.get(key("x"), "a", 1));
  EXPECT_FALSE(variables.get(key("x"), "b", 2));
  variables.forget(2);

  const auto change = variables.set(key("x"), data("1"));

  ASSERT_THAT(change.answers, SizeIs(1));
  EXPECT_EQ(change.answers[0].ticket, 1u);
  EXPECT_EQ(change.answers[0].held.record.data.view(), "1");
}

TEST(Variables, ClaimTheFutureTheyHold) {
  Variables variables;
  EXPECT_THAT(variables.set(key("x"), future("old")).claims.desired, ElementsAre(claim("variable-x", "old")));

  const auto change = variables.set(key("x"), future("new"));

  EXPECT_THAT(change.claims.desired, ElementsAre(claim("variable-x", "new")));
  EXPECT_THAT(change.claims.released, ElementsAre(claim("variable-x", "old")));
  EXPECT_THAT(variables.erase(key("x")).released, ElementsAre(claim("variable-x", "new")));
}

TEST(Variables, KeepAFutureThatIsSetAgain) {
  Variables variables;
  static_cast<void>(variables.set(key("x"), future("same")));

  EXPECT_THAT(variables.set(key("x"), future("same")).claims.released, IsEmpty());
}

TEST(Variables, KeepAFutureUntilThoseThatGotItHoldItThemselves) {
  Variables variables;
  static_cast<void>(variables.set(key("x"), future("f")));
  const auto first = variables.get(key("x"), "a", 1);
  const auto second = variables.get(key("x"), "b", 2);
  ASSERT_NE(first->token, second->token);

  EXPECT_THAT(variables.erase(key("x")).released, IsEmpty());
  const Claims confirmed = variables.confirm(key("x"), key("f"), first->token, "a");
  EXPECT_THAT(confirmed.desired, ElementsAre(claim("a", "f")));
  EXPECT_THAT(confirmed.released, IsEmpty());
  EXPECT_THAT(variables.confirm(key("x"), key("f"), second->token, "b").released,
              ElementsAre(claim("variable-x", "f")));
}

TEST(Variables, ReleaseWhatAClientGotAndNeverConfirmed) {
  Variables variables;
  static_cast<void>(variables.set(key("x"), future("f")));
  ASSERT_TRUE(variables.get(key("x"), "a", 1));
  static_cast<void>(variables.erase(key("x")));

  EXPECT_THAT(variables.forget_client("b").released, IsEmpty());
  EXPECT_THAT(variables.forget_client("a").released, ElementsAre(claim("variable-x", "f")));
}

TEST(Variables, ClaimForAClientWhateverItConfirms) {
  Variables variables;
  EXPECT_THAT(variables.confirm(key("x"), key("f"), "unknown", "a").desired, ElementsAre(claim("a", "f")));
}

}  // namespace
}  // namespace trireme::launcher::dask
