#include "group_board.h"

#include <charconv>
#include <iterator>
#include <sstream>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {
namespace {

std::int64_t number_in(const std::optional<std::string>& text) {
  std::int64_t number = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

}  // namespace

GroupBoard::GroupBoard(Store& store, const std::string& name, int rank, int size, int global_rank)
    : store_(store), name_(name), prefix_("nccl/" + name + "/"), rank_(rank), size_(size), global_rank_(global_rank) {
  store_.set(key(message("rank_of/{}", global_rank)), std::to_string(rank));
}

std::optional<int> GroupBoard::rank_of(int global_rank) {
  const auto rank = store_.try_get(key(message("rank_of/{}", global_rank)));
  if (!rank) return std::nullopt;
  return static_cast<int>(number_in(rank));
}

std::vector<int> GroupBoard::gather(int value, std::chrono::milliseconds timeout) {
  store_.set(key(message("value/{}", rank_)), std::to_string(value));
  std::string all;
  for (int rank = 0; rank_ == 0 && rank < size_; ++rank) {
    all += store_.get(key(message("value/{}", rank)), timeout) + " ";
  }
  if (rank_ == 0) store_.set(key("values"), all);
  std::istringstream text(store_.get(key("values"), timeout));
  return {std::istream_iterator<int>(text), std::istream_iterator<int>()};
}

void GroupBoard::tell(const Standing& standing) { store_.set(key(message("standing/{}", rank_)), standing.encode()); }

std::vector<std::optional<Standing>> GroupBoard::standings() {
  std::vector<std::optional<Standing>> all;
  for (int rank = 0; rank < size_; ++rank) {
    const auto bytes = store_.try_get(key(message("standing/{}", rank)));
    all.push_back(bytes ? Standing::decode(*bytes) : std::nullopt);
  }
  return all;
}

std::uint64_t GroupBoard::raise_alarm() { return static_cast<std::uint64_t>(store_.add(key("alarms"), 1)); }

std::uint64_t GroupBoard::alarms() { return static_cast<std::uint64_t>(number_in(store_.try_get(key("alarms")))); }

void GroupBoard::tell(const Failure& failure) {
  if (store_.add(key("failures"), 1) != 1) return;
  store_.set(key("failure"),
             message("{} {} {}", static_cast<std::uint32_t>(failure.kind), failure.lost_rank, failure.text));
}

std::optional<Failure> GroupBoard::failure() {
  const auto bytes = store_.try_get(key("failure"));
  if (!bytes) return std::nullopt;
  const auto kind_end = bytes->find(' ');
  const auto rank_end = kind_end == std::string::npos ? kind_end : bytes->find(' ', kind_end + 1);
  if (rank_end == std::string::npos) return Failure{.text = *bytes};
  return Failure{.kind = static_cast<FailureKind>(number_in(bytes->substr(0, kind_end))),
                 .lost_rank = static_cast<int>(number_in(bytes->substr(kind_end + 1, rank_end - kind_end - 1))),
                 .text = bytes->substr(rank_end + 1)};
}

void GroupBoard::arrive(const std::string& leaf) { (void)store_.add(key(leaf), 1); }

bool GroupBoard::have_arrived(const std::string& leaf, int expected) {
  const auto count = store_.try_get(key(leaf));
  return !count || number_in(count) >= expected;
}

void GroupBoard::forget(const std::string& leaf) { (void)store_.remove(key(leaf)); }

void GroupBoard::leave() noexcept {
  try {
    (void)store_.remove(key(message("rank_of/{}", global_rank_)));
    (void)store_.remove(key(message("standing/{}", rank_)));
    (void)store_.remove(key(message("value/{}", rank_)));
    if (store_.add(key("left"), 1) < size_) return;
    for (const char* leaf : {"alarms", "failures", "failure", "values", "left"}) (void)store_.remove(key(leaf));
  } catch (const Error&) {
    // The store is gone, and the keys with it.
  }
}

}  // namespace trireme::collectives
