#include <algorithm>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "api/actions.h"
#include "api/http_gate.h"
#include "api/protocol_sniff.h"
#include "api/query.h"
#include "targets.h"
#include "trireme/base/check.h"

namespace trireme::fuzz {

namespace {

using namespace launcher;

constexpr double kNow = 1.8e9;

std::string take_line(std::string_view& rest) {
  const std::string_view line = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  return std::string(line);
}

// Actions that believe everything they are told, and check what reaches them.
class CheckedActions final : public Actions {
 public:
  std::string submit(const WantedRun& wanted) override {
    TRIREME_CHECK(!wanted.spec.command.empty() && !wanted.spec.command.front().empty(), "a run without a program");
    TRIREME_CHECK(wanted.spec.ranks >= 0 && wanted.spec.ranks <= kMostRanks, "ranks out of bounds");
    for (const std::string& word : wanted.spec.command) check_text(word);
    for (const auto& [name, value] : wanted.spec.environment) {
      TRIREME_CHECK(!name.empty() && name.find('=') == std::string::npos, "a name that no variable can have");
      check_text(name);
      check_text(value);
    }
    return "r-0001";
  }
  std::string rerun(const std::string&) override { return "r-0002"; }
  std::string cancel(const std::string&, bool, const std::string&) override { throw NoSuchThingError("no such run"); }
  void drain(const std::string&) override {}
  void undrain(const std::string&) override {}
  void scale(int nodes) override { TRIREME_CHECK(nodes >= 1 && nodes <= kMostNodes, "nodes out of bounds"); }

 private:
  static void check_text(const std::string& text) {
    TRIREME_CHECK(text.find('\0') == std::string::npos, "a zero byte in what a program gets");
  }
};

void check_admission(const HttpHead& head, const HttpAdmission& open, const HttpAdmission& guarded) {
  const bool is_foreign = !head.host.empty() && !ServedNames().contains(head.host);
  TRIREME_CHECK(!is_foreign || (open.refusal && guarded.refusal), "a name of others is served: {}", head.host);
  const bool is_open_to_all = !role_for_http(head.method, path_of(head.target)).has_value();
  TRIREME_CHECK(guarded.refusal || is_open_to_all, "{} {} is let in without a token", head.method, head.target);
  const bool is_plain_form = head.content_type.empty() || head.content_type.starts_with("text/") ||
                             head.content_type.starts_with("multipart/") ||
                             head.content_type.starts_with("application/x-");
  TRIREME_CHECK(open.refusal || head.method != "POST" || !is_plain_form, "a form of another site is taken");
  if (!open.refusal && head.method == "POST" && !head.origin.empty()) {
    TRIREME_CHECK(head.origin == "http://" + head.host, "another site's request is taken: {}", head.origin);
  }
}

void check_action(const HttpHead& head, std::string_view body) {
  if (!is_action(path_of(head.target))) return;
  CheckedActions actions;
  const HttpReply reply =
      answer_action({.method = "POST", .target = head.target, .body = std::string(body)}, "lab", actions);
  const auto json = nlohmann::json::parse(reply.body);
  TRIREME_CHECK(json.contains(reply.status < 300 ? "command" : "error"), "a reply that says nothing: {}", reply.body);
}

}  // namespace

void first_bytes(Bytes bytes) {
  const std::string_view stream(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  Protocol seen = Protocol::kUndecided;
  for (std::size_t length = 1; length <= stream.size(); ++length) {
    const Protocol now = sniff(stream.substr(0, length));
    TRIREME_CHECK(seen == Protocol::kUndecided || seen == now, "more bytes changed what was decided");
    seen = now;
  }
  TRIREME_CHECK(stream.size() < kHttp2Preface.size() || seen != Protocol::kUndecided, "undecided for ever");
}

void http_requests(Bytes bytes) {
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  HttpHead head{.is_length_known = true};
  for (std::string* part : {&head.method, &head.target, &head.host, &head.origin, &head.fetch_site, &head.content_type,
                            &head.authorization, &head.cookie}) {
    *part = take_line(rest);
  }
  static const TokenBook nobody("/nonexistent/tokens.json");
  static const HttpGate open({});
  static const HttpGate guarded({.is_tls = true, .cookie = "__Host-trireme-8787", .tokens = &nobody});
  check_admission(head, open.admit(head, kNow), guarded.admit(head, kNow));
  const HttpReply sent_on = guarded.send_to_https(head);
  TRIREME_CHECK(sent_on.status == 308 || sent_on.status == 400, "neither sent on nor refused");
  (void)query_value(head.target, "run");
  check_action(head, rest);
}

}  // namespace trireme::fuzz
