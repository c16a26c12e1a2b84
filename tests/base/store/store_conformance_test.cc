#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "support/thread_ranks.h"
#include "trireme/base/error.h"
#include "trireme/base/store.h"

// What every Store promises, over each of them.
namespace trireme {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// A store and what it needs to live.
struct Subject {
  virtual ~Subject() = default;
  virtual Store& store() = 0;
};

struct InMemorySubject final : Subject {
  Store& store() override { return in_memory; }
  InMemoryStore in_memory;
};

struct TcpSubject final : Subject {
  Store& store() override { return client; }
  TcpStoreServer server{TcpStoreServer::Options{}};
  TcpStore client{TcpStore::Options{.port = server.port()}};
};

struct PrefixSubject final : Subject {
  Store& store() override { return prefixed; }
  InMemoryStore in_memory;
  PrefixStore prefixed{in_memory, "group"};
};

template <typename Kind>
class StoreConformance : public testing::Test {
 protected:
  Store& store() { return subject_.store(); }

 private:
  Kind subject_;
};

struct SubjectNames {
  template <typename Kind>
  static std::string GetName(int) {
    if (std::is_same_v<Kind, InMemorySubject>) return "InMemory";
    return std::is_same_v<Kind, TcpSubject> ? "Tcp" : "Prefix";
  }
};
using Subjects = testing::Types<InMemorySubject, TcpSubject, PrefixSubject>;
TYPED_TEST_SUITE(StoreConformance, Subjects, SubjectNames);

TYPED_TEST(StoreConformance, GivesBackWhatWasSet) {
  const std::string bytes("a\0b\xff\n", 5);
  this->store().set("key", bytes);
  EXPECT_EQ(this->store().get("key", 5s), bytes);
  EXPECT_EQ(this->store().try_get("key"), bytes);
  this->store().set("key", "");
  EXPECT_EQ(this->store().get("key", 5s), "");
}

TYPED_TEST(StoreConformance, TryGetDoesNotWait) { EXPECT_EQ(this->store().try_get("absent"), std::nullopt); }

TYPED_TEST(StoreConformance, GetWaitsForAnotherThreadsSet) {
  std::jthread setter([&] { this->store().set("later", "value"); });
  EXPECT_EQ(this->store().get("later", 20s), "value");
}

TYPED_TEST(StoreConformance, GetWaitsForAnotherThreadsCounter) {
  std::jthread adder([&] { this->store().add("counter", 5); });
  EXPECT_EQ(this->store().get("counter", 20s), "5");
}

TYPED_TEST(StoreConformance, TimeoutNamesTheKey) {
  try {
    this->store().get("never", 20ms);
    FAIL() << "did not time out";
  } catch (const TimeoutError& error) {
    EXPECT_THAT(error.what(), HasSubstr("never'"));
    EXPECT_THAT(error.what(), HasSubstr("20 ms"));
  }
  this->store().set("never", "now");
  EXPECT_EQ(this->store().get("never", 20s), "now") << "a get that timed out leaves the store usable";
}

TYPED_TEST(StoreConformance, WaitsForEverWithoutOverflow) {
  std::jthread setter([&] { this->store().set("later", "value"); });
  EXPECT_EQ(this->store().get("later", std::chrono::milliseconds::max()), "value");
}

TYPED_TEST(StoreConformance, CountsAcrossThreads) {
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&] {
        for (int i = 0; i < 50; ++i) this->store().add("counter", 1);
      });
    }
  }
  EXPECT_EQ(this->store().add("counter", 0), 200);
  EXPECT_EQ(this->store().add("counter", -201), -1);
}

TYPED_TEST(StoreConformance, RejectsAddingToWhatIsNoCounter) {
  this->store().set("text", "five");
  EXPECT_THROW(this->store().add("text", 1), MismatchError);
  EXPECT_EQ(this->store().get("text", 5s), "five");
}

TYPED_TEST(StoreConformance, RejectsACounterThatOverflows) {
  this->store().set("counter", "9223372036854775807");
  EXPECT_THROW(this->store().add("counter", 1), MismatchError);
}

TYPED_TEST(StoreConformance, RemovesKeys) {
  this->store().set("key", "value");
  EXPECT_TRUE(this->store().remove("key"));
  EXPECT_FALSE(this->store().remove("key"));
  EXPECT_EQ(this->store().try_get("key"), std::nullopt);
}

TYPED_TEST(StoreConformance, RejectsWhatIsTooLargeAndStaysUsable) {
  EXPECT_THROW(this->store().set(std::string(5000, 'k'), "v"), ConfigError);
  EXPECT_THROW(this->store().set("key", std::string((std::size_t{16} << 20) + 1, 'v')), ConfigError);
  this->store().set("key", "value");
  EXPECT_EQ(this->store().get("key", 5s), "value");
}

TYPED_TEST(StoreConformance, CarriesLargeValues) {
  const std::string large(std::size_t{16} << 20, 'x');
  this->store().set("large", large);
  EXPECT_EQ(this->store().get("large", 60s), large);
}

TYPED_TEST(StoreConformance, KnowsOfNoLostRanks) {
  EXPECT_EQ(this->store().lost_generation(), 0U);
  EXPECT_TRUE(this->store().lost().empty());
}

TEST(PrefixStore, KeepsGroupsApart) {
  InMemoryStore store;
  PrefixStore first(store, "first");
  PrefixStore second(store, "second");
  first.set("key", "1");
  EXPECT_EQ(second.try_get("key"), std::nullopt);
  EXPECT_EQ(store.get("first/key", 5s), "1");
}

}  // namespace
}  // namespace trireme
