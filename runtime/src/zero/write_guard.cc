#include "zero/write_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <mutex>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {
namespace {

struct AddressRange {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
};

AddressRange range_of(const at::Tensor& tensor) {
  const auto begin = reinterpret_cast<std::uintptr_t>(tensor.const_data_ptr());
  return {begin, begin + tensor.nbytes()};
}

// The whole pages inside; the tensor's last one is padded, so it counts.
AddressRange pages_of(const at::Tensor& tensor) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto [begin, end] = range_of(tensor);
  const auto first = (begin + page - 1) / page * page;
  return {first, std::max(first, begin == first ? (end + page - 1) / page * page : end / page * page)};
}

}  // namespace

// In a list that a signal handler can read.
struct WriteGuard::Watched {
  struct Entry {
    AddressRange range;
    std::string name;
  };
  std::vector<Entry> entries;
  std::atomic<bool> is_closed = false;
  std::atomic<Watched*> next = nullptr;

  static std::mutex mutex;  // of those who link and unlink
  static std::atomic<Watched*> first;
  static struct sigaction previous;

  static const std::string* find(std::uintptr_t address) noexcept {
    for (const auto* watched = first.load(); watched != nullptr; watched = watched->next.load()) {
      if (!watched->is_closed) continue;
      for (const auto& [range, name] : watched->entries) {
        if (range.begin <= address && address < range.end) return &name;
      }
    }
    return nullptr;
  }

  static void say(const char* text, std::size_t length) noexcept {
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text, length);
  }

  // What was there before sees the signal again: the instruction that failed is run again, and a signal that was sent
  // is sent again.
  static void on_fault(int, siginfo_t* info, void*) {
    if (const auto* name = find(reinterpret_cast<std::uintptr_t>(info->si_addr))) {
      constexpr std::string_view kBefore = "trireme: parameter ";
      constexpr std::string_view kAfter =
          " was written outside of an update, while other ranks may compute with it. Write parameters through "
          "write_parameters(), or in update().\n";
      say(kBefore.data(), kBefore.size());
      say(name->data(), name->size());
      say(kAfter.data(), kAfter.size());
    }
    ::sigaction(SIGSEGV, &previous, nullptr);
    if (info->si_code <= 0) ::raise(SIGSEGV);
  }

  void link() {
    const std::lock_guard lock(mutex);
    next = first.load();
    if (first.exchange(this) != nullptr) return;
    struct sigaction action {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO;
    ::sigaction(SIGSEGV, &action, &previous);
  }

  void unlink() {
    const std::lock_guard lock(mutex);
    auto* link = &first;
    while (link->load() != this) link = &link->load()->next;
    *link = next.load();
    if (first.load() == nullptr) ::sigaction(SIGSEGV, &previous, nullptr);
  }
};

std::mutex WriteGuard::Watched::mutex;
std::atomic<WriteGuard::Watched*> WriteGuard::Watched::first = nullptr;
struct sigaction WriteGuard::Watched::previous {};

WriteGuard::WriteGuard(std::vector<at::Tensor> memory, std::vector<std::pair<std::string, at::Tensor>> names)
    : memory_(std::move(memory)), watched_(std::make_unique<Watched>()) {
  for (auto& [name, tensor] : names) watched_->entries.push_back({range_of(tensor), std::move(name)});
  watched_->link();
}

WriteGuard::~WriteGuard() {
  if (watched_->is_closed) protect(PROT_READ | PROT_WRITE);
  watched_->unlink();
}

void WriteGuard::close() {
  protect(PROT_READ);
  watched_->is_closed = true;
}

void WriteGuard::open() {
  protect(PROT_READ | PROT_WRITE);
  watched_->is_closed = false;
}

void WriteGuard::protect(int rights) {
  for (const auto& tensor : memory_) {
    const auto [begin, end] = pages_of(tensor);
    if (begin == end) continue;
    if (::mprotect(reinterpret_cast<void*>(begin), end - begin, rights) == 0) continue;
    throw Error(message("mprotect of {} bytes of parameters: {}", end - begin, std::strerror(errno)));
  }
}

}  // namespace trireme
