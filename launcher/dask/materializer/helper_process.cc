#include "dask/materializer/helper_process.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <boost/asio/post.hpp>

#include "dask/materializer/python_search.h"
#include "trireme/base/error.h"

namespace trireme::launcher::dask {

namespace {

constexpr std::chrono::seconds kStartLimit{60};  // importing Dask takes a second, from a cold network disk many
constexpr std::string_view kFit = "OK ";         // begins the introduction of a Python that is

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::uint64_t half_of_memory() {
  return static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) /
         2;
}

std::optional<UserIds> nobody() {
  if (::geteuid() != 0) return std::nullopt;
  const passwd* entry = ::getpwnam("nobody");
  return entry ? UserIds{entry->pw_uid, entry->pw_gid} : UserIds{65534, 65534};
}

std::string make_private_folder() {
  std::string folder = (std::filesystem::temp_directory_path() / "trireme-dask-XXXXXX").string();
  if (!::mkdtemp(folder.data())) throw Error(fmt::format("cannot make {}: {}", folder, std::strerror(errno)));
  return folder;
}

}  // namespace

HelperProcess::HelperProcess(boost::asio::io_context& context, HelperOptions options)
    : context_(context), options_(std::move(options)), deadline_(context) {
  if (!options_.memory_limit) options_.memory_limit = half_of_memory();
  const std::string named = options_.python.empty() ? variable("TRIREME_DASK_PYTHON") : options_.python;
  for (const std::string& python : python_candidates(named, variable("PATH"))) {
    if (const auto user = nobody()) attempts_.push_back({python, user});
    attempts_.push_back({python, std::nullopt});
  }
}

HelperProcess::~HelperProcess() {
  if (process_) process_->abandon();
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

void HelperProcess::exchange(Bytes request, Done done) {
  waiting_.push_back({std::move(request), std::move(done)});
  boost::asio::post(context_, [this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) advance();
  });
}

void HelperProcess::advance() {
  if (waiting_.empty()) return;
  if (state_ == State::kNone) return start();
  if (state_ != State::kIdle) return;
  state_ = State::kBusy;
  limit_time(options_.time_limit);
  process_->send(waiting_.front().request);
}

void HelperProcess::start() {
  if (attempts_.empty()) return give_up();
  state_ = State::kStarting;
  try {
    process_ = PythonProcess::start(context_, settings(),
                                    {.message = [this](Bytes message) { message_came(std::move(message)); },
                                     .end = [this](const std::string& how) { ended(how); }});
    limit_time(kStartLimit);
  } catch (const Error& error) {
    start_failed(error.what());
  }
}

PythonSettings HelperProcess::settings() {
  const Attempt& attempt = attempts_.front();
  if (folder_.empty()) folder_ = make_private_folder();
  const UserIds owner = attempt.user.value_or(UserIds{::geteuid(), ::getegid()});
  if (::chown(folder_.c_str(), owner.user, owner.group) != 0) {
    throw Error(fmt::format("cannot give {} to user {}: {}", folder_, owner.user, std::strerror(errno)));
  }
  return {attempt.python, attempt.user, folder_, *options_.memory_limit};
}

void HelperProcess::introduced(std::string_view introduction) {
  const Attempt& attempt = attempts_.front();
  if (!introduction.starts_with(kFit)) {
    process_->abandon();
    return start_failed(std::string(introduction));
  }
  spdlog::info("event=dask_python_started pid={} python=\"{}\" distributed={} user={}", process_->pid(), attempt.python,
               introduction.substr(kFit.size()), attempt.user ? attempt.user->user : ::geteuid());
  if (::geteuid() == 0 && !attempt.user) {
    spdlog::warn("event=dask_python_runs_as_root reason=\"the user nobody cannot use {}\"", attempt.python);
  }
  has_worked_ = true;
  state_ = State::kIdle;
  advance();
}

// A Python that has worked once stays the one to use.
void HelperProcess::start_failed(const std::string& why) {
  process_.reset();
  state_ = State::kNone;
  if (has_worked_) {
    answer(HostFailure{fmt::format("the Python process that opens graphs cannot be started again: {}", why)});
  } else {
    const Attempt& attempt = attempts_.front();
    tried_ +=
        fmt::format("{}{}{} ({})", tried_.empty() ? "" : ", ", attempt.python, attempt.user ? " as nobody" : "", why);
    attempts_.erase(attempts_.begin());
  }
  advance();
}

void HelperProcess::give_up() {
  const std::string text =
      fmt::format("no Python that has Dask was found to open graphs with; tried {}. TRIREME_DASK_PYTHON can name one.",
                  tried_.empty() ? "none: there is no python3 on PATH" : tried_);
  for (Waiting& waiting : std::exchange(waiting_, {})) waiting.done(HostFailure{text, true});
}

void HelperProcess::message_came(Bytes message) {
  deadline_.cancel();
  if (state_ == State::kStarting) return introduced(message.view());
  if (state_ != State::kBusy || is_late_) return process_->kill();  // a user's code wrote this
  state_ = State::kIdle;
  answer(std::move(message));
  advance();
}

void HelperProcess::ended(const std::string& how) {
  deadline_.cancel();
  process_.reset();
  const std::string what = is_late_ ? "took too long and was ended" : how;
  is_late_ = false;
  const State was = std::exchange(state_, State::kNone);
  spdlog::warn("event=dask_python_ended how=\"{}\"", what);
  if (was == State::kStarting) return start_failed("it " + what);
  if (was != State::kBusy) return;
  answer(HostFailure{fmt::format("the Python process that opens graphs {} while it worked on this", what)});
  advance();
}

void HelperProcess::limit_time(std::chrono::milliseconds limit) {
  deadline_.expires_after(limit);
  deadline_.async_wait([this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
    if (error || alive.expired() || !process_) return;
    is_late_ = true;
    process_->kill();
  });
}

void HelperProcess::answer(std::variant<Bytes, HostFailure> answer) {
  const Done done = std::move(waiting_.front().done);
  waiting_.pop_front();
  done(std::move(answer));
}

}  // namespace trireme::launcher::dask
