#include "api/actions.h"

#include <algorithm>
#include <functional>

#include "api/json_body.h"
#include "api/json_text.h"
#include "api/query.h"
#include "jobs/shell_words.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

// "/api/runs/r-0001/cancel" → runs, r-0001, cancel.
struct ActionPath {
  std::string collection;
  std::string name;
  std::string verb;
};

struct Action {
  std::string command;                        // "launcher cancel r-0001"
  unsigned status = 200;                      // when it was done
  bool is_dry = false;                        // only the command is asked for
  std::function<nlohmann::json()> carry_out;  // gives what the reply says beside the command
};

std::optional<ActionPath> parse_action_path(std::string_view path) {
  constexpr std::string_view kPrefix = "/api/";
  if (!path.starts_with(kPrefix)) return std::nullopt;
  path.remove_prefix(kPrefix.size());
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t slash = path.find('/');
    parts.emplace_back(path.substr(0, slash));
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  if (parts.size() == 1 && (parts[0] == "runs" || parts[0] == "scale")) return ActionPath{parts[0], "", ""};
  if (parts.size() != 3 || parts[1].empty()) return std::nullopt;
  const ActionPath found{parts[0], parts[1], parts[2]};
  const bool is_of_run = found.collection == "runs" && (found.verb == "cancel" || found.verb == "rerun");
  const bool is_of_node = found.collection == "nodes" && (found.verb == "drain" || found.verb == "undrain");
  return is_of_run || is_of_node ? std::optional(found) : std::nullopt;
}

// Words as they are typed to a shell.
class CommandLine {
 public:
  CommandLine(const std::string& verb, const std::string& cluster) : text_("launcher " + verb) {
    if (cluster != "default") option("--cluster", cluster);
  }
  CommandLine& word(const std::string& word) {
    text_ += ' ' + shell_quoted(word);
    return *this;
  }
  CommandLine& option(const std::string& name, const std::string& value) { return word(name).word(value); }
  [[nodiscard]] std::string text() const { return text_; }

 private:
  std::string text_;
};

bool wants_dry_run(const JsonBody& body) { return body.flag("dry_run", false); }

WantedRun read_run(const JsonBody& body) {
  WantedRun wanted{.spec = {.name = body.text("name", ""),
                            .command = body.texts("command"),
                            .ranks = body.number("ranks", 0, 0, kMostRanks),
                            .nodes = body.number("nodes", 0, 0, kMostNodes),
                            .working_directory = body.text("working_directory", ""),
                            .environment = body.text_map("environment")}};
  if (wanted.spec.command.empty() || wanted.spec.command.front().empty()) {
    throw ConfigError("command must be the program and its arguments: [\"./train_gpt2\", \"--steps\", \"300\"]");
  }
  for (const auto& [name, value] : wanted.spec.environment) {
    if (name.empty() || name.find_first_of(std::string_view("=\0", 2)) != std::string::npos) {
      throw ConfigError("environment has a name that no variable can have");
    }
  }
  const std::string mpi = body.text("mpi", "auto");
  if (mpi != "auto" && mpi != "on" && mpi != "off") throw ConfigError("mpi must be \"auto\", \"on\" or \"off\"");
  if (mpi != "auto") wanted.mpi = mpi == "on";
  return wanted;
}

std::string submit_line(const WantedRun& wanted, const std::string& cluster) {
  const RunSpec& spec = wanted.spec;
  CommandLine line("submit", cluster);
  if (spec.ranks > 0) line.option("-n", std::to_string(spec.ranks));
  if (spec.nodes > 0) line.option("--nodes", std::to_string(spec.nodes));
  if (!spec.name.empty()) line.option("--name", spec.name);
  if (wanted.mpi) line.word(*wanted.mpi ? "--mpi" : "--no-mpi");
  for (const auto& [name, value] : spec.environment) line.option("--env", name + "=" + value);
  line.word("--");
  for (const std::string& word : spec.command) line.word(word);
  if (spec.working_directory.empty()) return line.text();
  return message("cd {} && {}", shell_quoted(spec.working_directory), line.text());
}

Action submission(const std::string& text, const std::string& cluster, Actions& actions) {
  const JsonBody body(text,
                      {"command", "name", "ranks", "nodes", "mpi", "working_directory", "environment", "dry_run"});
  const WantedRun wanted = read_run(body);
  return {.command = submit_line(wanted, cluster),
          .status = 201,
          .is_dry = wants_dry_run(body),
          .carry_out = [wanted, &actions] {
            return nlohmann::json{{"run_id", actions.submit(wanted)}};
          }};
}

Action cancellation(const std::string& run_id, const std::string& text, const std::string& cluster, Actions& actions) {
  const JsonBody body(text, {"force", "reason", "dry_run"});
  const bool force = body.flag("force", false);
  const std::string reason = body.text("reason", "cancelled from the dashboard");
  CommandLine line("cancel", cluster);
  if (force) line.word("--force");
  return {.command = line.word(run_id).text(), .is_dry = wants_dry_run(body), .carry_out = [=, &actions] {
            return nlohmann::json{{"run_id", run_id}, {"status", actions.cancel(run_id, force, reason)}};
          }};
}

Action scaling(const std::string& text, const std::string& cluster, Actions& actions) {
  const JsonBody body(text, {"nodes", "dry_run"});
  const int nodes = body.number("nodes", 0, 1, kMostNodes);
  if (nodes == 0) throw ConfigError(message("nodes must be a whole number from 1 to {}", kMostNodes));
  return {.command = CommandLine("scale", cluster).word(std::to_string(nodes)).text(),
          .is_dry = wants_dry_run(body),
          .carry_out = [=, &actions] {
            actions.scale(nodes);
            return nlohmann::json::object();
          }};
}

// Those that take nothing but a name: rerun, drain, undrain.
Action named_action(const ActionPath& path, const std::string& text, const std::string& cluster, Actions& actions) {
  const JsonBody body(text, {"dry_run"});
  return {.command = CommandLine(path.verb, cluster).word(path.name).text(),
          .is_dry = wants_dry_run(body),
          .carry_out = [path, &actions] {
            if (path.verb == "rerun") return nlohmann::json{{"run_id", actions.rerun(path.name)}};
            path.verb == "drain" ? actions.drain(path.name) : actions.undrain(path.name);
            return nlohmann::json::object();
          }};
}

Action read_action(const ActionPath& path, const std::string& body, const std::string& cluster, Actions& actions) {
  if (path.collection == "scale") return scaling(body, cluster, actions);
  if (path.verb.empty()) return submission(body, cluster, actions);
  if (path.verb == "cancel") return cancellation(path.name, body, cluster, actions);
  return named_action(path, body, cluster, actions);
}

}  // namespace

bool is_action(std::string_view path) { return parse_action_path(path).has_value(); }

HttpReply answer_action(const HttpRequest& request, const std::string& cluster, Actions& actions) try {
  const auto path = parse_action_path(path_of(request.target));
  if (!path) return error_reply(404, "no such action; README.md of launcher/api lists them");
  const Action action = read_action(*path, request.body, cluster, actions);
  nlohmann::json reply = action.is_dry ? nlohmann::json::object() : action.carry_out();
  reply["command"] = action.command;
  return {
      .status = action.is_dry ? 200 : action.status, .content_type = "application/json", .body = to_text(reply) + "\n"};
} catch (const ConfigError& error) {
  return error_reply(400, error.what());
} catch (const NoSuchThingError& error) {
  return error_reply(404, error.what());
} catch (const NotOfferedError& error) {
  return error_reply(501, error.what());
}

}  // namespace trireme::launcher
