#include "trireme/collectives/single.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "trireme/base/error.h"

namespace trireme::collectives {
namespace {

TEST(SingleCommunicator, ReceivesWhatItSentToItselfByTag) {
  const auto c = make_single();
  std::int32_t first = 1;
  std::int32_t second = 2;
  std::int32_t received = 0;
  c->send(view(&first, 1), 0, 1)->wait();
  c->send(view(&second, 1), 0, 2)->wait();
  c->receive(view(&received, 1), 0, 2)->wait();
  EXPECT_EQ(received, 2);
  c->receive(view(&received, 1), 0, 1)->wait();
  EXPECT_EQ(received, 1);
}

TEST(SingleCommunicator, AReceiveWithoutASendTimesOut) {
  const auto c = make_single();
  std::int32_t received = 0;
  EXPECT_THROW(c->receive(view(&received, 1), 0, 0, {.timeout = Timeout(5)})->wait(), TimeoutError);
}

TEST(SingleCommunicator, ShowsBothSidesOfAMessageThatDoesNotFit) {
  const auto c = make_single();
  std::int32_t value = 0;
  (void)c->send(view(&value, 1), 0, 0);
  float received = 0;
  try {
    c->receive(view(&received, 1), 0, 0)->wait();
    FAIL() << "threw nothing";
  } catch (const MismatchError& error) {
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("int32"), testing::HasSubstr("float32")));
  }
}

}  // namespace
}  // namespace trireme::collectives
