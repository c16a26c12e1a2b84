#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <boost/container/small_vector.hpp>

namespace trireme::launcher::dask::tasks {

struct Task;

// An owner of a task (a worker that holds its result, a client that wants it), and the task's place in the owner's
// list.
template <class Owner>
struct Membership {
  Owner* owner;
  std::uint32_t slot;
};

template <class Owner>
using Memberships = boost::container::small_vector<Membership<Owner>, 1>;

// Keeps both sides of "owner has task": a list of tasks in the owner, a few memberships in the task.
//
// Finding costs one step per owner of the task, which are few; adding and removing cost no more than that, however many
// tasks the owner has. The order of an owner's tasks changes when one is removed.
template <class T, class Owner, std::vector<T*> Owner::*kTasks, Memberships<Owner> T::*kOwners>
struct Relation {
  static Membership<Owner>* find(T& task, const Owner& owner) {
    for (Membership<Owner>& each : task.*kOwners) {
      if (each.owner == &owner) return &each;
    }
    return nullptr;
  }

  static bool has(const T& task, const Owner& owner) { return find(const_cast<T&>(task), owner) != nullptr; }

  // False when the owner has it already.
  static bool add(T& task, Owner& owner) {
    if (has(task, owner)) return false;
    (task.*kOwners).push_back({&owner, static_cast<std::uint32_t>((owner.*kTasks).size())});
    (owner.*kTasks).push_back(&task);
    return true;
  }

  // False when the owner does not have it.
  static bool remove(T& task, Owner& owner) {
    Membership<Owner>* found = find(task, owner);
    if (found == nullptr) return false;
    std::vector<T*>& tasks = owner.*kTasks;
    if (found->slot + 1 != tasks.size()) {
      tasks[found->slot] = tasks.back();
      find(*tasks[found->slot], owner)->slot = found->slot;
    }
    tasks.pop_back();
    *found = (task.*kOwners).back();
    (task.*kOwners).pop_back();
    return true;
  }
};

}  // namespace trireme::launcher::dask::tasks
