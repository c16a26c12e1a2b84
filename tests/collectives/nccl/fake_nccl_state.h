#pragma once

#include <cstddef>
#include <cstring>

#include "fake_nccl_world.h"
#include "operation.h"

// What the fake keeps of communicators, operations and streams. Under the world's mutex.
namespace trireme::collectives::test {

inline void copy_bytes(void* to, const void* from, std::size_t bytes) {
  if (bytes > 0 && to != from) std::memmove(to, from, bytes);
}

// Ranks that must all call something before it takes effect.
struct FakeNcclWorld::Join {
  std::size_t expected = 0;
  std::map<int, std::pair<int, int>> by_rank;  // color and key, for a split
  std::map<int, NcclCommHandle*> handles;
  [[nodiscard]] bool is_complete() const { return by_rank.size() >= expected; }
};

struct FakeNcclWorld::Comm {
  std::shared_ptr<Clique> clique;
  int rank = 0;
  bool is_stopped = false;
  bool is_gone = false;
  std::shared_ptr<Join> joining;
  std::uint64_t collectives = 0;
  std::map<std::pair<int, bool>, std::uint64_t> messages;
  int splits = 0;
  int windows = 0;
};

struct FakeNcclWorld::Request {
  OpKind kind;
  const void* input;
  void* output;
  std::size_t count;
  Dtype type;
  ReduceOp op = ReduceOp::kSum;
  int root = -1;
  [[nodiscard]] bool fits(const Request& other) const {
    return kind == other.kind && count == other.count && type == other.type && op == other.op && root == other.root;
  }
};

struct FakeNcclWorld::Collective {
  std::map<int, Request> by_rank;
  bool is_done = false;
};

struct FakeNcclWorld::Message {
  std::optional<Request> sent;
  std::optional<Request> received;
  bool is_done = false;
};

struct FakeNcclWorld::Clique {
  explicit Clique(int ranks) : size(ranks) {}
  // What ranks call together under this name, `expected` of them.
  std::shared_ptr<Join> join(const std::string& name, std::size_t expected) {
    auto& join = joins[name];
    if (!join) {
      join = std::make_shared<Join>();
      join->expected = expected;
    }
    return join;
  }
  const int size;
  std::map<std::string, std::shared_ptr<Join>> joins;
  std::map<std::uint64_t, Collective> collectives;
  std::map<std::pair<int, int>, std::map<std::uint64_t, Message>> messages;
};

struct FakeNcclWorld::Stream {
  std::deque<Step> steps;
  bool is_own = false;
};

struct FakeNcclWorld::Event {
  std::uint64_t recorded = 0;
  std::uint64_t passed = 0;
};

}  // namespace trireme::collectives::test
