#pragma once

#include <string>
#include <utility>
#include <vector>

#include "scheduler/paging.h"
#include "scheduler/rpc_errors.h"

// What all List calls do with page_size and page_token.
namespace trireme::launcher {

template <typename Row>
struct Page {
  grpc::Status status;  // when it is not OK, the rest is empty
  std::vector<Row> rows;
  std::string next_token;
};

// Cuts the page that `request` asks for out of `rows`, which are those of `question` in their order. `name_of(row)` is
// what a token remembers of a page's last row; `is_behind(row, name)` tells whether a row comes after the one of that
// name, which may be gone by now.
template <typename Row, typename Request, typename NameOf, typename IsBehind>
Page<Row> page_of(std::vector<Row> rows, const Request& request, const std::string& question, NameOf name_of,
                  IsBehind is_behind) {
  const auto size = page_size(request.page_size());
  if (!size) return {bad_request({"page_size", "page_size must not be negative"}), {}, {}};
  if (!request.page_token().empty()) {
    const auto position = page_position(request.page_token(), question);
    if (!position) return {bad_request({"page_token", "page_token is of another question, or of nobody"}), {}, {}};
    std::erase_if(rows, [&](const Row& row) { return !is_behind(row, *position); });
  }
  Page<Row> page;
  if (rows.size() > *size) {
    rows.resize(*size);
    page.next_token = page_token(question, name_of(rows.back()));
  }
  page.rows = std::move(rows);
  return page;
}

// "runs failed cancelled"
template <typename Words>
std::string question_of(std::string what, const Words& words) {
  for (const std::string& word : words) what += ' ' + word;
  return what;
}

// Whether `value` is asked for: one of `words`, or there are none.
template <typename Words>
bool is_one_of(const Words& words, const std::string& value) {
  for (const std::string& word : words) {
    if (word == value) return true;
  }
  return words.empty();
}

}  // namespace trireme::launcher
