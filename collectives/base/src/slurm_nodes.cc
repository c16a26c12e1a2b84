#include "slurm_nodes.h"

#include <charconv>

namespace trireme::detail {

namespace {

// Takes a decimal number off the front of `text`.
std::optional<int> take_number(std::string_view& text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || value < 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

bool take(std::string_view& text, std::string_view token) {
  if (!text.starts_with(token)) return false;
  text.remove_prefix(token.size());
  return true;
}

struct Repeated {
  int tasks = 0;
  int nodes = 1;
};

// "4(x2)" or "4", with the comma that follows.
std::optional<Repeated> take_repeated(std::string_view& text) {
  const auto tasks = take_number(text);
  if (!tasks) return std::nullopt;
  Repeated group{.tasks = *tasks};
  if (take(text, "(x")) {
    const auto nodes = take_number(text);
    if (!nodes || !take(text, ")")) return std::nullopt;
    group.nodes = *nodes;
  }
  if (!text.empty() && !take(text, ",")) return std::nullopt;
  return group;
}

}  // namespace

std::optional<std::string> first_slurm_host(std::string_view list) {
  const auto stop = list.find_first_of(",[");
  std::string host(list.substr(0, stop));
  if (stop != std::string_view::npos && list[stop] == '[') {
    const auto digits = list.substr(stop + 1);
    const auto end = digits.find_first_of("-,]");
    if (end == std::string_view::npos || end == 0) return std::nullopt;
    host.append(digits.substr(0, end));
  }
  if (host.empty()) return std::nullopt;
  return host;
}

std::optional<int> slurm_tasks_on_node(std::string_view text, int node) {
  while (!text.empty() && node >= 0) {
    const auto group = take_repeated(text);
    if (!group) return std::nullopt;
    if (node < group->nodes) return group->tasks;
    node -= group->nodes;
  }
  return std::nullopt;
}

}  // namespace trireme::detail
