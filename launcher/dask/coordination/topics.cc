#include "dask/coordination/topics.h"

#include <utility>

namespace trireme::launcher::dask {

const std::set<std::string, std::less<>>& Topics::log(const std::string& topic, Bytes message, double now) {
  Topic& logged = topics_[topic];
  logged.bytes += message.size();
  logged.events.push_back({now, std::move(message)});
  while (logged.events.size() > kMostEvents || (logged.bytes > kMostBytes && logged.events.size() > 1)) {
    logged.bytes -= logged.events.front().message.size();
    logged.events.pop_front();
  }
  return logged.subscribers;
}

const std::deque<LoggedEvent>& Topics::events(std::string_view topic) const {
  static const std::deque<LoggedEvent> none;
  const auto found = topics_.find(topic);
  return found == topics_.end() ? none : found->second.events;
}

std::vector<std::string> Topics::names() const {
  std::vector<std::string> names;
  for (const auto& [name, topic] : topics_) {
    if (!topic.events.empty()) names.push_back(name);
  }
  return names;
}

void Topics::subscribe(const std::string& topic, const std::string& client) {
  topics_[topic].subscribers.insert(client);
}

void Topics::unsubscribe(std::string_view topic, std::string_view client) {
  const auto found = topics_.find(topic);
  if (found == topics_.end()) return;
  std::erase_if(found->second.subscribers, [&](const std::string& name) { return name == client; });
  if (found->second.subscribers.empty() && found->second.events.empty()) topics_.erase(found);
}

void Topics::forget_client(std::string_view client) {
  for (const std::string& name : subscribed_by(client)) unsubscribe(name, client);
}

std::vector<std::string> Topics::subscribed_by(std::string_view client) const {
  std::vector<std::string> names;
  for (const auto& [name, topic] : topics_) {
    if (topic.subscribers.contains(client)) names.push_back(name);
  }
  return names;
}

}  // namespace trireme::launcher::dask
