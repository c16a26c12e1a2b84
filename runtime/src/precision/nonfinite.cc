#include "precision/nonfinite.h"

#include <sstream>

#include "trireme/base/message.h"

namespace trireme {
namespace {

template <typename Has>
std::string ranks_that(const std::vector<NonfiniteSight>& by_rank, Has has) {
  std::string ranks;
  for (std::size_t rank = 0; rank < by_rank.size(); ++rank) {
    if (has(by_rank[rank])) ranks += (ranks.empty() ? "from rank " : ", ") + std::to_string(rank);
  }
  return ranks;
}

}  // namespace

std::string encode(const NonfiniteSight& sight) {
  return message("{} {} {}", sight.in_loss ? 1 : 0, sight.gradients_before, sight.parameter);
}

NonfiniteSight decode_sight(const std::string& text) {
  NonfiniteSight sight;
  std::istringstream in(text);
  in >> sight.in_loss >> sight.gradients_before;
  in.get();
  std::getline(in, sight.parameter);
  return sight;
}

std::string describe_nonfinite(const std::vector<NonfiniteSight>& by_rank) {
  if (const auto ranks = ranks_that(by_rank, [](const auto& sight) { return sight.in_loss; }); !ranks.empty()) {
    return message("the loss is not finite, {}", ranks);
  }
  const NonfiniteSight* first = nullptr;
  for (const auto& sight : by_rank) {
    if (sight.parameter.empty()) continue;
    if (first == nullptr || sight.gradients_before < first->gradients_before) first = &sight;
  }
  if (first == nullptr) {
    return "the norm of the gradients overflowed, from the sum over the ranks, each of which had finite values";
  }
  return message("the gradient of {} is not finite, {}", first->parameter,
                 ranks_that(by_rank, [](const auto& sight) { return !sight.parameter.empty(); }));
}

}  // namespace trireme
