// ncurses has macros that clash with everybody's names, so it comes last and nowhere else.
#include <CLI/CLI.hpp>
#include <atomic>
#include <clocale>
#include <mutex>
#include <optional>
#include <thread>

#include "cli/cluster_access.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/top_screen.h"
#include "scheduler/clock.h"

#define NCURSES_NOMACROS
#include <curses.h>

namespace trireme::launcher {

namespace {

struct TopOptions {
  std::string name = "default";
  std::string run_id;
};

// The terminal in full-screen mode, as long as it lives.
class Terminal {
 public:
  Terminal() {
    std::setlocale(LC_ALL, "");
    initscr();
    cbreak();
    noecho();
    keypad(stdscr, TRUE);
    curs_set(0);
    timeout(kPatience);
    start_color();
    use_default_colors();
    const short colours[] = {-1, -1, -1, COLOR_GREEN, COLOR_CYAN, COLOR_YELLOW, COLOR_RED};
    for (short tone = 1; tone < 7; ++tone) init_pair(tone, colours[tone], -1);
  }
  ~Terminal() { endwin(); }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void show(const std::vector<ScreenLine>& lines) {
    erase();
    for (std::size_t row = 0; row < lines.size(); ++row) {
      move(static_cast<int>(row), 0);
      for (const Piece& piece : lines[row]) {
        attrset(attribute_of(piece.tone));
        addstr(piece.text.c_str());
      }
    }
    refresh();
  }
  // ERR when none came in time.
  static int key() { return getch(); }

 private:
  static constexpr int kPatience = 250;  // milliseconds for a key

  static int attribute_of(Tone tone) {
    if (tone == Tone::kMuted) return A_DIM;
    if (tone == Tone::kStrong) return A_BOLD;
    return static_cast<int>(COLOR_PAIR(static_cast<int>(tone)));
  }
};

// The newest state, kept by a thread that watches the scheduler.
class Watch {
 public:
  explicit Watch(SchedulerClient& client)
      : thread_([this, &client] {
          try {
            client.watch_status([this](const ClusterSnapshot& snapshot) { return take(snapshot); });
          } catch (const std::exception& error) {
            const std::lock_guard lock(mutex_);
            end_ = error.what();
          }
          has_ended_ = true;
        }) {}
  ~Watch() { is_leaving_ = true; }  // at the next change, which heartbeats bring within a second
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  [[nodiscard]] std::optional<ClusterSnapshot> newest() const {
    const std::lock_guard lock(mutex_);
    return newest_;
  }
  [[nodiscard]] bool has_ended() const { return has_ended_; }
  [[nodiscard]] std::string end() const {
    const std::lock_guard lock(mutex_);
    return end_;
  }

 private:
  bool take(const ClusterSnapshot& snapshot) {
    const std::lock_guard lock(mutex_);
    newest_ = snapshot;
    return !is_leaving_ && snapshot.state != "stopping";
  }

  mutable std::mutex mutex_;  // guards what follows
  std::optional<ClusterSnapshot> newest_;
  std::string end_;
  std::atomic<bool> is_leaving_ = false;
  std::atomic<bool> has_ended_ = false;
  std::jthread thread_;  // ends first
};

void show_next_run(TopView& view, const ClusterSnapshot& snapshot) {
  const RunView* shown = shown_run(snapshot, view.run_id);
  if (shown == nullptr) return;
  const auto at = static_cast<std::size_t>(shown - snapshot.runs.data());
  view.run_id = snapshot.runs[(at + 1) % snapshot.runs.size()].run_id;
  view.first_rank = 0;
}

// False when the user wants to leave.
bool take_key(int key, TopView& view, const ClusterSnapshot& snapshot) {
  switch (key) {
    case 'q':
      return false;
    case KEY_DOWN:
      ++view.first_rank;
      break;
    case KEY_UP:
      view.first_rank = std::max(0, view.first_rank - 1);
      break;
    case KEY_NPAGE:
      view.first_rank += view.height / 2;
      break;
    case KEY_PPAGE:
      view.first_rank = std::max(0, view.first_rank - view.height / 2);
      break;
    case '\t':
      show_next_run(view, snapshot);
      break;
    case 's':
      view.order = RankOrder::kSlowest;
      break;
    case 'm':
      view.order = RankOrder::kMemory;
      break;
    case 'r':
      view.order = RankOrder::kRank;
      break;
    default:
      break;
  }
  return true;
}

void run_screen(const Watch& watch, const std::string& run_id) {
  Terminal terminal;
  TopView view{.run_id = run_id};
  while (!watch.has_ended()) {
    const auto snapshot = watch.newest();
    if (snapshot) {
      view.width = COLS;
      view.height = LINES;
      view.now = seconds_since_epoch();
      terminal.show(draw_top(*snapshot, view));
    }
    if (!take_key(Terminal::key(), view, snapshot.value_or(ClusterSnapshot{}))) return;
  }
}

int show_top(const TopOptions& options) {
  const ClusterRecord record = require_cluster(options.name);
  SchedulerClient client = connect_to(record);
  static_cast<void>(client.status());  // says what is wrong before the screen is taken
  const Watch watch(client);
  run_screen(watch, options.run_id);
  if (!watch.end().empty()) throw UnreachableError(watch.end());
  return kOk;
}

}  // namespace

void add_top(CLI::App& app, Action& action) {
  auto options = std::make_shared<TopOptions>();
  CLI::App* command =
      app.add_subcommand("top", "Watch a run at this terminal: how it does, who is slow, who is missing");
  command->add_option("run", options->run_id, "The run to show first; without it the newest that runs");
  command->add_option("--name,--cluster", options->name, "The cluster's name")->capture_default_str();
  command->footer(
      "Keys: q quits, arrows move over ranks, tab shows the next run, s, m and r order the ranks.\n"
      "Example: launcher top r-0003");
  command->callback([options, &action] { action = [options] { return show_top(*options); }; });
}

}  // namespace trireme::launcher
