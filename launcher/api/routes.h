#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/gatekeeper.h"
#include "scheduler/snapshot.h"

// What port 8787 answers over HTTP, as a function of the request and the state. README.md lists the routes.
namespace trireme::launcher {

struct HttpRequest {
  std::string method;         // "GET"
  std::string target;         // path and query, as sent
  std::string if_none_match;  // empty when absent
  std::string body;           // of a POST, JSON
  Principal principal;        // who asks
};

struct HttpReply {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::string etag;                                          // empty: must not be stored
  std::string allow;                                         // only with 405
  bool is_event_stream = false;                              // the connection becomes a stream of events instead
  std::vector<std::pair<std::string, std::string>> headers;  // more of them: name, value
};

// Never throws for what a client may send; what `source` throws passes through.
[[nodiscard]] HttpReply answer(const HttpRequest& request, const SnapshotSource& source);

// A reply that says in JSON and in words what is wrong: {"error": what}.
[[nodiscard]] HttpReply error_reply(unsigned status, std::string_view what);

}  // namespace trireme::launcher
