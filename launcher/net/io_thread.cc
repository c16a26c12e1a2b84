#include "net/io_thread.h"

#include <exception>
#include <utility>

#include <spdlog/spdlog.h>

namespace trireme::launcher {

IoThread::IoThread(std::string name) : name_(std::move(name)), thread_([this] { run(); }) {}

IoThread::~IoThread() { stop(); }

void IoThread::stop() noexcept {
  context_.stop();
  if (thread_.joinable()) thread_.join();
}

void IoThread::run() noexcept {
  while (!context_.stopped()) {
    try {
      context_.run();
    } catch (const std::exception& error) {
      spdlog::error("event=handler_failed face={} error=\"{}\"", name_, error.what());
    }
  }
}

}  // namespace trireme::launcher
