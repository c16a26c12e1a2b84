#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "access/access_folder.h"
#include "access/private_file.h"
#include "agent/child_process.h"
#include "cli/cluster_access.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "jobs/program.h"
#include "scheduler/clock.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

constexpr double kLinkSeconds = 300;

struct DashboardOptions {
  std::string cluster = "default";
  std::string role = "admin";
  bool open = false;
};

Role role_named(const std::string& name) {
  const std::optional<Role> role = parse_role(name);
  if (!role || *role == Role::kNode)
    throw CommandError(kBadInput, message("--role {} is none of read, submit, admin", name));
  return *role;
}

// The code stands behind the #, which browsers send to no server: it is in no log and no Referer.
std::string login_link(const ClusterRecord& record, Role role) {
  TokenBook book(AccessFiles(state_folder(record.name)).tokens);
  const MadeToken code = book.make(
      {.name = "browser", .role = role, .kind = TokenKind::kLogin, .lifetime = kLinkSeconds}, seconds_since_epoch());
  return message("{}/login#{}", http_url(record), code.secret);
}

// A program's arguments are for every user of the machine to see, so it is given a file of ours that leads to the link.
void open_in_browser(const std::string& link, const std::string& cluster) {
  const char* path = std::getenv("PATH");
  const char* chosen = std::getenv("BROWSER");
  const std::string browser = chosen == nullptr || *chosen == '\0' ? "xdg-open" : chosen;
  const std::filesystem::path program = resolve_program(browser, ".", path == nullptr ? "/usr/bin:/bin" : path);
  const std::filesystem::path page = state_folder(cluster) / "dashboard.html";
  write_private_file(page, message("<!doctype html><meta http-equiv=\"refresh\" content=\"0; url={}\">\n", link));
  static_cast<void>(
      spawn({.command = {program.string(), page.string()}, .working_directory = "/", .new_session = true}));
}

int show_dashboard(const DashboardOptions& options) {
  const Role role = role_named(options.role);
  const ClusterRecord record = require_cluster(options.cluster);
  const bool is_ours = record.provider != "remote";
  const bool needs_link = !record.certificate.empty() && is_ours;
  const std::string link = needs_link ? login_link(record, role) : http_url(record) + "/";
  std::cout << link << std::endl;
  if (needs_link) std::cerr << message("logs in once, with role {}, within five minutes\n", to_text(role));
  if (options.open && is_ours) open_in_browser(link, options.cluster);
  return kOk;
}

}  // namespace

void add_dashboard(CLI::App& app, Action& action) {
  auto options = std::make_shared<DashboardOptions>();
  CLI::App* command = app.add_subcommand("dashboard", "Print the dashboard's address; where it asks, one that logs in");
  command->add_flag("--open", options->open, "Open it with BROWSER or xdg-open");
  command->add_option("--role", options->role, "What the page may do: read, submit or admin")->capture_default_str();
  command->add_option("--cluster", options->cluster, "The cluster's name")->capture_default_str();
  command->footer("Example: launcher dashboard --open");
  command->callback([options, &action] { action = [options] { return show_dashboard(*options); }; });
}

}  // namespace trireme::launcher
