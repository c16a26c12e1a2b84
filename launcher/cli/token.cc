#include <CLI/CLI.hpp>
#include <iostream>

#include <nlohmann/json.hpp>

#include "access/access_folder.h"
#include "cli/cluster_access.h"
#include "cli/columns.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/tables.h"
#include "scheduler/clock.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

struct TokenOptions {
  std::string cluster = "default";
  std::string name;
  std::string role;
  std::string expires = "90d";
  std::string id;
  bool json = false;
};

// Whoever may write the state folder may give out tokens: that is the owner, on the scheduler's machine.
TokenBook require_book(const std::string& cluster) {
  const AccessFiles files(state_folder(cluster));
  std::error_code error;
  if (std::filesystem::exists(files.folder, error)) return TokenBook(files.tokens);
  throw CommandError(kNotFound, message("cluster {} asks for no tokens; one that does: launcher up --listen 0.0.0.0{}",
                                        cluster, cluster == "default" ? "" : " --name " + cluster));
}

std::optional<double> lifetime_of(const std::string& text) {
  if (text == "never") return std::nullopt;
  if (const auto seconds = parse_lifetime(text)) return seconds;
  throw CommandError(kBadInput, message("--expires {} is not like 30d, 12h, 45m or never", text));
}

int create_token(const TokenOptions& options) {
  const std::optional<Role> role = parse_role(options.role);
  if (!role) throw CommandError(kBadInput, message("--role {} is none of read, submit, admin, node", options.role));
  const auto made = require_book(options.cluster)
                        .make({.name = options.name.empty() ? options.role : options.name,
                               .role = *role,
                               .lifetime = lifetime_of(options.expires)},
                              seconds_since_epoch());
  if (options.json) {
    std::cout << nlohmann::json{{"id", made.token.id}, {"token", made.secret}}.dump() << '\n';
    return kOk;
  }
  std::cout << made.secret << '\n';
  std::cerr << message("{} with role {}; it is shown only now. End it: launcher token revoke{} {}\n", made.token.id,
                       options.role, cluster_option(options.cluster), made.token.id);
  return kOk;
}

std::string expiry_of(const Token& token, double now) {
  if (!token.expires) return "never";
  return *token.expires <= now ? "expired" : message("in {}", format_duration(*token.expires - now));
}

nlohmann::json token_row(const Token& token) {
  return {{"id", token.id},
          {"name", token.name},
          {"role", to_text(token.role)},
          {"kind", to_text(token.kind)},
          {"created", token.created},
          {"expires", token.expires ? nlohmann::json(*token.expires) : nlohmann::json()}};
}

int list_tokens(const TokenOptions& options) {
  const std::vector<Token> tokens = require_book(options.cluster).tokens();
  const double now = seconds_since_epoch();
  nlohmann::json rows = nlohmann::json::array();
  std::vector<std::vector<std::string>> table = {{"ID", "NAME", "ROLE", "KIND", "EXPIRES"}};
  for (const Token& token : tokens) {
    rows.push_back(token_row(token));
    table.push_back({token.id, token.name, std::string(to_text(token.role)), std::string(to_text(token.kind)),
                     expiry_of(token, now)});
  }
  std::cout << (options.json ? rows.dump() + "\n" : format_table(table));
  return kOk;
}

int revoke_token(const TokenOptions& options) {
  if (!require_book(options.cluster).revoke(options.id)) {
    throw CommandError(kNotFound, message("there is no token {}; see: launcher token list{}", options.id,
                                          cluster_option(options.cluster)));
  }
  std::cout << message("{} is revoked\n", options.id);
  return kOk;
}

}  // namespace

void add_token(CLI::App& app, Action& action) {
  auto options = std::make_shared<TokenOptions>();
  CLI::App* command = app.add_subcommand("token", "Give others access to a cluster that asks who they are");
  command->require_subcommand(1);
  command->footer("Example: launcher token create --role read --name ci --expires 30d");

  CLI::App* create = command->add_subcommand("create", "Make a token and print it, this one time");
  create->add_option("--role", options->role, "read: look; submit: and start, cancel, rerun; admin: everything")
      ->required();
  create->add_option("--name", options->name, "Whose it is, for the list");
  create->add_option("--expires", options->expires, "30d, 12h, 45m or never")->capture_default_str();
  create->footer("Example: launcher token create --role read --name ci --expires 30d");
  create->callback([options, &action] { action = [options] { return create_token(*options); }; });

  CLI::App* list =
      command->add_subcommand("list", "Show tokens, without their secrets, and browsers that are logged in");
  list->footer("Example: launcher token list --json");
  list->callback([options, &action] { action = [options] { return list_tokens(*options); }; });

  CLI::App* revoke = command->add_subcommand("revoke", "End a token and the browsers that logged in with it");
  revoke->add_option("id", options->id, "Its id, such as t-3f9a01c2")->required();
  revoke->footer("Example: launcher token revoke t-3f9a01c2");
  revoke->callback([options, &action] { action = [options] { return revoke_token(*options); }; });

  for (CLI::App* each : {create, list, revoke}) {
    each->add_option("--cluster", options->cluster, "The cluster's name")->capture_default_str();
    if (each != revoke) each->add_flag("--json", options->json, "Print JSON");
  }
}

}  // namespace trireme::launcher
